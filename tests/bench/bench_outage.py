"""A day without a collector, then the collector comes: ``make bench-outage``.

What      A day's log of a busy host (100,000 deliveries an hour, 24 hours) is appended, far faster
          than real time, while the agent follows it and nobody listens where it reports. Half-way
          the log is rotated. Then a collector on a new SQLite file starts.
Bars      The agent's memory at most 150 MiB and flat; its state folder no larger at the end of the
          outage than one checkpoint; everything stored at least ten times faster than it arrived;
          totals equal to what was written. Exit status 1 when one is missed.
Limits    Agent, collector and the log's writer share the machine.
"""

import argparse
import atexit
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mailtally.v1 import query_pb2 as pb
from tests.bench.busy_log import RECIPIENTS, BusyLog
from tests.bench.resources import MIB, folder_bytes, resident_mib, sampled
from tests.e2e.processes import STATES, Agent, Collector, end_all, free_port

HOURS = 24.0
DELIVERIES_AN_HOUR = 100_000
MEMORY_MIB_MAX = 150.0
GROWTH_MIB_MAX = 8.0
STATE_BYTES_MAX = MIB
FASTER_MIN = 10.0
LOOK_SECONDS = 1.0
# The agent looks at the log before it is written to, as long as one would in an outage.
SETTLE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Outage:
    """What was measured. Memory of the agent in MiB, sampled."""

    deliveries: int
    lines: int
    log_bytes: int
    hours: float
    written_seconds: float
    memory_away: list[float]
    state_bytes: int
    drained_seconds: float
    memory_draining: list[float]
    collector_mib: float
    states: dict[str, int]
    due: dict[str, int]

    @property
    def faster(self) -> float:
        """How much faster it was stored than it arrived."""
        return self.hours * 3_600 / self.drained_seconds

    @property
    def growth(self) -> float:
        """What the agent's memory grew by from the first third of the outage to its end."""
        third = max(1, len(self.memory_away) // 3)
        return max(self.memory_away) - max(self.memory_away[:third])

    def missed(self) -> list[str]:
        """The bars that are missed."""
        memory = max(*self.memory_away, *self.memory_draining)
        missed = []
        if memory > MEMORY_MIB_MAX:
            missed.append(f"memory {memory:.0f} MiB is more than {MEMORY_MIB_MAX:.0f}")
        if self.growth > GROWTH_MIB_MAX:
            missed.append(f"memory grew by {self.growth:.0f} MiB while the collector was away")
        if self.state_bytes > STATE_BYTES_MAX:
            missed.append(f"the state folder has {self.state_bytes:,} bytes")
        if self.faster < FASTER_MIN:
            missed.append(f"stored {self.faster:.1f} times faster than it arrived")
        if self.states != self.due:
            missed.append(f"stored {self.states}, written {self.due}")
        return missed


def measure(folder: Path, hours: float, deliveries: int) -> Outage:
    """Write the log without a collector, start one, and wait until it has everything."""
    log = BusyLog(deliveries, hours)
    path = folder / "mail.log"
    path.touch()
    collector = Collector(folder, free_port())
    agent = Agent(folder, collector.address, path)
    agent.start()
    assert agent.process is not None
    pid = agent.process.pid
    time.sleep(SETTLE_SECONDS)
    rotated = folder / "mail.log.1"

    def rotate_half_way(messages: int) -> None:
        if messages >= deliveries // RECIPIENTS // 2 and not rotated.exists():
            path.rename(rotated)

    began = time.monotonic()
    with sampled(lambda: resident_mib(pid), 0.2) as away:
        log.write(path, rotate_half_way)
        written_seconds = time.monotonic() - began
        time.sleep(SETTLE_SECONDS)
    state_bytes = folder_bytes(agent.state)
    collector.start()
    began = time.monotonic()
    with sampled(lambda: resident_mib(pid), 0.2) as draining:
        states = _wait_for(collector, log)
        drained_seconds = time.monotonic() - began
    assert collector.process is not None
    collector_mib = resident_mib(collector.process.pid)
    agent.end()
    collector.end()
    return Outage(
        log.deliveries,
        log.lines,
        path.stat().st_size + rotated.stat().st_size,
        hours,
        written_seconds,
        away,
        state_bytes,
        drained_seconds,
        draining,
        collector_mib,
        states,
        dict(log.states),
    )


def _wait_for(collector: Collector, log: BusyLog) -> dict[str, int]:
    """Wait until as many recipients are stored as were written; recipients by state."""
    query = collector.query((log.begin, log.end))
    request = pb.SummaryRequest(filter=query.filter(), bucket=pb.BUCKET_HOUR)
    deadline = time.monotonic() + 3 * (log.end - log.begin).total_seconds() / FASTER_MIN
    while True:
        total = query.stub.Summary(request, timeout=60).total
        states = {state: int(getattr(total, state)) for state in STATES}
        states = {state: count for state, count in states.items() if count}
        if states == dict(log.states) or time.monotonic() > deadline:
            query.close()
            return states
        if sys.stderr.isatty():
            print(f"\r{total.sent:,} of {log.deliveries:,}", end="\r", file=sys.stderr)
        time.sleep(LOOK_SECONDS)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=HOURS)
    parser.add_argument("--deliveries", type=int, default=0, help="in all; default 100,000 an hour")
    options = parser.parse_args()
    deliveries = options.deliveries or int(options.hours * DELIVERIES_AN_HOUR)
    atexit.register(end_all)
    with tempfile.TemporaryDirectory(prefix="outage-") as name:
        found = measure(Path(name), options.hours, deliveries)
    rate = found.deliveries / found.drained_seconds
    print(
        f"{found.hours:g} hours: {found.deliveries:,} deliveries, {found.lines:,} lines,"
        f" {found.log_bytes / MIB:,.0f} MiB of log, written in {found.written_seconds:.0f} s"
    )
    print(
        f"agent while the collector was away: {max(found.memory_away):.1f} MiB at most, grew by"
        f" {found.growth:.1f} MiB; state folder {found.state_bytes:,} bytes"
    )
    print(
        f"stored in {found.drained_seconds:.0f} s: {rate:,.0f} deliveries a second,"
        f" {found.faster:.0f} times faster than they arrived; agent"
        f" {max(found.memory_draining):.1f} MiB at most, collector {found.collector_mib:.0f} MiB"
    )
    for state, count in sorted(found.states.items()):
        print(f"{state}: {count:,}")
    for missed in found.missed():
        print(f"MISSED: {missed}")
    return 1 if found.missed() else 0


if __name__ == "__main__":
    sys.exit(main())
