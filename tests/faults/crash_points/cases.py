"""One crash or error: a program under strace, started again without help, and compared.

Gives     ``count`` the calls of an area, and ``try_point``: what differs from the ledger then.
Agent     It reports a log and its rotated sibling to a collector that other tries share, each as a
          server of its own.
Collector Each has its database, empty or made before, and an agent that reports all the while.
Errors    A program that ends by itself is started again, as its service manager does.
"""

import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from mailtally_collector.recount_file import recount_file
from tests.e2e.processes import Agent, Collector, free_port
from tests.faults.crash_points.points import Area, Point
from tests.faults.crash_points.strace import KILL, counted, counting, injecting
from tests.faults.ledger.compare import differences, settled
from tests.faults.ledger.log_writer import LogWriter
from tests.faults.patches import SOUND, Mutant, patch_folder

RECOVERY_SECONDS = 10.0
FIRED_SECONDS = 20.0
LOOK_SECONDS = 0.1
# A crash or a full disk may cost the newest checkpoint, never the last good one.
DAMAGED = "checkpoint is of no use"


@dataclass(slots=True)
class Outcome:
    """What came of a point: whether it was met, and what was wrong afterwards."""

    point: Point
    fired: bool
    wrong: list[str]


@dataclass(slots=True)
class Bench:
    """Where tries are made: the collector that is shared, a database without rows."""

    folder: Path
    collector: Collector
    template: Path
    mutant: Mutant = SOUND
    recovery_seconds: float = RECOVERY_SECONDS
    _number: int = field(default=0)

    @classmethod
    def made(cls, folder: Path, mutant: Mutant = SOUND) -> "Bench":
        """Start the collector that agents report to."""
        collector = Collector(folder)
        collector.start()
        template = folder / "template" / "collector.db"
        template.parent.mkdir()
        maker = Collector(template.parent)
        maker.start()
        maker.end()
        return cls(folder, collector, template, mutant)

    def close(self) -> None:
        """End what was started."""
        self.collector.end()

    def new_folder(self) -> Path:
        """Make a folder for one try."""
        self._number += 1
        folder = self.folder / f"try{self._number}"
        folder.mkdir()
        return folder


def count(bench: Bench, area: Area) -> Counter[str]:
    """Count the calls of a run in which nothing happens."""
    folder = bench.new_folder()
    output = folder / "calls"
    paths = _paths(folder, area)
    if area.program == "agent":
        agent, _ = _agent_case(bench, folder)
        agent.under = counting(area.calls, paths, output)
        agent.start("--until-end")
        assert agent.process is not None
        assert agent.process.wait(FIRED_SECONDS) == 0, agent.output.read_text()
        return counted(output)
    collector, agent, writer = _collector_case(bench, folder, area)
    collector.under = counting(area.calls, paths, output)
    collector.launch()
    _wait_for(collector, agent, writer)
    collector.end()
    agent.end()
    return counted(output)


def try_point(bench: Bench, point: Point) -> Outcome:
    """Let it happen, start again, and compare."""
    folder = bench.new_folder()
    under = injecting(point.call, point.number, point.effect, _paths(folder, point.area))
    if point.area.program == "agent":
        outcome = _try_agent(bench, point, folder, under)
    else:
        outcome = _try_collector(bench, point, folder, under)
    if not outcome.wrong:
        shutil.rmtree(folder)
    return outcome


def _try_agent(bench: Bench, point: Point, folder: Path, under: tuple[str, ...]) -> Outcome:
    agent, writer = _agent_case(bench, folder)
    agent.under = under
    agent.start(*(() if point.effect != KILL else ("--until-end",)))
    assert agent.process is not None
    writers = {agent.server: writer}
    deadline = time.monotonic() + FIRED_SECONDS
    while agent.process.poll() is None and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        if point.effect != KILL and not differences(bench.collector, writers):
            break
    fired = agent.process.poll() != 0
    if agent.process.poll() is None:
        agent.end()
    agent.under = ()
    writer.write(40)
    writer.finish()
    writer.close()
    agent.run_until_end()
    wrong, _ = settled([bench.collector], writers, bench.recovery_seconds)
    if DAMAGED in agent.output.read_text():
        wrong.append("the checkpoint was damaged")
    return Outcome(point, fired, wrong)


def _try_collector(bench: Bench, point: Point, folder: Path, under: tuple[str, ...]) -> Outcome:
    collector, agent, writer = _collector_case(bench, folder, point.area)
    collector.under = under
    collector.launch()
    _wait_for(collector, agent, writer)
    assert collector.process is not None
    fired = collector.process.poll() is not None or point.effect != KILL
    if collector.process.poll() is None and point.effect == KILL:
        collector.end()
    collector.under = ()
    writer.write(40)
    writer.finish()
    writer.close()

    def keep_up() -> None:
        """An error may end it later than at once."""
        if collector.process is not None and collector.process.poll() is not None:
            collector.start()

    writers = {agent.server: writer}
    wrong, _ = settled([collector], writers, bench.recovery_seconds, keep_up)
    agent.end()
    collector.end()
    recounted = recount_file(folder / "collector.db", repair=False, quiet=True)
    wrong += [f"roll-up {name}: {rows} rows differ" for name, rows in recounted.items()]
    return Outcome(point, fired, wrong)


def _agent_case(bench: Bench, folder: Path) -> tuple[Agent, LogWriter]:
    patches = patch_folder(folder / "patches", bench.mutant.source_for("agent"))
    agent = Agent(
        folder, bench.collector.address, folder / "mail.log", folder.name, patches=patches
    )
    agent.settings += ["[ship]", "batch_records = 2"]
    writer = LogWriter(agent.log, agent.server, Random(folder.name))  # noqa: S311 - repeatable
    writer.write(150)
    agent.log.rename(folder / "mail.log.1")
    writer.reopen()
    writer.write(150)
    return agent, writer


def _collector_case(bench: Bench, folder: Path, area: Area) -> tuple[Collector, Agent, LogWriter]:
    """Make a collector that is not started and an agent that is."""
    if area.name != "new database":
        shutil.copy(bench.template, folder / "collector.db")
    patches = patch_folder(folder / "patches", bench.mutant.source_for("collector"))
    collector = Collector(folder, port=free_port(), patches=patches)
    agent = Agent(folder, collector.address, folder / "mail.log")
    agent.settings += ["[ship]", "batch_records = 10"]
    writer = LogWriter(agent.log, agent.server, Random(folder.name))  # noqa: S311 - repeatable
    writer.write(300)
    agent.start()
    return collector, agent, writer


def _wait_for(collector: Collector, agent: Agent, writer: LogWriter) -> None:
    """Wait until the collector has ended, or has all that was written."""
    assert collector.process is not None
    deadline = time.monotonic() + FIRED_SECONDS
    while collector.process.poll() is None and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        if not differences(collector, {agent.server: writer}):
            return


def _paths(folder: Path, area: Area) -> list[Path]:
    """Files that the calls of an area are about; none for the network."""
    if area.name == "network":
        return []
    if area.program == "collector":
        return [folder, *(folder / f"collector.db{one}" for one in ("", "-wal", "-shm"))]
    if area.name == "log":
        return [folder, folder / "mail.log", folder / "mail.log.1"]
    state = folder / f"state-{folder.name}"
    names = ("checkpoint.json", "checkpoint.json.new", "status.json", "status.new")
    return [state, *(state / name for name in names)]
