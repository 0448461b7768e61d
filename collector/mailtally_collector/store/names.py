"""Numbers for what many rows share: each is stored once, found or made for a whole batch at a time.

Limits    The caches are bounded by forgetting everything when full; ``forget`` must be called after
          a rollback, since a remembered number may then be nobody's.
"""

from collections.abc import Iterable

from mailtally_collector.store.sql import Row, Sql

CACHE_MAX = 200_000
# Client.submit_uid of who is not a local user.
NO_UID = -1

Name = tuple[object, ...]


def split_address(address: bytes) -> tuple[bytes, bytes]:
    """Split at the last @ into local part and domain (ASCII letters lowered); no @, no domain.

    >>> split_address(b'"a@b"@Example.COM')
    (b'"a@b"', b'example.com')
    >>> split_address(b"root")
    (b'root', b'')
    """
    local_part, at, domain = address.rpartition(b"@")
    return (local_part, domain.lower()) if at else (address, b"")


def join_address(local_part: bytes, domain: bytes) -> bytes:
    """Put together what split_address() took apart, but for the case of the domain."""
    return local_part + b"@" + domain if domain else local_part


class Names:
    """The rows of one table of names, by the columns that are unique there."""

    def __init__(self, sql: Sql, table: str, columns: tuple[str, ...]) -> None:
        self._sql = sql
        self._table = table
        self._columns = columns
        self._ids: dict[Name, int] = {}

    def forget(self) -> None:
        """Empty the cache."""
        self._ids.clear()

    def __getitem__(self, name: Name) -> int:
        """Return the number of a name that was made sure of in this transaction."""
        return self._ids[name]

    def make_sure(self, names: Iterable[Name]) -> None:
        """Find or make the rows of all these names.

        1. What is not remembered is looked up.
        2. What is not there is inserted in order, so that two who do it at once do not wait for one
           another. What another inserted meanwhile is looked up.
        """
        if len(self._ids) > CACHE_MAX:
            self._ids.clear()
        missing = {name for name in names if name not in self._ids}
        missing -= self._look_up(missing)
        if missing:
            missing -= self._insert(sorted(missing))
            self._look_up(missing)

    def _insert(self, names: list[Name]) -> set[Name]:
        return self._remember(self._sql.insert_missing(self._table, self._columns, names))

    def _look_up(self, names: set[Name]) -> set[Name]:
        if not names:
            return set()
        columns = ("id", *self._columns)
        return self._remember(self._sql.find(self._table, columns, self._columns, names))

    def _remember(self, rows: list[Row]) -> set[Name]:
        found = {row[1:]: row[0] for row in rows}
        self._ids.update(found)
        return set(found)
