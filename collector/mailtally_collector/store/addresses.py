"""Numbers for envelope addresses and their domains."""

from collections.abc import Iterable
from typing import NamedTuple

from mailtally_collector.store.hosts import Hosts
from mailtally_collector.store.names import CACHE_MAX, Names, split_address
from mailtally_collector.store.sql import Sql


class AddressIds(NamedTuple):
    """What is stored of an address."""

    address_id: int
    domain_id: int


class Addresses:
    """Finds or makes the rows of addresses; ``forget`` after a rollback."""

    def __init__(self, sql: Sql, domains: Hosts) -> None:
        self._domains = domains
        self._addresses = Names(sql, "address", ("domain_id", "local_part"))
        self._known: dict[bytes, AddressIds] = {}

    def forget(self) -> None:
        """Empty the caches."""
        self._domains.forget()
        self._addresses.forget()
        self._known.clear()

    def __getitem__(self, address: bytes) -> AddressIds:
        """Return the numbers of an address that was made sure of."""
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
            self._known[one] = AddressIds(self._addresses[key], key[0])
