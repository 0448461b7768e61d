"""The command ``mailtally-agent``."""

import argparse
import asyncio
import json
import logging
import math
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from mailtally_agent import __version__
from mailtally_agent.config import DEFAULT_INTERNAL_NEXT_HOPS, Config, load_config
from mailtally_agent.direction import direction_rules
from mailtally_agent.identity import IdentityError
from mailtally_agent.settings_file import ConfigError
from mailtally_agent.status import STALE_SECONDS, STATUS_NAME
from mailtally_agent.syslog import last_moment_us

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
    old = commands.add_parser(
        "import",
        parents=[configured],
        help="report old logs, plain or compressed; interrupted, it goes on when run again",
    )
    _add_import_options(old)
    commands.add_parser(
        "check", parents=[configured], help="check configuration, log and collector"
    )
    enroll = commands.add_parser(
        "enroll",
        parents=[configured],
        help="get a certificate for a token of mailtally-collector agents invite",
    )
    enroll.add_argument(
        "token", metavar="TOKEN", help="the line that it printed; - reads it from standard input"
    )
    enroll.add_argument("--json", action="store_true", help="what was kept as one JSON object")
    status = commands.add_parser(
        "status", parents=[configured], help="show how the running agent is doing"
    )
    status.add_argument("--json", action="store_true", help="the whole status as JSON")
    canary = commands.add_parser(
        "canary",
        parents=[configured],
        help="write known lines into the log, look for them at the collector, and say what became"
        " of them",
    )
    _add_canary_options(canary)
    parse = commands.add_parser(
        "parse",
        help="read a log on standard input, write one JSON object an attempt and a message's end",
    )
    audit = commands.add_parser(
        "audit", help="add up the recipients of a log, and name the messages that do not balance"
    )
    audit.add_argument("log", type=Path, metavar="LOG", help="the log to read")
    audit.add_argument(
        "--limit", type=int, default=20, help="messages to name at most (default 20)"
    )
    _add_reading_options(audit)
    _add_reading_options(parse)
    parse.add_argument(
        "--summary",
        action="store_true",
        help="counts by status, direction and class as one JSON object instead",
    )
    return parser


def _add_import_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "logs", nargs="+", metavar="LOG", help="a log: plain text, gzip, bzip2 or xz"
    )
    command.add_argument(
        "--wait",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for a collector that is away (default 60)",
    )
    command.add_argument("--quiet", action="store_true", help="no progress on standard error")
    command.add_argument("--json", action="store_true", help="the summary as one JSON object")
    _add_reading_options(command, configured=True)


def _add_canary_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--interval",
        type=_interval,
        default=60.0,
        metavar="SECONDS",
        help="from one probe (three lines) to the next (default 60, at least 0.1)",
    )
    how_many = command.add_mutually_exclusive_group()
    how_many.add_argument(
        "--count", type=_count, metavar="N", help="so many probes (default: until Ctrl-C)"
    )
    how_many.add_argument("--once", action="store_true", help="one probe")
    command.add_argument(
        "--timeout",
        type=_interval,
        default=60.0,
        metavar="SECONDS",
        help="a line that the collector does not have after that is lost; while it does not answer,"
        " no time passes (default 60)",
    )
    command.add_argument(
        "--collector",
        metavar="ADDRESS",
        help="where to ask (default: collector.address of the configuration)",
    )
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--socket",
        type=Path,
        default=Path("/dev/log"),
        metavar="PATH",
        help="socket of the syslog daemon (default /dev/log)",
    )
    where.add_argument(
        "--file",
        type=Path,
        metavar="LOG",
        help="append to this log instead, which Postfix writes itself (maillog_file)",
    )
    command.add_argument("--json", action="store_true", help="only the report, as one JSON object")


def _count(text: str) -> int:
    """A number of probes; ValueError unless it is one."""
    count = int(text)
    if count < 1:
        raise ValueError(text)
    return count


def _interval(text: str) -> float:
    """A length of time that is not too short; ValueError unless it is one."""
    seconds = _seconds(text)
    if seconds < 0.1:
        raise ValueError(text)
    return seconds


def _seconds(text: str) -> float:
    """A length of time; ValueError unless it is one."""
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError(text)
    return seconds


def _add_reading_options(command: argparse.ArgumentParser, *, configured: bool = False) -> None:
    """Options that tell how to read a log; with configured the configuration has their defaults."""
    command.add_argument(
        "--tz",
        "--time-zone",
        dest="time_zone",
        default=None if configured else "UTC",
        metavar="ZONE",
        help="zone of time stamps that carry none"
        f" (default {'as source.time_zone says' if configured else 'UTC'})",
    )
    command.add_argument(
        "--year",
        type=int,
        metavar="YEAR",
        help="year of the first line, if its time stamp has none (default: the latest that fits)",
    )
    hops = "as configured" if configured else " ".join(DEFAULT_INTERNAL_NEXT_HOPS)
    command.add_argument(
        "--internal-next-hop",
        action="append",
        metavar="HOP",
        help="address, network, host or pipe transport of a content filter or relay of our own;"
        " may be given again"
        f" (default {hops})",
    )


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
    if options.command in {"parse", "audit"}:
        return _read_whole(options)
    config = load_config(options.config)
    if options.command == "status":
        return _status(config, as_json=options.json)
    # gRPC's import costs a tenth of a second; the commands above do without.
    from mailtally_agent import canary_command, check, daemon, import_command  # noqa: PLC0415

    if options.command == "canary":
        return canary_command.run(config, options)
    if options.command == "enroll":
        from mailtally_agent import enroll  # noqa: PLC0415

        return enroll.run(config, options.token, as_json=options.json)
    if options.command == "import":
        return import_command.run(config, options)
    if options.command == "check":
        return 0 if asyncio.run(check.check(config)) else EXIT_FINDING
    logging.basicConfig(
        level=config.log_level.upper(), format="%(levelname)s %(message)s", stream=sys.stderr
    )
    try:
        asyncio.run(daemon.run(config, until_end=options.until_end))
    except IdentityError as error:
        print(f"mailtally-agent: {error}", file=sys.stderr)
        return EXIT_CONFIG
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


def _read_whole(options: argparse.Namespace) -> int:
    from mailtally_agent import parse  # noqa: PLC0415
    from mailtally_agent.log_reader import LogReader  # noqa: PLC0415

    try:
        zone = ZoneInfo(options.time_zone)
        rules = direction_rules(options.internal_next_hop or DEFAULT_INTERNAL_NEXT_HOPS)
        newest_us = time.time_ns() // 1000
        if options.year is not None:
            newest_us = last_moment_us(options.year, zone)
        if options.command == "parse":
            reader = LogReader(zone, newest_us, rules)
            write = parse.write_summary if options.summary else parse.write_records
            return write(sys.stdin.buffer, reader)
        with options.log.open("rb") as log:
            if options.year is None:
                newest_us = os.fstat(log.fileno()).st_mtime_ns // 1000
            return parse.write_balance(log, LogReader(zone, newest_us, rules), options.limit)
    except (LookupError, ValueError) as error:
        print(f"mailtally-agent {options.command}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"mailtally-agent {options.command}: {error}", file=sys.stderr)
        return EXIT_FINDING
