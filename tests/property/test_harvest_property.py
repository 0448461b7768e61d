"""A log that grows by pieces cut at any byte, is rotated and read by agents that are killed: once.

The agent is the real chain from file to window, with its checkpoint on disk; a killed agent is one
that is simply not used any more. What it had sent without an acknowledgement comes again, under the
same keys.
"""

import tempfile
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from mailtally_agent.direction import DirectionRules
from mailtally_agent.harvest import MARK_EVERY_US, Harvest, HarvestOptions
from mailtally_agent.log_reader import LogReader
from mailtally_agent.reading import LogOptions, ReadingOptions
from mailtally_agent.ship import Window
from mailtally_agent.source.disk import RealDisk
from mailtally_agent.syslog import epoch_us
from tests.corpus.bundled import BUNDLED
from tests.wire import wired

NOW_US = epoch_us(datetime(2026, 12, 1, tzinfo=UTC))
LOG = BUNDLED.log.read_bytes()
RULES = DirectionRules([ip_network("127.0.0.1/32")])


class Step(NamedTuple):
    """The log grows up to a byte; then it may be read, acknowledged, rotated, the agent killed."""

    end: int
    rotate: bool
    read: bool
    acknowledge: bool
    kill: bool


def step(end: int) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(end), *[st.booleans()] * 4)


STEPS = st.lists(st.integers(0, len(LOG)), max_size=8).flatmap(
    lambda ends: st.tuples(*map(step, sorted(ends)))
)


def expected() -> list[bytes]:
    reader = LogReader(UTC, NOW_US, RULES)
    return wired(reader.read(LOG.decode("utf-8", "surrogateescape").split("\n")[:-1]))


EXPECTED = expected()


class World:
    """A log on disk, the agents that read it one after the other, and what they reported."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mail.log"
        self.path.touch()
        self.now_us = NOW_US
        self.reported: dict[bytes, None] = {}
        self.start_agent()

    def start_agent(self) -> None:
        disk = RealDisk()
        options = HarvestOptions(
            logs=[LogOptions.of_file(disk, str(self.path))],
            checkpoint_path=str(self.path.with_name("checkpoint.json")),
            reading=ReadingOptions(UTC, RULES),
            since_us=None,
        )
        self.agent = Harvest(options, disk, lambda: self.now_us, Window(50_000, 10))

    def rotate(self) -> None:
        rotated = sorted(
            self.path.parent.glob("mail.log.*"), key=lambda path: -int(path.suffix[1:])
        )
        for path in rotated:
            path.rename(path.with_suffix(f".{int(path.suffix[1:]) + 1}"))
        self.path.rename(self.path.with_suffix(".log.1"))
        self.path.touch()

    def read(self, *, acknowledge: bool) -> None:
        """Read what there is and send it, and again what was sent without an answer."""
        self.agent.window.reconnect()
        while self.agent.read_some():
            pass
        self.now_us += MARK_EVERY_US
        self.agent.save_if_due()
        while batch := self.agent.window.next_batch(flush=True):
            self.reported.update(dict.fromkeys(wired(batch.records)))
            if acknowledge:
                self.agent.acknowledged(batch.sequence, b"token")


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_any_cut_rotation_and_restart_reports_each_record_once(steps: tuple[Step, ...]) -> None:
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name))
        written = 0
        for each in (*steps, Step(len(LOG), rotate=False, read=True, acknowledge=True, kill=False)):
            # A log is renamed between two writes of whole lines.
            end = LOG.find(b"\n", each.end) + 1 if each.rotate else each.end
            end = max(written, end)
            with world.path.open("ab") as file:
                file.write(LOG[written:end])
            written = end
            if each.read:
                world.read(acknowledge=each.acknowledge)
            if each.rotate and LOG[written - 1 : written] == b"\n":
                world.rotate()
            if each.kill:
                world.start_agent()
        world.read(acknowledge=True)

        assert list(world.reported) == EXPECTED
