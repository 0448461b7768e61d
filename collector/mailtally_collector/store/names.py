"""Numbers for what many rows share: each is stored once, found or made for a whole batch at a time.

Limits    The caches are bounded by forgetting everything when full; ``forget`` must be called after
          a rollback, since a remembered number may then be nobody's.
"""

from collections.abc import Iterable

from mailtally_collector.store.sql import Sql

CACHE_MAX = 50_000
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
           another, and looked up again.
        """
        if len(self._ids) > CACHE_MAX:
            self._ids.clear()
        missing = {name for name in names if name not in self._ids}
        missing -= self._look_up(missing)
        if missing:
            self._sql.insert_missing(self._table, self._columns, sorted(missing))
            self._look_up(missing)

    def _look_up(self, names: set[Name]) -> set[Name]:
        if not names:
            return set()
        rows = self._sql.find(self._table, ("id", *self._columns), self._columns, names)
        found = {tuple(row[1:]): row[0] for row in rows}
        self._ids.update(found)
        return set(found)


class Addresses:
    """Envelope addresses with their domains."""

    def __init__(self, sql: Sql) -> None:
        self._domains = Names(sql, "domain", ("name",))
        self._addresses = Names(sql, "address", ("domain_id", "local_part"))
        self._known: dict[bytes, tuple[int, int]] = {}

    def forget(self) -> None:
        """Empty the caches."""
        self._domains.forget()
        self._addresses.forget()
        self._known.clear()

    def __getitem__(self, address: bytes) -> tuple[int, int]:
        """Return (address id, domain id) of an address that was made sure of."""
        return self._known[address]

    def make_sure(self, addresses: Iterable[bytes]) -> None:
        """Find or make the rows of all these addresses."""
        if len(self._known) > CACHE_MAX:
            self._known.clear()
        parts = {one: split_address(one) for one in addresses if one not in self._known}
        self._domains.make_sure({(domain,) for _, domain in parts.values()})
        keys = {
            one: (self._domains[(domain,)], local_part)
            for one, (local_part, domain) in parts.items()
        }
        self._addresses.make_sure(set(keys.values()))
        for one, key in keys.items():
            self._known[one] = (self._addresses[key], key[0])
