"""Replies that no rule knows, the most frequent first.

Scope     A reply as it was, and when it was seen first and last, may be anybody's. Who does not see
          everything gets the template, and the moments of his own mail in the range.
"""

from dataclasses import dataclass, replace
from typing import Any

from peewee import Database, fn

from mailtally_collector.classify.taxonomy import UNKNOWN
from mailtally_collector.query.conditions import recipient_conditions
from mailtally_collector.query.event_keys import FAILING
from mailtally_collector.query.filters import Selection
from mailtally_collector.query.recipients import FAILED_RECIPIENTS
from mailtally_collector.query.scope import Scope
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
    database: Database, scope: Scope, selection: Selection, limit: int
) -> tuple[list[UnknownReply], int]:
    """Count failing recipients by unknown template; the most frequent, and the sum of all."""
    selection = replace(selection, reasons=(UNKNOWN,)).with_default_states(FAILING)
    conditions = recipient_conditions(database, scope, selection, FAILED_RECIPIENTS)
    count = fn.COUNT(Failure.number)
    sample: Any = ReplyTemplate.sample
    first_us: Any = ReplyTemplate.first_seen_us
    last_us: Any = ReplyTemplate.last_seen_us
    if scope.is_limited:
        sample = ReplyTemplate.template
        first_us, last_us = fn.MIN(Failure.last_try_us), fn.MAX(Failure.last_try_us)
    rows = (
        Failure.select(
            ReplyTemplate.id,
            ReplyTemplate.reply_code,
            ReplyTemplate.enhanced_status,
            ReplyTemplate.template,
            sample,
            ReplyTemplate.provider,
            ReplyTemplate.mail_filter,
            first_us,
            last_us,
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
