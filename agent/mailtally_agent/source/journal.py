"""Follows the journal of systemd.

Gives     the journal's entries as lines (line_format.py), oldest first, and the place behind them:
          the cursor of the last entry with a hash of what it said.
How       journalctl begins with the entry of the place, which is compared and left out. If another
          comes, the journal no longer has it: a hole, behind which the oldest entry that is left
          follows. Certain when entries were taken off the same journal; a journal that began anew
          (a host without a persistent one was restarted) may have lost nothing that was not read.
Flow      Nothing is read ahead: when we do not read, journalctl waits at the end of its pipe.
Limits    How much waits in the journal is not known.
"""

import errno
import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple, NoReturn

from mailtally_agent.line_format import canonical
from mailtally_agent.source.hole import Hole
from mailtally_agent.source.journalctl import Journalctl, JournalOptions
from mailtally_agent.source.lines import CHUNK_BYTES, MAX_LINE_BYTES, LogCounts
from mailtally_agent.source.log_source import PlaceState
from mailtally_agent.source.newest_entry import CURSOR, NewestEntry
from mailtally_agent.terms import GapCause

_CURSOR_SHAPE = re.compile(r"[ -~]{1,500}")
logger = logging.getLogger(__name__)

NOT_ALLOWED = "may not read the journal; add the agent's user to the group systemd-journal"
# Which journal a cursor is of: all of its files have the same.
_SEQUENCE = re.compile(r"(?:^|;)s=([0-9a-f]+)")
_NOT_ALLOWED = re.compile(
    r"not seeing messages from other users|insufficient permissions|: Permission denied"
)
_NO_JOURNAL = re.compile(r"No journal files were (?:found|opened)")
_BAD_CURSOR = "Failed to seek to cursor"
_FIRST_PAUSE_SECONDS = 1.0
_PROOF_SECONDS = 20.0
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class JournalPlace:
    """Behind an entry: its cursor, and a hash of its line."""

    cursor: str
    entry: str

    def to_state(self) -> PlaceState:
        """Plain values for the checkpoint."""
        return {"cursor": self.cursor, "entry": self.entry}

    @classmethod
    def from_state(cls, state: PlaceState) -> "JournalPlace":
        """Inverse of to_state(); KeyError or ValueError when malformed."""
        cursor = str(state["cursor"])
        if not _CURSOR_SHAPE.fullmatch(cursor):
            raise ValueError(f"no cursor: {cursor!r}")
        return cls(cursor, str(state["entry"]))


class _Entry(NamedTuple):
    """An entry as it came."""

    cursor: str
    raw: bytes

    def place(self) -> JournalPlace:
        """The place behind it."""
        return JournalPlace(self.cursor, _hash(self.raw))


