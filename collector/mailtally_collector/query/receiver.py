"""Who receives: the provider of a recipient, in the one sense that filters and breakdowns share.

Failure   The provider that the verdict names, else the one that the relay stands for, else the one
          of the recipient's domain. A mail filter counts only where nothing names who is behind it.
Other     The provider that the relay's name stands for, else the one of the recipient's domain.
          Nobody, "", for who is in no list, and for recipients of whom no line was seen yet.
Limits    Names of relays and domains are looked up here, each time that a provider is asked for.
"""

from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from typing import Any

from peewee import SQL, ColumnBase, Database, fn

from mailtally_collector.classify.provider import load_providers
from mailtally_collector.store.models import Delivery, Domain, Relay, ReplyTemplate

CACHE_MAX = 200_000
NOBODY = ""
# How a filter names NOBODY.
UNLISTED = "unknown"

# Of a failure, by its template.
OF_TEMPLATE = fn.COALESCE(
    fn.NULLIF(ReplyTemplate.provider, ""),
    fn.NULLIF(ReplyTemplate.relay_provider, ""),
    ReplyTemplate.domain_provider,
)

providers = lru_cache(maxsize=1)(load_providers)


@lru_cache(maxsize=CACHE_MAX)
def of_relay(host: bytes) -> str:
    """Id of the provider that a relay's name stands for, or ""."""
    return providers().evidence(_name(host), "").relay


@lru_cache(maxsize=CACHE_MAX)
def of_domain(domain: bytes) -> str:
    """Id of the provider that a recipient's domain stands for, or ""."""
    return providers().evidence("", _name(domain)).domain


def template_received_by(ids: Collection[str]) -> ColumnBase:
    """Condition on reply templates."""
    return OF_TEMPLATE.in_(ids)


def delivery_received_by(database: Database, ids: Collection[str]) -> ColumnBase:
    """Condition on deliveries that succeeded."""
    in_list = _relays(database, lambda found: found != NOBODY)
    by_relay = Delivery.relay_id.in_(_relays(database, lambda found: found and found in ids))
    by_domain = Delivery.recipient_domain_id.in_(_domains(database, lambda found: found in ids))
    return by_relay | (Delivery.relay_id.not_in(in_list) & by_domain)


def delivery_through(database: Database, filters: Collection[str]) -> ColumnBase:
    """Condition on deliveries that succeeded: the relay is one of these mail filters."""
    known = providers().filters.intersection(filters)
    return Delivery.relay_id.in_(_relays(database, lambda found: found in known))


def receivers(database: Database, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """Return the provider of each pair of relay id and recipient domain id."""
    wanted = set(pairs)
    hosts = _read(database, Relay.id, Relay.host, {relay for relay, _ in wanted})
    domains = _read(database, Domain.id, Domain.name, {domain for _, domain in wanted})
    return {
        (relay, domain): of_relay(hosts[relay]) or of_domain(domains[domain])
        for relay, domain in wanted
    }


def _relays(database: Database, is_meant: Callable[[str], Any]) -> Any:
    return _listed(database, Relay.id, Relay.host, lambda host: is_meant(of_relay(host)))


def _domains(database: Database, is_meant: Callable[[str], Any]) -> Any:
    return _listed(database, Domain.id, Domain.name, lambda name: is_meant(of_domain(name)))


def _listed(
    database: Database, number: Any, name: Any, is_meant: Callable[[bytes], Any]
) -> SQL | tuple[()]:
    """Return the numbers of all names that are meant, as a list in SQL: they may be very many."""
    rows = number.model.select(number, name).tuples().execute(database)
    found = [str(one) for one, text in rows if is_meant(bytes(text))]
    return SQL(f"({', '.join(found)})") if found else ()


def _read(database: Database, number: Any, name: Any, wanted: set[int]) -> dict[int, bytes]:
    rows = number.model.select(number, name).tuples().execute(database)
    return {one: bytes(text) for one, text in rows if one in wanted}


def _name(host: bytes) -> str:
    return host.decode("ascii", "replace").strip(".").lower()
