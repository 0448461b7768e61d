"""Numbers for relays and domains, and for the providers that they stand for.

Limits    A name keeps the provider that the rules of its first day gave it.
"""

from collections.abc import Callable

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.store.names import Name, Names
from mailtally_collector.store.sql import Row, Sql

RELAY = ("host", "address", "port")
DOMAIN = ("name",)
NOBODY = 0


class Hosts(Names):
    """Names that begin with a host or domain, each with its provider."""

    def __init__(
        self,
        sql: Sql,
        table: str,
        columns: tuple[str, ...],
        provider_of: Callable[[str], str],
    ) -> None:
        super().__init__(sql, table, columns)
        self._provider_of = provider_of
        self._providers = Names(sql, "provider", ("name",))
        self._provider_ids: dict[int, int] = {}

    def forget(self) -> None:
        """Empty the caches."""
        super().forget()
        self._providers.forget()
        self._provider_ids.clear()

    def provider_id(self, host_id: int) -> int:
        """Return the provider of a name that was made sure of; NOBODY when it has none."""
        return self._provider_ids[host_id]

    def _insert(self, names: list[Name]) -> set[Name]:
        hosts = (name[0] for name in names)
        providers = [self._provider_of(plain_host(h)) for h in hosts if isinstance(h, bytes)]
        self._providers.make_sure({(one,) for one in providers if one})
        ids = (self._providers[(one,)] if one else NOBODY for one in providers)
        rows = [(provider_id, *name) for name, provider_id in zip(names, ids, strict=True)]
        columns = ("provider_id", *self._columns)
        return self._remember(self._sql.insert_missing(self._table, columns, rows))

    def _look_up(self, names: set[Name]) -> set[Name]:
        if not names:
            return set()
        columns = ("id", "provider_id", *self._columns)
        return self._remember(self._sql.find(self._table, columns, self._columns, names))

    def _remember(self, rows: list[Row]) -> set[Name]:
        found = {row[2:]: row[0] for row in rows}
        self._ids.update(found)
        self._provider_ids.update({row[0]: row[1] for row in rows})
        return set(found)


def relays(sql: Sql, rules: CurrentRules) -> Hosts:
    """Where attempts led."""
    return Hosts(sql, "relay", RELAY, lambda host: rules.rules.providers.evidence(host, "").relay)


def domains(sql: Sql, rules: CurrentRules) -> Hosts:
    """Domains of addresses."""
    return Hosts(
        sql, "domain", DOMAIN, lambda name: rules.rules.providers.evidence("", name).domain
    )


def plain_host(name: bytes) -> str:
    """Return a host's name as the rules write it."""
    return name.decode("ascii", "replace").strip(".").lower()
