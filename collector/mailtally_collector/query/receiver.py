"""Who receives: the provider of a recipient, in the one sense that filters and breakdowns share.

Failure   The provider that the verdict names, else the one that the relay stands for, else the one
          of the recipient's domain. A mail filter counts only where nothing names who is behind it.
Other     The provider that the relay's name stands for, else the one of the recipient's domain.
          Nobody, "", for who is in no list, and for recipients of whom no line was seen yet.
"""

from collections.abc import Collection
from functools import cache
from typing import Any

from peewee import fn

from mailtally_collector.classify.provider import load_providers
from mailtally_collector.store.models import Delivery, Provider, ReplyTemplate

NOBODY = ""
# How a filter names NOBODY.
UNLISTED = "unknown"

# Of a failure, by its template.
OF_TEMPLATE = fn.COALESCE(
    fn.NULLIF(ReplyTemplate.provider, ""),
    fn.NULLIF(ReplyTemplate.relay_provider, ""),
    ReplyTemplate.domain_provider,
)


def template_received_by(names: Collection[str]) -> Any:
    """Condition on reply templates."""
    return OF_TEMPLATE.in_(names)


def delivery_received_by(names: Collection[str]) -> Any:
    """Condition on deliveries that succeeded."""
    listed = Provider.select(Provider.id).where(Provider.name.in_(names))
    known = Delivery.provider_id.in_(listed)
    return known | (Delivery.provider_id == 0) if NOBODY in names else known


def delivery_through(names: Collection[str]) -> Any:
    """Condition on deliveries that succeeded: the relay is one of these mail filters."""
    return delivery_received_by(_filters().intersection(names))


@cache
def _filters() -> frozenset[str]:
    return load_providers().filters
