"""The product's own processes, started, killed and asked as an operator would."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict

from mailtally.v1 import query_pb2 as pb
from mailtally.v1.query_pb2_grpc import QueryServiceStub
from tests.corpus.bundled import BUNDLED

BIN = Path(sys.executable).parent
START_SECONDS = 30.0
ABOUT_BUNDLED = tuple(
    datetime.fromisoformat(BUNDLED.ledger["started"]).astimezone(UTC) + timedelta(days=days)
    for days in (-2, 2)
)
# Every process that was started, for end_all().
STARTED: list[subprocess.Popen[bytes]] = []
STATES = ("delivered", "bounced", "expired", "discarded", "held", "removed", "pending")


def end_all() -> None:
    """End every process that was started and may still run."""
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.wait()


def run(
    name: str, *arguments: str, timeout: float = 60, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; output as text."""
    return subprocess.run(
        [BIN / name, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
        env=environment,
    )


@dataclass(kw_only=True)
class Program:
    """One of the product's programs.

    under    a command that runs it, such as strace with its options
    patches  a folder whose sitecustomize.py is loaded into it, before anything else
    """

    under: tuple[str, ...] = ()
    patches: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> Path:
        """What it logged."""
        raise NotImplementedError

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with a signal; gives its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(START_SECONDS)

    def spawn(self, *command: str | Path) -> None:
        """Start a command that logs to the output."""
        with self.output.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.under, *command], stdout=log, stderr=log, env=self.environment()
            )
        STARTED.append(self.process)

    def environment(self) -> dict[str, str]:
        """Our own, with the patches."""
        paths = [str(self.patches)] if self.patches else []
        paths += [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)} if paths else {**os.environ}