class Journal:
    """Entries of the journal, from a place on."""

    # Entries carry their year.
    near_us: int | None = None

    def __init__(
        self,
        options: JournalOptions,
        place: JournalPlace | None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin behind place, or with the oldest entry when it is None."""
        self._options = options
        self._place = place
        self._last: _Entry | None = None
        self._seconds = seconds
        self.counts = LogCounts()
        self.busy = False
        self._holes: list[Hole] = []
        self._child: Journalctl | None = None
        self._rest = b""
        self._oversize = False
        # The next entry must be that of the place.
        self._proving = False
        self._problem: OSError | None = None
        self._failures = 0
        self._again_at = 0.0
        self._settled_at = 0.0
        self._newest = NewestEntry(options)

    def read(self) -> list[str]:
        """The next entries, at most CHUNK_BYTES of them; empty when there are none yet.

        Raises OSError while the journal cannot be read, PermissionError when we may not.
        """
        if self._child is None:
            self._start()
        child = self._child
        assert child is not None  # noqa: S101 - _start() raises, or has started it
        data = child.read(CHUNK_BYTES)
        lines = self._take(data)
        self.busy = bool(data) and not lines
        if not data:
            self._look_after(child)
        return lines

    def take_holes(self) -> list[Hole]:
        """Holes found since the last call, before the lines that came last or come next."""
        holes, self._holes = self._holes, []
        return holes

    def aim(self) -> None:
        """Let caught_up() mean the entry that is the newest when it is asked next."""
        self._newest.forget()

    def caught_up(self) -> bool:
        """Whether the entry that was the newest when this was first asked for has been given."""
        if self._newest.was_given(self._cursor()):
            return True
        # The journal is older than the entry that was read last: nothing will come of it.
        overdue = self._seconds() >= self._settled_at + _PROOF_SECONDS
        if self._proving and overdue and self._newest.answered:
            self._go_to_oldest(certain=False)
        return False

    def place(self) -> JournalPlace | None:
        """The place behind the last entry given; None before anything was read."""
        if self._last is not None:
            self._place, self._last = self._last.place(), None
        return self._place

    def backlog_bytes(self) -> int:
        """Not known."""
        return 0

    def first_change_us(self) -> int | None:
        """Nothing: entries carry their year."""
        return None

    def close(self) -> None:
        """End the child."""
        self._newest.forget()
        self._end_child()

    def _cursor(self) -> str:
        """Of the last entry given; empty before any was."""
        if self._last is not None:
            return self._last.cursor
        return self._place.cursor if self._place else ""

    def _start(self) -> None:
        if self._problem is not None and self._seconds() < self._again_at:
            raise self._problem
        cursor = self._cursor()
        more = [f"--cursor={cursor}"] if cursor else []
        try:
            self._child = Journalctl(self._options, "--follow", "--no-tail", *more)
        except FileNotFoundError:
            self._fail(FileNotFoundError(errno.ENOENT, "no such program", "journalctl"))
        except OSError as error:
            self._fail(error)
        self._proving = bool(cursor)
        self._settled_at = self._seconds() + _FIRST_PAUSE_SECONDS
        self._rest, self._oversize = b"", False

    def _look_after(self, child: Journalctl) -> None:
        """See why the child wrote nothing: it waits for entries, or something is wrong."""
        said = child.said()
        if _NOT_ALLOWED.search(said):
            self._fail(PermissionError(errno.EACCES, NOT_ALLOWED))
        if _NO_JOURNAL.search(said):
            self._fail(FileNotFoundError(errno.ENOENT, "no journal files", self._options.name))
        if (how := child.ended()) is not None:
            if self._proving and _BAD_CURSOR in how:
                self._go_to_oldest(certain=False)
                return
            self._fail(OSError(how))
        if self._failures and self._problem is not None and self._seconds() < self._settled_at:
            raise self._problem

    def _fail(self, problem: OSError) -> NoReturn:
        """Leave the child, and try again after a pause."""
        self._end_child()
        self._newest.forget()
        self._problem = problem
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        self._again_at = self._seconds() + pause
        raise problem

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None

    def _take(self, data: bytes) -> list[str]:
        """Lines of the whole entries in the bytes that come next."""
        self.counts.bytes_read += len(data)
        whole, end, self._rest = (self._rest + data).rpartition(b"\n")
        lines: list[str] = []
        for raw in whole.split(b"\n") if end else ():
            if self._oversize:
                self._oversize = False
                self.counts.oversize += 1
            elif match := CURSOR.search(raw):
                entry = _Entry(match[1].decode("ascii", "replace"), raw)
                self._failures = 0
                if not self._proving:
                    self._last = entry
                    self._newest.note(entry.cursor)
                    text = raw.decode("utf-8", "surrogateescape")
                    lines.append(canonical(text) or text)
                elif not self._prove(entry):
                    return []
        if len(self._rest) > MAX_LINE_BYTES:
            self._oversize, self._rest = True, b""
        return lines

    def _prove(self, entry: _Entry) -> bool:
        """Whether the first entry is that of the place; without it the oldest comes next."""
        place = self.place()
        self._proving = False
        if place is None or entry.place() == place:
            return True
        before, now = _SEQUENCE.search(place.cursor), _SEQUENCE.search(entry.cursor)
        self._go_to_oldest(certain=bool(before and now and before[1] == now[1]))
        return False

    def _go_to_oldest(self, *, certain: bool) -> None:
        logger.warning("the journal no longer has the entry that was read last")
        self._holes.append(Hole(GapCause.JOURNAL_GONE, certain))
        self._place = self._last = None
        self._proving = False
        self._newest.forget()
        self._end_child()
        self.busy = True


def _hash(raw: bytes) -> str:
    """Of what an entry says and when; the order of its fields is another in each output."""
    try:
        entry = json.loads(raw)
        content = [entry.get("__REALTIME_TIMESTAMP"), entry.get("MESSAGE")]
    except (ValueError, AttributeError, RecursionError):
        content = []
    return blake2b(repr(content).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
