"""``mailtally-collector backup``: a copy of the database file while the collector runs.

Order     1. Copy the file as it was at one moment, page by page, into ``TARGET.part`` (mode 0600).
          2. Check the copy.  3. Make sure that it is on disk, and give it its name.
Why       The copy reads in one transaction, so that a writer neither waits for it nor makes it
          begin anew; what is written meanwhile stays in the write-ahead log until it ends.
Raises    BackupError in words for an operator; nothing is left behind then.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mailtally_collector.store.database import applied_migrations
from mailtally_collector.store.location import Location
from mailtally_collector.store.sqlite_file import BUSY_TIMEOUT_SECONDS

PAGES_AT_ONCE = 1_024


class BackupError(Exception):
    """No copy was made; the message says why."""


def backup(path: Location, target: Path, *, quiet: bool) -> int:
    """Copy the database; the size of the copy in bytes. Raises DatabaseRefusedError too."""
    if not isinstance(path, Path):
        raise BackupError(
            "this database is PostgreSQL's: use pg_dump, or pg_basebackup for the whole server"
        )
    if not applied_migrations(path):
        raise BackupError(f"{path} is no database of mailtally-collector, or not there yet")
    if target.exists():
        raise BackupError(f"{target} exists already and is not overwritten; name another file")
    part = target.with_name(target.name + ".part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            _copy(path, part, quiet=quiet)
            _keep(part, target)
        finally:
            part.unlink(missing_ok=True)
            part.with_name(part.name + "-journal").unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"{target} could not be written from {path}: {error}") from error
    return target.stat().st_size


def _copy(path: Path, part: Path, *, quiet: bool) -> None:
    columns = (TextColumn("pages"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    source_uri = f"{path.absolute().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(source_uri, uri=True, timeout=BUSY_TIMEOUT_SECONDS)) as source,
        closing(sqlite3.connect(part)) as copy,
        Progress(*columns, console=Console(stderr=True), disable=quiet) as bar,
    ):
        task = bar.add_task("", total=None)
        source.execute("BEGIN")
        source.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        source.backup(
            copy,
            pages=PAGES_AT_ONCE,
            progress=lambda _, left, total: bar.update(task, total=total, completed=total - left),
        )
        copy.execute("PRAGMA journal_mode = delete").fetchone()
        (result,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if result != "ok":
        raise BackupError(f"the copy of {path} is damaged, as the file itself may be: {result}")


def _keep(part: Path, target: Path) -> None:
    """Have the copy on disk before it bears its name, and the name too."""
    for place in (part, target.absolute().parent):
        file = os.open(place, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
        if place is part:
            part.rename(target)
