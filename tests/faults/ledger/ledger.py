"""What a log's writer knows of each line: it must be counted, may be, or never.

Order     ``begin`` before the line is written: it may be on the disk from here on. ``written`` when
          the write has returned: it must be counted, unless the log was cut meanwhile (``doubt``).
Gives     ``differences``: what is lost, counted twice, or there and was never written.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.faults.ledger.lives import STATES, Line, Tried


class Attempt(NamedTuple):
    """One try of one recipient of one message; moment as the log has it, in microseconds."""

    tried: Tried
    time_us: int


class Span(NamedTuple):
    """A gap that was reported, both moments in microseconds since 1970 and within it."""

    from_us: int
    to_us: int
    certain: bool
    cause: str

    def holds(self, time_us: int) -> bool:
        """Whether the moment lies in it."""
        return self.from_us <= time_us <= self.to_us


@dataclass(slots=True)
class Entry:
    """A line of the log; ``is_certain`` when it must be read."""

    line: Line
    time_us: int
    is_certain: bool = False


@dataclass(slots=True)
class Observed:
    """What queries tell of one server: attempts, messages by queue id, recipients by state.

    oldest_us  of the oldest line that was read: what lies before is shown as not read, be it in
               the same second
    """

    attempts: Counter[Attempt]
    messages: Counter[str]
    states: Counter[str]
    gaps: Sequence[Span]
    oldest_us: int = 0


@dataclass(slots=True)
class Ledger:
    """The lines of one server.

    may_lose     something was done that loses lines: any gap is in order
    may_suspect  something was done that may lose lines, for all that a reader can tell
    """

    recipients: dict[str, tuple[str, ...]]
    may_lose: bool = False
    may_suspect: bool = False
    entries: list[Entry] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _doubts: int = 0
    _doubted: bool = False

    def begin(self, line: Line, time_us: int) -> Entry:
        """Note a line that is about to be written."""
        entry = Entry(line, time_us)
        with self._lock:
            self._doubted = self._doubts > 0
            self.entries.append(entry)
        return entry

    def written(self, entry: Entry) -> None:
        """Note that the line is on the disk."""
        with self._lock:
            entry.is_certain = not self._doubted and not self._doubts

    @contextmanager
    def doubt(self) -> Iterator[None]:
        """Let lines that are written during the block be ones that may be lost."""
        with self._lock:
            self._doubts += 1
            self._doubted = True
            self.may_lose = True
        try:
            yield
        finally:
            with self._lock:
                self._doubts -= 1

    def attempts(self) -> int:
        """How many attempts were written."""
        return sum(entry.line.tried is not None for entry in self.entries)

    def differences(self, observed: Observed) -> list[str]:
        """Where queries differ from what was written; empty when they agree."""
        may: Counter[Attempt] = Counter()
        must: Counter[Attempt] = Counter()
        unsure: set[str] = set()
        for entry in self.entries:
            excused = any(span.holds(entry.time_us) for span in observed.gaps)
            excused |= self.may_lose and entry.time_us <= observed.oldest_us
            if excused or not entry.is_certain:
                unsure.add(entry.line.queue_id)
            if entry.line.tried is not None:
                attempt = Attempt(entry.line.tried, entry.time_us)
                may[attempt] += 1
                must[attempt] += entry.is_certain and not excused
        wrong = [f"lost: {one}" for one in +must - observed.attempts]
        more = observed.attempts - may
        wrong += [f"{'twice' if may[one] else 'ghost'}: {one}" for one in more]
        wrong += [
            f"message {'twice' if one in self.recipients else 'ghost'}: {one}"
            for one in observed.messages - Counter(self._queue_ids())
        ]
        wrong += self._wrong_states(observed.states, unsure)
        for span in observed.gaps:
            if not (self.may_lose or (self.may_suspect and not span.certain)):
                wrong.append(f"nothing was lost in {span}")
        return wrong

    def _queue_ids(self) -> Iterable[str]:
        return {entry.line.queue_id for entry in self.entries}

    def _wrong_states(self, states: Counter[str], unsure: set[str]) -> list[str]:
        """Recipients of which every line is certain have their state; others may have any."""
        last: dict[tuple[str, str], str] = {}
        for entry in self.entries:
            queue_id = entry.line.queue_id
            if entry.line.accepts:
                last |= {(queue_id, one): "pending" for one in self.recipients[queue_id]}
            if (tried := entry.line.tried) is not None:
                last[queue_id, tried.recipient] = STATES[tried.status]
        least = Counter(state for (queue_id, _), state in last.items() if queue_id not in unsure)
        free = sum(len(self.recipients[one]) for one in unsure)
        wrong = []
        for state in sorted(least | states):
            if not least[state] <= states[state] <= least[state] + free:
                more = f" to {least[state] + free}" if free else ""
                wrong.append(f"{state}: {states[state]} instead of {least[state]}{more}")
        return wrong
