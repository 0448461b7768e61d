"""Replies that no rule knows, the most frequent first."""

from dataclasses import dataclass, replace

from peewee import Database, fn

from mailtally_collector.classify.taxonomy import UNKNOWN
from mailtally_collector.query.events import FAILING
from mailtally_collector.query.filters import FAILED_RECIPIENTS, Selection, recipient_conditions
from mailtally_collector.store.models import Failure, ReplyTemplate


@dataclass(frozen=True, slots=True)
class UnknownReply:
    """A template; ``count`` recipients of the selection, the moments are of all time."""

    template_id: int
    reply_code: int
    enhanced_status: str
    template: bytes
    sample: bytes
    provider: str
    filter: str
    first_seen_us: int
    last_seen_us: int
    count: int


def unknown_replies(
    database: Database, selection: Selection, limit: int
) -> tuple[list[UnknownReply], int]:
    """Count failing recipients by unknown template; the most frequent, and the sum of all."""
    selection = replace(selection, reasons=(UNKNOWN,)).with_default_states(FAILING)
    conditions = recipient_conditions(selection, FAILED_RECIPIENTS)
    count = fn.COUNT(Failure.number)
    rows = (
        Failure.select(
            ReplyTemplate.id,
            ReplyTemplate.reply_code,
            ReplyTemplate.enhanced_status,
            ReplyTemplate.template,
            ReplyTemplate.sample,
            ReplyTemplate.provider,
            ReplyTemplate.mail_filter,
            ReplyTemplate.first_seen_us,
            ReplyTemplate.last_seen_us,
            count,
        )
        .join(ReplyTemplate, on=(Failure.reply_template_id == ReplyTemplate.id))
        .where(*conditions)
        .group_by(ReplyTemplate.id)
        .order_by(count.desc(), ReplyTemplate.id)
        .limit(limit)
        .tuples()
    )
    with database.atomic():
        replies = [UnknownReply(*row) for row in rows.execute(database)]
        total = Failure.select(count).where(*conditions).scalar(database)
    return replies, int(total)
