"""Follows one log file, through rotation by renaming and by copying and truncating.

Gives     chunks of whole lines, in the order in which they were written, and the place behind them.
How       If a file no longer holds what was read of it, and after a restart, the place is searched
          in the log's siblings, compressed ones too: the one that holds it is read to its end, then
          the next newer one. Of a file of which no line was taken yet there is no place: when names
          changed while it was looked at, the search begins again behind the file before.
Holes     Lines that can be found nowhere, damage, and every place where a log was copied and cut:
          what is written between copy and cut is lost without a trace, so that some may be missing.
          A line without end at the end of a rotated file is dropped, counted as torn, and a hole.
Limits    read() does a bounded amount of work; ``busy`` tells that there is more of it.
"""

import errno
import logging
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import replace

from mailtally_agent.source.disk import Disk, FileStat, OpenFile
from mailtally_agent.source.growing_file import CutError, GrowingFile
from mailtally_agent.source.hole import Hole
from mailtally_agent.source.lines import LogCounts
from mailtally_agent.source.log_folder import Listing, LogFolder, Sibling, listing
from mailtally_agent.source.place import Place
from mailtally_agent.source.rotation import is_packed
from mailtally_agent.source.search import Hit, Lines, begins_alike, search
from mailtally_agent.source.unpack import DamagedError
from mailtally_agent.source.unpacked_lines import UnpackedLines
from mailtally_agent.terms import GapCause

logger = logging.getLogger(__name__)

# Steps of one read(): a chunk is looked at, a file is opened, a part of one is unpacked.
_STEPS = 16


