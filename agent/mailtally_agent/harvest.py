"""From log to window, step by step, and the checkpoint behind it.

The core of the agent: plain steps over a disk and a clock that are arguments. The session calls
``read_some`` when there is room, sends what the window holds, and tells of acknowledgements.

    1  read_some    next lines -> records -> window
    2  acknowledged the oldest batch is committed; its token is remembered
    3  a mark is taken now and then while reading: place and state here, behind record number n
    4  when n records have been acknowledged, the mark becomes the checkpoint on disk
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from mailtally_agent import checkpoint
from mailtally_agent.checkpoint import Checkpoint
from mailtally_agent.direction import DirectionRules
from mailtally_agent.log_reader import LogReader
from mailtally_agent.ship import Window
from mailtally_agent.source.disk import Disk
from mailtally_agent.source.log_file import LogFile
from mailtally_agent.source.log_source import LogSource
from mailtally_agent.source.place import Place

logger = logging.getLogger(__name__)

# A mark costs time in proportion to the open messages; this keeps it to a few per cent.
MARK_EVERY_US = 2_000_000
# The collector knows the tokens of the newest 256 batches; that of the checkpoint must be one.
MARK_EVERY_BATCHES = 64


@dataclass(frozen=True, slots=True)
class HarvestOptions:
    """What to read and how.

    log         path of the log, or what an import is called; names the checkpoint's content
    since_us    messages that arrived before this moment are not reported; None for all
    """

    log: str
    checkpoint_path: str
    zone: tzinfo
    rules: DirectionRules
    since_us: int | None


@dataclass(frozen=True, slots=True)
class _Mark:
    records_before: int
    place: Place | None
    state: dict[str, Any]


class Harvest:
    """One log on its way into the window."""

    def __init__(
        self,
        options: HarvestOptions,
        disk: Disk,
        clock: Callable[[], int],
        window: Window,
        open_log: Callable[[Place | None], LogSource] | None = None,
    ) -> None:
        """Take up at the checkpoint. clock gives microseconds since 1970. Raises OSError.

        open_log gives what is read, from a place on; without it the log is followed. It raises
        ValueError for a place that cannot be found: then everything is read again.
        """
        self._options = options
        self._disk = disk
        self._open_log = open_log or (lambda place: LogFile(disk, options.log, place))
        self._clock = clock
        self.window = window
        self.token = b""
        self._mark: _Mark | None = None
        self._marked_us = 0
        self._batches = 0
        self._saved: Place | None = None
        self.resumed = False
        saved = checkpoint.load(disk, options.checkpoint_path, options.log)
        if saved is not None:
            self.token = saved.token
        self._open(saved)

    def _open(self, saved: Checkpoint | None) -> None:
        place = saved.place if saved else None
        try:
            self.log_file = self._open_log(place)
            newest_us = self._clock()
            if place is None:
                newest_us = self.log_file.first_change_us() or newest_us
            self.reader = LogReader(self._options.zone, newest_us, self._options.rules)
            if saved is not None:
                self.reader.restore(saved.state)
        except (ValueError, KeyError, TypeError) as error:
            if saved is None:
                raise
            logger.warning("checkpoint cannot be used, reading again why=%r", error)
            self._open(None)
            return
        self._saved = place
        self.resumed = place is not None

    def read_some(self) -> bool:
        """Read a chunk when there is room; False when there was nothing to read. Raises OSError."""
        if self.window.full:
            return False
        gaps = self.log_file.counts.gaps
        lines = self.log_file.read()
        began_anew = self.log_file.counts.gaps != gaps
        if began_anew or (lines and self.reader.newest_us is None):
            self.reader.begin_anew(self.log_file.first_change_us() or self._clock())
        if not lines:
            return False
        if (near_us := self.log_file.near_us) is not None:
            self.reader.lie_near(near_us)
        records = self.reader.read(lines)
        since_us = self._options.since_us
        if since_us is not None:
            records = [r for r in records if r.message.arrival_us >= since_us]
        self.window.add(records)
        return True

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

    def read_again(self) -> None:
        """Begin anew with the oldest line that the log still holds."""
        self.log_file.close()
        self.window.clear()
        self._mark = None
        self._open(None)

    def _take_mark(self) -> None:
        place = self.log_file.place()
        if place is not None and place != self._saved:
            self._mark = _Mark(self.window.added, place, self.reader.state())

    def _save(self, mark: _Mark) -> None:
        saved = Checkpoint(self._options.log, mark.place, mark.state, self.token)
        checkpoint.save(self._disk, self._options.checkpoint_path, saved)
        self._saved = mark.place
