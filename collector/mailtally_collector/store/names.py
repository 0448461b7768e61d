"""Numbers for names: domains and addresses are stored once each.

Limits    The caches are bounded by forgetting everything when full; ``forget`` must be called after
          a rollback, since a remembered number may then be nobody's.
"""

from mailtally_collector.store.sql import Sql

CACHE_MAX = 50_000


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
    """Finds or makes the rows of names. Used by the writer thread only."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._domains: dict[bytes, int] = {}
        self._addresses: dict[bytes, tuple[int, int]] = {}

    def forget(self) -> None:
        """Empty the caches."""
        self._domains.clear()
        self._addresses.clear()

    def address(self, address: bytes) -> tuple[int, int]:
        """Return (address id, domain id)."""
        found = self._addresses.get(address)
        if found is not None:
            return found
        local_part, domain = split_address(address)
        domain_id = self._domain(domain)
        address_id = self._find_or_insert(
            "address", {"domain_id": domain_id, "local_part": local_part}
        )
        if len(self._addresses) >= CACHE_MAX:
            self._addresses.clear()
        self._addresses[address] = (address_id, domain_id)
        return address_id, domain_id

    def _domain(self, name: bytes) -> int:
        domain_id = self._domains.get(name)
        if domain_id is None:
            domain_id = self._find_or_insert("domain", {"name": name})
            if len(self._domains) >= CACHE_MAX:
                self._domains.clear()
            self._domains[name] = domain_id
        return domain_id

    def _find_or_insert(self, table: str, values: dict[str, object]) -> int:
        where = " AND ".join(f"{name} = ?" for name in values)
        row = self._sql.run(
            f"SELECT id FROM {table} WHERE {where}",  # noqa: S608 - names are constants
            tuple(values.values()),
        ).fetchone()
        return row[0] if row else self._sql.insert(table, values)
