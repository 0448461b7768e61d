"""Numbers for envelope addresses and their domains."""

from collections.abc import Iterable
from typing import NamedTuple

from mailtally_collector.store.hosts import Hosts
from mailtally_collector.store.names import CACHE_MAX, split_address
from mailtally_collector.store.sql import Row, Sql

KEY = ("domain_id", "local_part")


class AddressIds(NamedTuple):
    """What is stored of an address."""

    address_id: int
    domain_id: int


class Addresses:
    """Finds or makes the rows of addresses; ``forget`` after a rollback."""

    def __init__(self, sql: Sql, domains: Hosts) -> None:
        self._sql = sql
        self._domains = domains
        self._known: dict[bytes, AddressIds] = {}

    def forget(self) -> None:
        """Empty the caches."""
        self._domains.forget()
        self._known.clear()

    def __getitem__(self, address: bytes) -> AddressIds:
        """Return the numbers of an address that was made sure of."""
        return self._known[address]

    def make_sure(self, addresses: Iterable[bytes]) -> None:
        """Find or make the rows of all these addresses, as Names.make_sure() does."""
        if len(self._known) > CACHE_MAX:
            self._known.clear()
        parts = {one: split_address(one) for one in addresses if one not in self._known}
        self._domains.make_sure({(domain,) for _, domain in parts.values()})
        domains = self._domains
        keys = {one: (domains[(domain,)], local) for one, (local, domain) in parts.items()}
        missing = set(keys.values())
        ids = _by_key(self._sql.find("address", ("id", *KEY), KEY, missing))
        missing -= ids.keys()
        if missing:
            ids |= _by_key(self._sql.insert_missing("address", KEY, sorted(missing)))
            missing -= ids.keys()
            ids |= _by_key(self._sql.find("address", ("id", *KEY), KEY, missing))
        for one, key in keys.items():
            self._known[one] = AddressIds(ids[key], key[0])


def _by_key(rows: list[Row]) -> dict[tuple[int, bytes], int]:
    return {(row[1], row[2]): row[0] for row in rows}
