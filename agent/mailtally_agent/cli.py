"""The command ``mailtally-agent``."""

import argparse
import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from mailtally_agent import __version__
from mailtally_agent.config import DEFAULT_INTERNAL_NEXT_HOPS, Config, load_config
from mailtally_agent.settings_file import ConfigError
from mailtally_agent.status import STALE_SECONDS, STATUS_NAME

DEFAULT_CONFIG = "/etc/mailtally/agent.toml"
EXIT_FINDING = 1
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h


def build_parser() -> argparse.ArgumentParser:
    """All commands and options."""
    parser = argparse.ArgumentParser(
        prog="mailtally-agent",
        description="Reads Postfix logs and reports deliveries to a mailtally collector.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    configured = argparse.ArgumentParser(add_help=False)
    configured.add_argument(
        "--config",
        type=Path,
        default=Path(DEFAULT_CONFIG),
        metavar="FILE",
        help=f"configuration file (default {DEFAULT_CONFIG})",
    )
    run = commands.add_parser(
        "run", parents=[configured], help="follow the log and report to the collector"
    )
    run.add_argument(
        "--until-end",
        action="store_true",
        help="report what the log holds now, wait until all of it is stored, and leave",
    )
    commands.add_parser(
        "check", parents=[configured], help="check configuration, log and collector"
    )
    status = commands.add_parser(
        "status", parents=[configured], help="show how the running agent is doing"
    )
    status.add_argument("--json", action="store_true", help="the whole status as JSON")
    parse = commands.add_parser(
        "parse",
        help="read a log on standard input, write one JSON object a record (for bug reports)",
    )
    parse.add_argument(
        "--time-zone",
        default="UTC",
        metavar="ZONE",
        help="zone of time stamps that carry none (default UTC)",
    )
    parse.add_argument(
        "--internal-next-hop",
        action="append",
        metavar="NETWORK",
        help="address or network of a content filter; may be given again"
        f" (default {' '.join(DEFAULT_INTERNAL_NEXT_HOPS)})",
    )
    parse.add_argument("--count", action="store_true", help="count records, do not write them")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status: 0, 1 for a finding, 2 usage, 78 configuration."""
    options = build_parser().parse_args(arguments)
    try:
        return _dispatch(options)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return EXIT_CONFIG
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _dispatch(options: argparse.Namespace) -> int:
    if options.command == "parse":
        return _parse(options)
    config = load_config(options.config)
    if options.command == "status":
        return _status(config, as_json=options.json)
    # gRPC's import costs a tenth of a second; the commands above do without.
    from mailtally_agent import check, daemon  # noqa: PLC0415

    if options.command == "check":
        return 0 if asyncio.run(check.check(config)) else EXIT_FINDING
    logging.basicConfig(
        level=config.log_level.upper(), format="%(levelname)s %(message)s", stream=sys.stderr
    )
    try:
        asyncio.run(daemon.run(config, until_end=options.until_end))
    except OSError as error:
        print(f"mailtally-agent: {error}", file=sys.stderr)
        return EXIT_FINDING
    return 0


def _status(config: Config, *, as_json: bool) -> int:
    path = config.state_dir / STATUS_NAME
    try:
        status = json.loads(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        print(f"{path}: no agent has run with this configuration", file=sys.stderr)
        return EXIT_FINDING
    except (OSError, ValueError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return EXIT_FINDING
    age = datetime.now(UTC) - datetime.fromisoformat(status["time"])
    running = age.total_seconds() < STALE_SECONDS
    if as_json:
        print(json.dumps({**status, "running": running}))
    else:
        print(f"{'running':<22} {json.dumps(running)}")
        for name, value in status.items():
            print(f"{name:<22} {json.dumps(value)}")
    return 0 if running and status["connected"] else EXIT_FINDING


def _parse(options: argparse.Namespace) -> int:
    from mailtally_agent.parse import parse_stream  # noqa: PLC0415

    try:
        zone = ZoneInfo(options.time_zone)
        return parse_stream(
            sys.stdin.buffer,
            zone=zone,
            newest_us=time.time_ns() // 1000,
            internal_next_hops=options.internal_next_hop or DEFAULT_INTERNAL_NEXT_HOPS,
            write=not options.count,
        )
    except (LookupError, ValueError) as error:
        print(f"mailtally-agent parse: {error}", file=sys.stderr)
        return 2
