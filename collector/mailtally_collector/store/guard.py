"""When a database file must not be used any more: better no collector than one that promises.

Gives     ``FileGuard.lost``: the reason, in words for an operator, or ""; ``causes`` of an error.
Lost      The file is damaged. It was deleted, or another file has its place: what is written would
          be gone with the process. The disk did not keep what it was given: after a failed fsync
          the next one may succeed without it.
Not lost  Everything that heals by itself: a full disk, a lock, a file system that is read-only for
          a while. Then nothing is committed, and it is tried again.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# Extended codes, which Python names from 3.11 on only if SQLite was new enough.
SHORT_READ = sqlite3.SQLITE_IOERR | 2 << 8
NOT_KEPT = frozenset({sqlite3.SQLITE_IOERR | 4 << 8, sqlite3.SQLITE_IOERR | 5 << 8})


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what led to it, the first of all last.

    SQLite rolls back by itself when a disk is full, and peewee's own rollback fails then.
    """
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class FileGuard:
    """Knows which file was opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: tuple[int, int] | None = None

    def open(self) -> None:
        """Remember the file that has the name now. Raises OSError when there is none."""
        self._opened = self._identity()

    def lost(self, error: BaseException | None = None) -> str:
        """Say why the file must not be used any more, after a commit or an error of one."""
        for one in causes(error):
            code = getattr(one, "sqlite_errorcode", sqlite3.SQLITE_OK)
            if code & 0xFF in DAMAGED or code == SHORT_READ:
                return f"{self._path} is damaged ({one}); restore it from a backup"
            if code in NOT_KEPT:
                return (
                    f"{self._path}: the disk did not keep what was written ({one}); look at the"
                    " disk. What was not acknowledged is sent again"
                )
        try:
            now = self._identity()
        except FileNotFoundError:
            return f"{self._path} was deleted or moved while it was in use"
        except OSError:
            return ""  # nothing is known of it; the commit itself succeeded or was refused
        if now != self._opened:
            return f"{self._path} was replaced by another file while it was in use"
        return ""

    def _identity(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_dev, found.st_ino
