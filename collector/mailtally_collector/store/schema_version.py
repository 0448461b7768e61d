"""Which migrations there are, and the refusal of a database that this version cannot use."""

from collections.abc import Collection
from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"
HISTORY_TABLE = "schema_migration"


class DatabaseRefusedError(Exception):
    """The database cannot be used; the message says why and what to do."""


class NewerDatabaseError(DatabaseRefusedError):
    """The database was written by a newer version of this program."""


def known_migrations() -> list[str]:
    """Names of the migrations of this version, in order."""
    return sorted(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))


def refuse_newer(location: object, applied: Collection[str]) -> None:
    """Raise NewerDatabaseError when a migration was applied that this version does not know."""
    unknown = sorted(set(applied) - set(known_migrations()))
    if unknown:
        raise NewerDatabaseError(
            f"{location} was written by a newer version of mailtally-collector (it has migration"
            f" {unknown[-1]}); install that version again. Nothing was changed."
        )