@dataclass
class Collector(Program):
    """A collector on a SQLite file of its own, or another database; keeps its port."""

    folder: Path
    port: int = 0
    name: str = "collector"
    database: str = ""

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        """What it logged."""
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it."""
        port_file = self.folder / f"{self.name}.port"
        port_file.unlink(missing_ok=True)
        database = self.database or str(self.folder / "collector.db")
        command: list[str | Path] = [BIN / "mailtally-collector", "run", "--listen", self.address]
        command.append("--insecure")
        self.spawn(*command, "--database", database, "--port-file", port_file)

    def wait(self) -> None:
        """Wait until it listens."""
        assert self.process is not None
        port_file = self.folder / f"{self.name}.port"
        deadline = time.monotonic() + START_SECONDS
        while not (port_file.exists() and port_file.read_text().strip()):
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.02)
        self.port = int(port_file.read_text())

    def query(self, span: tuple[datetime, ...] = ABOUT_BUNDLED) -> "Query":
        """Ask it."""
        return Query(self.address, span)


@dataclass
class Agent(Program):
    """An agent on a log file."""

    folder: Path
    collector: str | list[str]
    log: Path
    server: str = "mx1"
    settings: list[str] = field(default_factory=lambda: ['time_zone = "UTC"'])

    @property
    def config(self) -> Path:
        """Its configuration file, written anew at each start."""
        return self.folder / f"{self.server}.toml"

    @property
    def output(self) -> Path:
        """What it logged."""
        return self.folder / f"{self.server}.out"

    @property
    def state(self) -> Path:
        """Its state folder."""
        return self.folder / f"state-{self.server}"

    def start(self, *more: str) -> None:
        """Start it, with more options; it connects by itself."""
        self.spawn(BIN / "mailtally-agent", "run", "--config", self.write_config(), *more)

    def run_until_end(self) -> None:
        """Report everything that the log holds now."""
        command = ("run", "--config", str(self.write_config()), "--until-end")
        done = run("mailtally-agent", *command, environment=self.environment())
        with self.output.open("a") as log:
            log.write(done.stderr)
        assert done.returncode == 0, done.stderr

    def import_logs(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Import old logs to the end."""
        return run("mailtally-agent", *self._import(arguments))

    def begin_import(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """Import old logs, and go on meanwhile; its output is the agent's."""
        self.spawn(BIN / "mailtally-agent", *self._import(arguments))
        assert self.process is not None
        return self.process

    def _import(self, arguments: tuple[str | Path, ...]) -> list[str]:
        return ["import", "--config", str(self.write_config()), *map(str, arguments)]

    def write_config(self) -> Path:
        """Write the configuration; gives its path."""
        lines = [
            f"server = {json.dumps(self.server)}",
            f"state_dir = {json.dumps(str(self.state))}",
            "[source]",
            f"log = {json.dumps(str(self.log))}",
            *self.settings,
            "[collector]",
            f"address = {json.dumps(self.collector)}",
            "insecure = true",
        ]
        self.config.write_text("\n".join(lines) + "\n")
        return self.config


class Query:
    """Questions over a time, unless given that around the bundled log."""

    def __init__(self, address: str, span: tuple[datetime, ...] = ABOUT_BUNDLED) -> None:
        self._channel = grpc.insecure_channel(address)
        self._span = span
        self.stub = QueryServiceStub(self._channel)

    def filter(self, **more: Any) -> pb.Filter:
        """A filter for that time."""
        asked = pb.Filter(**more)
        asked.start.FromDatetime(self._span[0])
        asked.end.FromDatetime(self._span[1])
        return asked

    def by_state(self, **more: Any) -> dict[str, int]:
        """Recipients by state, without the states that have none."""
        request = pb.SummaryRequest(filter=self.filter(**more), bucket=pb.BUCKET_HOUR)
        total = self.stub.Summary(request, timeout=30).total
        counts = {state: int(getattr(total, state)) for state in STATES}
        assert total.sent == sum(counts.values())
        return {state: count for state, count in counts.items() if count}

    def everything(self) -> dict[str, Any]:
        """All that can be asked, to compare before with after."""
        summary = pb.SummaryRequest(filter=self.filter(), bucket=pb.BUCKET_MINUTE)
        summary.filter.end.FromDatetime(summary.filter.start.ToDatetime() + timedelta(days=3))
        answers = [
            self.stub.Summary(
                pb.SummaryRequest(filter=self.filter(), bucket=pb.BUCKET_HOUR), timeout=30
            ),
            self.stub.TopReasons(pb.TopReasonsRequest(filter=self.filter(), limit=1000)),
            self.stub.ListEvents(pb.ListEventsRequest(filter=self.filter(), page_size=1000)),
        ]
        return {str(i): MessageToDict(answer) for i, answer in enumerate(answers)}

    def events(self, **more: Any) -> list[pb.Event]:
        """All error events, page by page."""
        events: list[pb.Event] = []
        token = ""
        while True:
            page = self.stub.ListEvents(
                pb.ListEventsRequest(filter=self.filter(**more), page_size=37, page_token=token)
            )
            events += page.events
            token = page.next_page_token
            if not token:
                return events

    def close(self) -> None:
        """Give the connection back."""
        self._channel.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def bundled_log(folder: Path) -> Path:
    """A copy of the bundled log that has the original's date."""
    path = folder / "mail.log"
    path.write_bytes(BUNDLED.log.read_bytes())
    date_like_bundled(path)
    return path


def date_like_bundled(path: Path) -> None:
    """Give a file the moment at which the bundled log ended: its time stamps carry no year."""
    moment = datetime.fromisoformat(BUNDLED.ledger["ended"]).timestamp()
    os.utime(path, (moment, moment))


def ledger_by_state() -> dict[str, int]:
    """Outbound recipients by state, as sender and receivers noted them."""
    return dict(BUNDLED.outbound["by_state"])


def count_events_by_state(events: list[pb.Event]) -> dict[str, int]:
    """Events by the name of their state."""
    names = (pb.DeliveryState.Name(event.state) for event in events)
    return dict(Counter(name.removeprefix("DELIVERY_STATE_").lower() for name in names))
