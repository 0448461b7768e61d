"""Generated traffic: the records tell what the generator decided, however the log is read.

A failing example names its seed: ``Traffic(seed, families)`` makes the same traffic again.
"""

import json
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from mailtally_agent.audit import Balance
from mailtally_agent.log_reader import LogReader
from mailtally_agent.record import Record
from mailtally_agent.source.disk import RealDisk
from mailtally_agent.source.log_file import LogFile
from tests.traffic.reading import expected, new_reader, told
from tests.traffic.traffic import Traffic
from tests.traffic.truth import NOTIFICATION, PROBE, Truth
from tests.wire import wired

SEEDS = st.integers(0, 2**32)
FAMILIES = 12
# Balance leaves them out: they are counted where they went on, or nowhere.
_ELSEWHERE = {"requeued", "unknown"}


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_records_tell_what_was_decided(seed: int) -> None:
    traffic = Traffic(seed, FAMILIES)
    reader = new_reader()

    records = reader.read(traffic.lines(seed))

    assert told(records) == expected(traffic.truths())
    assert not reader.unparsed


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_every_accepted_recipient_has_one_state(seed: int) -> None:
    traffic = Traffic(seed, FAMILIES)
    balance = Balance()
    records = new_reader().read(traffic.lines(seed))

    balance.add(records)

    accepted = [truth for truth in traffic.truths() if truth.accepted]
    assert all(truth.states().total() == len(truth.recipients) for truth in accepted)
    assert balance.states() == sum(map(_balanced, accepted), Counter())
    assert balance.imbalances() == []
    assert balance.messages() == len({record.message for record in records})


def _balanced(truth: Truth) -> Counter[tuple[str, str]]:
    """States as Balance tells them: what is no mail has a direction of its own."""
    states: Counter[tuple[str, str]] = Counter()
    for (direction, state), count in truth.states().items():
        if state not in _ELSEWHERE:
            mail = truth.traffic_class not in {NOTIFICATION, PROBE}
            states[direction if mail else "notification", state] += count
    return states


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.lists(st.floats(0, 1), max_size=6))
def test_any_cut_and_restart_gives_the_same_records(seed: int, cuts: list[float]) -> None:
    lines = Traffic(seed, FAMILIES).lines(seed)
    records: list[Record] = []
    reader, start = new_reader(), 0
    for cut in [*sorted(cuts), 1]:
        end = round(cut * len(lines))
        reader = _restarted(reader)
        records += reader.read(lines[start:end])
        start = end

    assert wired(records) == wired(new_reader().read(lines))


@settings(max_examples=100, deadline=None)
@given(SEEDS, SEEDS)
def test_any_order_of_strangers_gives_the_same_records(seed: int, order: int) -> None:
    traffic = Traffic(seed, FAMILIES)

    one = new_reader().read(traffic.lines(0))
    other = new_reader().read(traffic.lines(order))

    assert Counter(wired(one)) == Counter(wired(other))


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_any_rotation_and_restart_at_any_byte_gives_the_same_records(seed: int) -> None:
    lines = Traffic(seed, FAMILIES).lines(seed)
    with tempfile.TemporaryDirectory() as folder:
        follower = _Follower(Path(folder), Random(seed))  # noqa: S311

        follower.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))

    assert wired(follower.records) == wired(new_reader().read(lines))


class _Follower:
    """Reads a log while it is written, rotated and taken up again from its state."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.path = folder / "mail.log"
        self.path.touch()
        self.random = random
        self.records: list[Record] = []
        self.reader = new_reader()
        self.log = LogFile(RealDisk(), str(self.path), None)

    def write(self, content: bytes) -> None:
        """Write all of it, some bytes at a time."""
        ends = {len(content)}
        for _ in range(8):
            anywhere = self.random.randrange(1, len(content))
            ends.add(anywhere)
            ends.add(content.index(b"\n", anywhere) + 1)
        start = 0
        for end in sorted(ends):
            with self.path.open("ab") as file:
                file.write(content[start:end])
            if content[end - 1 : end] == b"\n" and self.random.random() < 1 / 2:
                self._rotate()
            self._disturb()
            start = end
        self._read()
        self.log.close()

    def _disturb(self) -> None:
        happens = self.random.choice(("read", "restart", "crash", "nothing"))
        if happens == "read":
            self._read()
        elif happens == "restart":
            self._read()
            self._restart()
        elif happens == "crash":
            # Everything since the checkpoint is forgotten, and read again.
            place, state, count = self.log.place(), self.reader.state(), len(self.records)
            self._read()
            self.log.close()
            self.log = LogFile(RealDisk(), str(self.path), place)
            self.reader = new_reader()
            self.reader.restore(json.loads(json.dumps(state)))
            del self.records[count:]

    def _read(self) -> None:
        while (lines := self.log.read()) or self.log.busy:
            self.records += self.reader.read(lines)

    def _restart(self) -> None:
        place = self.log.place()
        self.log.close()
        self.log = LogFile(RealDisk(), str(self.path), place)
        self.reader = _restarted(self.reader)

    def _rotate(self) -> None:
        numbers = range(sum(1 for _ in self.path.parent.iterdir()) - 1, 0, -1)
        for number in numbers:
            old = self.path.with_name(f"mail.log.{number}")
            old.rename(self.path.with_name(f"mail.log.{number + 1}"))
        self.path.rename(self.path.with_name("mail.log.1"))
        self.path.touch()


def _restarted(reader: LogReader) -> LogReader:
    """A new process's reader, with the state that the checkpoint kept."""
    resumed = new_reader()
    resumed.restore(json.loads(json.dumps(reader.state())))
    return resumed
