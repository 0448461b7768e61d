"""The three views on a real Postfix log, in one go: ``make demo``.

Starts a collector on a fresh SQLite file and an agent on the log, waits until all of it is stored,
prints the figures by the query command, and stays up until Ctrl-C when attached to a terminal. It
runs the commands that an operator runs, nothing else; everything lies in one temporary folder.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

BIN = Path(sys.executable).parent
CORPUS = Path(__file__).resolve().parents[2] / "tests" / "corpus" / "real"
START_SECONDS = 30


class DemoError(Exception):
    """The demonstration cannot go on; the text says why."""


def main() -> int:
    """Run the demonstration; 0 when the views were printed."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.splitlines()[0])
    parser.add_argument("--log", type=Path, help="Postfix log to show (default: the bundled one)")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="mailtally-demo-") as folder:
            _demonstrate(Path(folder), options.log)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _demonstrate(folder: Path, log: Path | None) -> None:
    zone: list[str] = []
    if log is None:
        log, zone = _bundled_log(folder), ['time_zone = "UTC"']
    elif not os.access(log, os.R_OK):
        raise DemoError(f"{log}: cannot be read (a mail log needs root or the group adm)")
    with _collector(folder) as address:
        config = _agent_config(folder, log, address, zone)
        print(f"reading {log}", flush=True)
        _command("mailtally-agent", "run", "--config", config, "--until-end", quiet=True)
        span = _span(config)
        for title, view in (
            ("Outbound mail", ["stats", *_bucket(span)]),
            ("Top bounce reasons", ["reasons"]),
            ("Outbound error events (newest 15)", ["events", "--limit", "15"]),
            ("Servers", ["servers"]),
        ):
            print(f"\n== {title}", flush=True)
            filters = [] if view == ["servers"] else span
            _command("mailtally", *view, "--collector", address, *filters)
        if sys.stdin.isatty() and sys.stdout.isatty():
            print(
                f"\nThe collector is up. Try:  {BIN}/mailtally trace --collector {address} QUEUE_ID"
            )
            print("Ctrl-C ends it.", flush=True)
            _command("mailtally-agent", "run", "--config", config, quiet=True)


def _bundled_log(folder: Path) -> Path:
    """Copy the bundled log and give it its date: its time stamps have no year."""
    log = folder / "mail.log"
    shutil.copyfile(CORPUS / "mail.log", log)
    ended = json.loads((CORPUS / "ledger.json").read_text())["ended"]
    moment = datetime.fromisoformat(ended).timestamp()
    os.utime(log, (moment, moment))
    return log


@contextmanager
def _collector(folder: Path) -> Iterator[str]:
    """Run a collector; gives its address."""
    port_file = folder / "port"
    output = folder / "collector.log"
    config = folder / "collector.toml"
    # The log may be old, and is shown as long as the demonstration lasts.
    config.write_text('[retention]\nrows_days = "off"\nrollups_days = "off"\n')
    command = [BIN / "mailtally-collector", "run", "--listen", "127.0.0.1:0", "--config", config]
    command.append("--insecure")
    command += ["--database", folder / "collector.db", "--port-file", port_file]
    with output.open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not (port_file.exists() and port_file.read_text().strip()):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise DemoError(f"the collector did not start:\n{output.read_text()}")
                time.sleep(0.05)
            yield f"127.0.0.1:{port_file.read_text().strip()}"
        finally:
            process.terminate()


def _agent_config(folder: Path, log: Path, address: str, source: list[str]) -> str:
    config = folder / "agent.toml"
    lines = [
        'server = "demo"',
        f"state_dir = {json.dumps(str(folder / 'agent'))}",
        "[source]",
        f"log = {json.dumps(str(log.resolve()))}",
        *source,
        "[collector]",
        f'address = "{address}"',
        "insecure = true",
        "[log]",
        'level = "warning"',
    ]
    config.write_text("\n".join(lines) + "\n")
    return str(config)


def _span(config: str) -> list[str]:
    """The range options that cover everything that the agent read."""
    path = Path(config).parent / "agent" / "status.json"
    status = json.loads(path.read_text())
    if status["oldest_line"] is None:
        raise DemoError("the log holds no line that mailtally can read")
    oldest = datetime.fromisoformat(status["oldest_line"]) - timedelta(hours=1)
    newest = datetime.fromisoformat(status["newest_line"]) + timedelta(hours=1)
    return ["--from", oldest.isoformat(), "--to", newest.isoformat()]


def _bucket(span: list[str]) -> list[str]:
    """Hours for a log of hours; longer ones are cut as the query command does by itself."""
    start, end = (datetime.fromisoformat(moment) for moment in (span[1], span[3]))
    return ["--bucket", "hour"] if end - start < timedelta(days=1) else []


def _command(name: str, *arguments: str, quiet: bool = False) -> None:
    done = subprocess.run(
        [BIN / name, *arguments], check=False, stdout=subprocess.DEVNULL if quiet else None
    )
    if done.returncode:
        raise DemoError(f"{name} {arguments[0]} ended with exit status {done.returncode}")


if __name__ == "__main__":
    sys.exit(main())
