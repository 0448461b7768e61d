"""From logs to window, step by step, and the checkpoint behind it.

The core of the agent: plain steps over a disk and a clock that are arguments. The session calls
``read_some`` when there is room, sends what the window holds, and tells of acknowledgements.

    1  read_some    next lines of the log whose turn it is -> records -> window
    2  acknowledged the oldest batch is committed; its token is remembered
    3  a mark is taken now and then while reading: places and states here, behind record number n
    4  when n records have been acknowledged, the mark becomes the checkpoint on disk

Logs take turns, a chunk each, so that one with a long backlog keeps none waiting.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mailtally_agent import checkpoint
from mailtally_agent.checkpoint import Checkpoint
from mailtally_agent.message import Message
from mailtally_agent.reading import LogOptions, Reached, Reading, ReadingOptions
from mailtally_agent.record import Record
from mailtally_agent.ship import News, Window
from mailtally_agent.source.disk import Disk

# A mark costs time in proportion to the open messages; this keeps it to a few per cent.
MARK_EVERY_US = 2_000_000
# The collector knows the tokens of the newest 256 batches; that of the checkpoint must be one.
MARK_EVERY_BATCHES = 64
_SAMPLES_MAX = 5


@dataclass(frozen=True, slots=True)
class HarvestOptions:
    """What to read and how.

    logs      each with a name of its own
    since_us  messages that arrived before this moment are not reported; None for all
    """

    logs: Sequence[LogOptions]
    checkpoint_path: str
    reading: ReadingOptions
    since_us: int | None


@dataclass(slots=True)
class Totals:
    """What was read of all logs together. Moments: microseconds since 1970.

    samples  lines that could not be read, each with the daemon that wrote it
    """

    lines: int = 0
    unparsed: Counter[str] = field(default_factory=Counter)
    samples: list[tuple[str, str]] = field(default_factory=list)
    oversize: int = 0
    torn: int = 0
    gaps: int = 0
    suspected: int = 0
    losses: int = 0
    open_messages: int = 0
    oldest_us: int | None = None
    newest_us: int | None = None


@dataclass(frozen=True, slots=True)
class _Mark:
    records_before: int
    logs: Mapping[str, Reached]


class Harvest:
    """Logs on their way into the window."""

    def __init__(
        self, options: HarvestOptions, disk: Disk, clock: Callable[[], int], window: Window
    ) -> None:
        """Take up at the checkpoint. clock gives microseconds since 1970.

        Raises OSError when the checkpoint cannot be read; what is wrong with a log is its problem.
        """
        self._options = options
        self._disk = disk
        self._clock = clock
        self.window = window
        self.token = b""
        self._mark: _Mark | None = None
        self._marked_us = 0
        self._batches = 0
        self._turn = 0
        saved = checkpoint.load(disk, options.checkpoint_path)
        reached = saved.logs if saved else {}
        if saved is not None:
            self.token = saved.token
        self.readings = [
            Reading(log, options.reading, clock, reached.get(log.name)) for log in options.logs
        ]
        self._saved = {name: each.place for name, each in reached.items()}

    @property
    def resumed(self) -> bool:
        """Whether any log goes on at a place that was reached before."""
        return any(reading.resumed for reading in self.readings)

    @property
    def is_held(self) -> bool:
        """Whether anything would show, after a crash, that reading had begun: here or there."""
        return bool(self.token or self._saved)

    def read_some(self) -> bool:
        """Read a chunk when there is room; False when there was nothing to read."""
        if self.window.full:
            return False
        count = len(self.readings)
        for step in range(count):
            reading = self.readings[(self._turn + step) % count]
            more, news = reading.read_some()
            if more:
                self._turn = (self._turn + step + 1) % count
                since_us = self._options.since_us
                if since_us is not None:
                    news = [item for item in news if _moment_us(item) >= since_us]
                self.window.add(news)
                return True
        return False

    def caught_up(self) -> bool:
        """Whether all that the logs held at the last aim was read, or cannot be."""
        answers = [reading.caught_up() for reading in self.readings]
        return all(answers)

    def aim(self) -> None:
        """Let caught_up() mean what the logs hold from now on."""
        for reading in self.readings:
            reading.aim()

    def oldest_open(self, count: int) -> list[Message]:
        """Messages of which more lines are to be expected, the oldest first; so many at most."""
        found = [one for reading in self.readings for one in reading.reader.oldest_open(count)]
        return sorted(found, key=lambda message: message.arrival_us)[:count]

    def problems(self) -> list[OSError]:
        """Why logs cannot be read at present."""
        return [reading.problem for reading in self.readings if reading.problem is not None]

    def totals(self) -> Totals:
        """What was read so far."""
        totals = Totals()
        for reading in self.readings:
            reader, counts = reading.reader, reading.counts
            totals.lines += reader.lines
            totals.unparsed += reader.unparsed
            totals.samples += zip(reader.sample_daemons, reader.samples, strict=True)
            totals.oversize += counts.oversize
            totals.torn += counts.torn
            totals.gaps += reading.gaps.certain
            totals.suspected += reading.gaps.suspected
            totals.losses += reader.losses
            totals.open_messages += reader.open_messages
        totals.samples = totals.samples[:_SAMPLES_MAX]
        readers = [reading.reader for reading in self.readings]
        totals.oldest_us = min((r.oldest_us for r in readers if r.oldest_us), default=None)
        totals.newest_us = max((r.newest_us for r in readers if r.newest_us), default=None)
        return totals

    def backlog_bytes(self) -> int:
        """Bytes that wait to be read in all logs."""
        return sum(reading.backlog_bytes() for reading in self.readings)

    def acknowledged(self, sequence: int, token: bytes) -> None:
        """The collector committed a batch. Raises OutOfOrderError, and OSError from the disk."""
        self.window.acknowledge(sequence)
        self.token = token
        self._batches += 1
        self.save_if_due()

    def save_if_due(self) -> None:
        """Write the checkpoint when the last mark is covered; take the next when it is time."""
        mark = self._mark
        if mark is not None and self.window.acknowledged >= mark.records_before:
            self._save(mark)
            self._mark = None
        now_us = self._clock()
        due = not 0 <= now_us - self._marked_us < MARK_EVERY_US
        if self._mark is None and (due or self._batches >= MARK_EVERY_BATCHES):
            self._marked_us = now_us
            self._batches = 0
            self._take_mark()

    def finish(self) -> None:
        """Write the checkpoint for everything read, if everything was acknowledged."""
        if self.window.empty:
            self._take_mark()
            if self._mark is not None:
                self._save(self._mark)
                self._mark = None

    def read_again(self, stored_until_us: int = 0) -> None:
        """Begin anew with the oldest lines that the logs still hold.

        stored_until_us  the newest line that the collector knows, 0 for none: when what a log still
                         holds begins later, what lies between is a gap
        """
        self.window.clear()
        self._mark = None
        self._saved = {}
        for reading in self.readings:
            reading.read_again(stored_until_us)

    def close(self) -> None:
        """Give the logs back."""
        for reading in self.readings:
            reading.close()

    def _take_mark(self) -> None:
        if any(reading.place() != self._saved.get(reading.name) for reading in self.readings):
            logs = {reading.name: reading.reached() for reading in self.readings}
            self._mark = _Mark(self.window.added, logs)

    def _save(self, mark: _Mark) -> None:
        saved = Checkpoint(mark.logs, self.token)
        checkpoint.save(self._disk, self._options.checkpoint_path, saved)
        self._saved = {name: reached.place for name, reached in mark.logs.items()}


def _moment_us(item: News) -> int:
    """When a record's message arrived, or when a gap ends."""
    return item.message.arrival_us if isinstance(item, Record) else item.to_us
