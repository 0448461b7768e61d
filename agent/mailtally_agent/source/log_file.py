"""Follows one log file, through rotation by renaming and by copying and truncating.

Gives     chunks of whole lines, in the order in which they were written, and the place behind them.
How       Every read begins a little before the place and checks that the bytes there are those read
          before. If they are not, or the file shrank or was renamed, the place is searched in the
          log's siblings: the one that holds it is read to its end, then the next newer one. Lines
          that can be found nowhere are a gap: counted, never silent.
Limits    A line without end at the end of a rotated file is dropped and counted as torn.
"""

import logging
import os.path

from mailtally_agent.source.disk import Disk, FileStat, OpenFile
from mailtally_agent.source.lines import CHUNK_BYTES, LineCutter, LogCounts
from mailtally_agent.source.place import HEAD_BYTES, TAIL_BYTES, Place
from mailtally_agent.source.rotation import siblings

logger = logging.getLogger(__name__)


class LogFile:
    """One log: the file at path and its rotated siblings."""

    # The files of one log follow each other.
    near_us: int | None = None

    def __init__(self, disk: Disk, path: str, place: Place | None) -> None:
        """Begin behind place, or at the oldest sibling when it is None."""
        self._disk = disk
        self._path = path
        self._file: OpenFile | None = None
        self._resume_at = place
        self.counts = LogCounts()
        self._lines = LineCutter(self.counts)

    def read(self) -> list[str]:
        """The next whole lines, at most CHUNK_BYTES of them; empty when there are none yet.

        Lines are decoded with ``surrogateescape`` and come without their line ends. Raises OSError
        when the log cannot be read.
        """
        if self._file is None and not self._begin():
            return []
        while self._file is not None:
            before, tail = self._lines.offset, self._lines.tail
            start = before - len(tail)
            data = self._file.read_at(start, len(tail) + CHUNK_BYTES)
            if not data.startswith(tail):
                self._lost_place()
                continue
            lines = self._lines.take(data[len(tail) :])
            if lines:
                return lines
            if self._lines.offset == before and not self._next_file(start + len(data)):
                if before == 0:
                    # Nothing read yet, so there is no place to tell a copied and truncated file by.
                    self.close()
                break
        return []

    def place(self) -> Place | None:
        """The place behind the last whole line given; None before anything was read."""
        if self._file is None or self._lines.line_offset == 0:
            return self._resume_at
        return self._lines.place()

    def backlog_bytes(self) -> int:
        """Bytes that wait in the file being read and in the newer ones."""
        if self._file is None:
            return 0
        current = self._file.stat()
        newer = self._newer_than(current)
        return max(0, current.size - self._lines.line_offset) + sum(s.size for _, s in newer)

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._resume_at = self.place()
            self._file.close()
            self._file = None

    def first_change_us(self) -> int | None:
        """Last change of the file being read, else of the oldest: no line in it is younger.

        None without any file. Of an empty file nothing is known but when it was made.
        """
        if self._file is not None:
            return self._file.stat().mtime_us
        stats = [status for _, status in self._existing()]
        return next((one.mtime_us for one in stats if one.size), None if not stats else stats[-1].mtime_us)

    def _existing(self) -> list[tuple[str, FileStat]]:
        """Paths and stats of the log's files, oldest first."""
        directory, name = os.path.split(self._path)
        found = []
        for sibling in siblings(name, self._disk.names(directory)):
            path = os.path.join(directory, sibling)
            try:
                found.append((path, self._disk.stat(path)))
            except FileNotFoundError:
                continue
        return found

    def _begin(self) -> bool:
        """Open the file that holds the place to resume at, else the oldest; False without any."""
        place = self._resume_at
        existing = self._existing()
        if place is not None:
            for path, status in reversed(existing):
                if status.size < place.offset:
                    continue
                file = self._disk.open(path)
                if place.is_in(file):
                    self._enter(file, place.offset)
                    return True
                file.close()
            if existing:
                self._report_gap()
        if not existing:
            return False
        self._enter(self._disk.open(existing[0][0]), 0)
        return True

    def _enter(self, file: OpenFile, offset: int) -> None:
        if self._file is not None:
            self._file.close()
        self._file = file
        head = file.read_at(0, min(HEAD_BYTES, offset))
        start = max(0, offset - TAIL_BYTES)
        tail = file.read_at(start, offset - start)
        self._lines = LineCutter(self.counts, offset, head, tail)

    def _next_file(self, seen_bytes: int) -> bool:
        """Read seen_bytes of this file: go on to the next newer file when that has begun.

        True when there may be more to read, here or there.
        """
        assert self._file is not None  # noqa: S101 - read() calls this with an open file only
        current = self._file.stat()
        for path, status in self._newer_than(current):
            if status.size == 0:
                continue
            file = self._disk.open(path)
            # Rotated once more since it was listed, or written to before the rename: look anew.
            if not file.stat().same_file(status) or self._file.stat().size > seen_bytes:
                file.close()
                return True
            if seen_bytes > self._lines.line_offset:
                self.counts.torn += 1
            if not any(one.same_file(current) for _, one in self._existing()):
                # Files that were written after it may be gone too, unread.
                self._report_gap()
            logger.debug("next log file path=%s", path)
            self._resume_at = self.place()
            self._enter(file, 0)
            return True
        return current.size > seen_bytes

    def _newer_than(self, current: FileStat) -> list[tuple[str, FileStat]]:
        existing = self._existing()
        for index, (_, status) in enumerate(existing):
            if status.same_file(current):
                return existing[index + 1 :]
        return [(path, status) for path, status in existing if status.mtime_us >= current.mtime_us]

    def _lost_place(self) -> None:
        """The file no longer holds what was read: find the place in a sibling, else begin anew."""
        logger.info("log file was truncated path=%s", self._path)
        self.close()
        self._begin()

    def _report_gap(self) -> None:
        self.counts.gaps += 1
        logger.warning("lines were lost: no log file holds the last place path=%s", self._path)
