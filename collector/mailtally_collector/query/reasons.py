"""The most frequent causes of delivery failure."""

from dataclasses import dataclass

from peewee import Database, fn

from mailtally_collector.query.filters import (
    Selection,
    delivery_conditions,
    untried_conditions,
)
from mailtally_collector.store.models import Delivery, Message, ReplyTemplate
from mailtally_collector.terms import DeliveryState

FAILED = (int(DeliveryState.BOUNCED), int(DeliveryState.EXPIRED))


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause; reply_code 0 when no server answered."""

    reply_code: int
    enhanced_status: str
    template: bytes
    sample: bytes
    count: int


@dataclass(frozen=True, slots=True)
class TopReasons:
    """Causes, most frequent first; ``total`` counts all failed recipients, unlisted ones too."""

    reasons: list[Reason]
    total: int


def top_reasons(database: Database, selection: Selection, limit: int) -> TopReasons:
    """Count failed recipients (bounced and expired, unless states are named) by reply template."""
    selection = selection.with_default_states(FAILED)
    conditions = delivery_conditions(selection)
    count = fn.COUNT(Delivery.id)
    reasons = (
        Delivery.select(
            ReplyTemplate.reply_code,
            ReplyTemplate.enhanced_status,
            ReplyTemplate.template,
            ReplyTemplate.sample,
            count,
        )
        .join(ReplyTemplate)
        .where(*conditions)
        .group_by(ReplyTemplate.id)
        .order_by(
            count.desc(),
            ReplyTemplate.reply_code,
            ReplyTemplate.enhanced_status,
            ReplyTemplate.template,
        )
        .limit(limit)
        .tuples()
    )
    with database.atomic():
        rows = list(reasons.execute(database))
        total = Delivery.select(fn.COUNT(Delivery.id)).where(*conditions).scalar(database)
        untried = untried_conditions(selection)
        if untried is not None:
            waiting = Message.select(fn.SUM(Message.untried)).where(*untried).scalar(database)
            total += waiting or 0
    return TopReasons([Reason(*row) for row in rows], int(total))