class LogFile:
    """One log: the file at path and its rotated siblings."""

    # The files of one log follow each other.
    near_us: int | None = None

    def __init__(self, disk: Disk, path: str, place: Place | None) -> None:
        """Begin behind place, or at the oldest sibling when it is None."""
        self._disk = disk
        self._folder = LogFolder(disk, path)
        self.busy = False
        self._idle = False
        # Of all that was read, when the aim is reached; None while that cannot be told.
        self._aim_bytes: int | None = None
        self.counts = LogCounts()
        self._holes: list[Hole] = []
        # Behind the last line of the files that were read before the present one.
        self._resume_at = place
        self._search: Generator[None, None, Hit] | None = None
        self._searched: Sequence[Sibling] = ()
        self._was_cut = False
        # The file that is read, and how the log's files lay when it was entered or last looked at.
        self._lines: Lines | None = None
        self._path = ""
        self._copied = False
        self._listing: Listing = frozenset()
        self._older: Sequence[FileStat] = ()
        # Whether a compressed file begins as the present one: none is opened twice.
        self._twins: dict[FileStat, bool] = {}
        self._damaged = False
        # Whether it was deleted.
        self._gone = False

    def read(self) -> list[str]:
        """The next whole lines, at most CHUNK_BYTES of them; empty when there are none yet.

        Lines are decoded with ``surrogateescape`` and come without their line ends. Raises OSError
        when the log cannot be read, FileNotFoundError when it does not exist (yet).
        """
        self._idle = False
        for _ in range(_STEPS):
            self.busy = False
            lines = self._lines
            given = self._find() if lines is None else self._read_on(lines)
            if self._aim_bytes is None:
                self._aim_bytes = self._all_bytes()
            if given:
                return given
            if not self.busy:
                self._idle = True
                break
        return []

    def take_holes(self) -> list[Hole]:
        """Holes found since the last call, before the lines that came last or come next."""
        holes, self._holes = self._holes, []
        return holes

    def aim(self) -> None:
        """Let caught_up() mean what the files hold at the next read()."""
        self._idle = False
        self._aim_bytes = None

    def caught_up(self) -> bool:
        """Whether that was read, or the last read() found that there is no more."""
        aim = self._aim_bytes
        return self._idle or (aim is not None and self.counts.bytes_read >= aim)

    def place(self) -> Place | None:
        """The place behind the last whole line given; None before anything was read."""
        lines = self._lines
        if lines is None or not lines.begun:
            return self._resume_at
        return replace(lines.place(), inode=lines.inode, copied=self._copied)

    def backlog_bytes(self) -> int:
        """Bytes that wait in the file being read and in the newer ones; compressed, as they are."""
        if self._lines is None:
            return 0
        newer = self._newer(self._folder.files(), self._lines)
        return self._lines.backlog_bytes() + sum(sibling.status.size for sibling in newer)

    def _all_bytes(self) -> int | None:
        """Bytes read when this moment's end is reached; None while compressed ones wait."""
        if self._lines is None or is_packed(self._path):
            return None
        newer = self._newer(self._folder.files(), self._lines)
        if any(sibling.packed for sibling in newer):
            return None
        waiting = self._lines.backlog_bytes() + sum(sibling.status.size for sibling in newer)
        return self.counts.bytes_read + waiting

    def close(self) -> None:
        """Give the files back."""
        self._resume_at = self.place()
        self._drop()

    def first_change_us(self) -> int | None:
        """Last change of the file that is read, else of the oldest: no line in it is younger.

        None without any line: of an empty file nothing is known but when it was made.
        """
        if self._lines is not None:
            return self._lines.stat().mtime_us
        changes = [file.status.mtime_us for file in self._folder.files() if file.status.size]
        return changes[0] if changes else None

    # Where to go on.

    def _find(self) -> list[str]:
        """Do a step of the search for the place, and enter the file that holds it."""
        self.busy = True
        if self._search is None:
            self._searched = self._folder.files()
            if not self._searched:
                raise FileNotFoundError(errno.ENOENT, "no such log", self._folder.path)
            place = self._resume_at
            self._search = search(self._disk, self._searched, place, self.counts)
        hit: Hit | None = None
        try:
            next(self._search)
        except StopIteration as end:
            self._search = None
            hit = end.value
        except OSError as error:
            self._search = None
            if not isinstance(error, FileNotFoundError):
                raise
        if hit is not None:
            with suppress(FileNotFoundError):
                self._settle(hit)
        return []

    def _settle(self, hit: Hit) -> None:
        """Enter what the search has found."""
        place = self._resume_at
        if place is None:
            self._enter_start(0)
        elif hit.file is not None and hit.lines is not None:
            moved = isinstance(hit.lines, GrowingFile) and place.inode not in {0, hit.lines.inode}
            self._enter(hit.file, hit.lines, copied=place.copied or self._was_cut or moved)
        elif listing(self._folder.files()) == listing(self._searched):
            cut = self._was_cut or hit.file is not None
            cause = GapCause.TRUNCATED if cut else GapCause.ROTATED_AWAY
            self._note_hole(cause, certain=not cut, again=True)
            self._resume_at, self._copied = None, False
            self._enter_start(hit.file or 0)
        else:
            return  # rotated while it was searched: look anew
        self._was_cut = False

    def _enter_start(self, number: int) -> None:
        """Begin a file."""
        sibling = self._searched[number]
        file = self._disk.open(sibling.path)
        if not file.stat().same_file(sibling.status):
            file.close()
            return
        self._begin(self._searched, number, file)

    def _begin(self, files: Sequence[Sibling], number: int, file: OpenFile) -> None:
        lines: Lines
        if files[number].packed:
            lines = UnpackedLines(file, file.stat().size, self.counts)
        else:
            lines = GrowingFile.at_start(file, self.counts)
        self._searched = files
        self._enter(number, lines, copied=self._copied)

    def _enter(self, number: int, lines: Lines, *, copied: bool) -> None:
        self._close_lines()
        self._lines = lines
        self._path = self._searched[number].path
        # The log itself may have been copied from elsewhere, but was not cut since.
        self._copied = copied and self._path != self._folder.path
        self._listing = listing(self._searched)
        self._older = [sibling.status for sibling in self._searched[:number]]
        self._twins = {}
        self._damaged = False
        logger.debug("reading log file path=%s", self._path)

    # The present file.

    def _read_on(self, lines: Lines) -> list[str]:
        """The next lines of the present file; at its end, go to the next."""
        begun = lines.begun
        given: list[str] = []
        try:
            given = lines.read()
        except CutError:
            logger.info("log file was truncated path=%s", self._folder.path)
            self._was_cut = self.busy = True
            self._resume_at = self.place()
            self._drop()
            return []
        except DamagedError as error:
            logger.warning("log file cannot be read on path=%s why=%s", self._path, error)
            self._note_hole(GapCause.UNREADABLE, certain=True)
            self._damaged = True
        if not begun and self._is_moved():
            self._drop()
            self.busy = True
            return []
        if not given:
            self.busy = not lines.at_end() or self._go_on(lines)
        return given

    def _is_moved(self) -> bool:
        """Whether names changed since the file was entered."""
        try:
            return listing(self._folder.files()) != self._listing
        except OSError:
            self._drop()
            raise

    def _go_on(self, lines: Lines) -> bool:
        """Enter the next file that is not empty; whether there may be more to read."""
        files = self._folder.files()
        for sibling in self._newer(files, lines):
            if sibling.status.size == 0:
                continue
            try:
                file = self._disk.open(sibling.path)
            except FileNotFoundError:
                return True
            # Rotated once more since it was listed, or written to before the rename: look anew.
            if not file.stat().same_file(sibling.status) or not lines.at_end():
                file.close()
                return True
            if self._gone and self._is_only_moved(files, lines):
                file.close()
                return True
            if lines.unfinished:
                self.counts.torn += 1
            if self._gone:
                # So may be files that were written after it.
                self._note_hole(GapCause.ROTATED_AWAY, certain=False)
            if self._copied or (lines.unfinished and not self._damaged):
                self._note_hole(GapCause.TRUNCATED, certain=False)
            self._resume_at = self.place()
            self._begin(files, files.index(sibling), file)
            return True
        return not lines.at_end()

    def _is_only_moved(self, files: Sequence[Sibling], lines: Lines) -> bool:
        """Whether the present file may be there all the same: names changed while it was missed.

        Of a file that nothing was read of there is nothing to be missed: look for the place anew.
        """
        if not lines.begun:
            self._drop()
            return True
        return listing(self._folder.files()) != listing(files)

    def _newer(self, files: Sequence[Sibling], lines: Lines) -> Sequence[Sibling]:
        """The files behind the present one."""
        current = lines.stat()
        self._gone = False
        for number, sibling in enumerate(files):
            if sibling.status.same_file(current):
                self._older = [older.status for older in files[:number]]
                return files[number + 1 :]
        # It was deleted, or compressed: then its twin has nothing new.
        unknown = [sibling for sibling in files if sibling.status not in self._older]
        for number, sibling in enumerate(unknown):
            if sibling.packed and lines.begun and self._is_twin(sibling, lines.place()):
                return unknown[number + 1 :]
        self._gone = True
        return unknown

    def _is_twin(self, sibling: Sibling, place: Place) -> bool:
        """Whether that compressed file begins as the present one."""
        if sibling.status not in self._twins:
            try:
                self._twins[sibling.status] = begins_alike(self._disk, sibling, place)
            except FileNotFoundError:
                return False
        return self._twins[sibling.status]

    def _note_hole(self, cause: GapCause, *, certain: bool, again: bool = False) -> None:
        self._holes.append(Hole(cause, certain, again))
        logger.warning(
            "lines %s lost cause=%s path=%s",
            "were" if certain else "may have been",
            cause,
            self._folder.path,
        )

    # Open files.

    def _drop(self) -> None:
        """Leave the present file; what was read of it does not count."""
        self._close_lines()
        self._search = None

    def _close_lines(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None
