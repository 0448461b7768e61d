"""The recipients of one message, each with its attempts."""

from collections import defaultdict
from dataclasses import dataclass, fields
from typing import Any

from peewee import JOIN, Database

from mailtally_collector.classify.classify import Judged
from mailtally_collector.query.verdicts import VERDICT_COLUMNS, judged
from mailtally_collector.records import Attempt
from mailtally_collector.store import models
from mailtally_collector.store.models import Address, Delivery, Domain, ReplyTemplate
from mailtally_collector.store.names import join_address

ADDRESSES = ("recipient", "original_recipient")
# The columns of an attempt are named as its fields; the addresses are the delivery's.
AS_STORED = tuple(field.name for field in fields(Attempt) if field.name not in ADDRESSES)


@dataclass(frozen=True, slots=True)
class TracedDelivery:
    """One recipient; attempts are (time_us, Attempt), oldest first."""

    recipient: bytes
    original_recipient: bytes
    state: int
    direction: int
    judged: Judged | None
    attempts: list[tuple[int, Attempt]]


def traced_deliveries(database: Database, message_id: int) -> list[TracedDelivery]:
    """Read the recipients of a message, in the order of their first tries."""
    recipient, original = Address.alias(), Address.alias()
    recipient_domain, original_domain = Domain.alias(), Domain.alias()
    rows = (
        Delivery.select(
            Delivery.id,
            recipient.local_part,
            recipient_domain.name,
            original.local_part,
            original_domain.name,
            Delivery.state,
            Delivery.direction,
            *VERDICT_COLUMNS,
        )
        .join(recipient, on=(Delivery.recipient == recipient.id))
        .join(recipient_domain, on=(recipient.domain == recipient_domain.id))
        .join(original, on=(Delivery.original_recipient == original.id))
        .join(original_domain, on=(original.domain == original_domain.id))
        .join(ReplyTemplate, JOIN.LEFT_OUTER, on=(Delivery.reply_template == ReplyTemplate.id))
        .where(Delivery.message == message_id)
        .order_by(Delivery.first_try_us, Delivery.id)
        .tuples()
    )
    attempts = _attempts(database, message_id)
    deliveries = []
    for row in rows.execute(database):
        delivery_id, to_local, to_domain, orig_local, orig_domain, state, direction = row[:7]
        to, orig = join_address(to_local, to_domain), join_address(orig_local, orig_domain)
        tries = [(one["time_us"], _attempt(one, to, orig)) for one in attempts.get(delivery_id, [])]
        deliveries.append(TracedDelivery(to, orig, state, direction, judged(row[7:]), tries))
    return deliveries


def _attempts(database: Database, message_id: int) -> dict[int, list[dict[str, Any]]]:
    """Rows of all attempts of a message by delivery id, oldest first."""
    rows = (
        models.Attempt.select()
        .join(Delivery, on=(models.Attempt.delivery == Delivery.id))
        .where(Delivery.message == message_id)
        .order_by(models.Attempt.time_us, models.Attempt.line_hash)
        .dicts()
    )
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.execute(database):
        found[row["delivery"]].append(row)
    return found


def _attempt(row: dict[str, Any], recipient: bytes, original_recipient: bytes) -> Attempt:
    return Attempt(
        recipient=recipient,
        original_recipient=original_recipient,
        **{name: row[name] for name in AS_STORED},
    )
