"""The most frequent causes of delivery failure: replies with one meaning from one provider."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from peewee import Database, fn

from mailtally_collector.classify.classify import Judged
from mailtally_collector.classify.taxonomy import UNKNOWN
from mailtally_collector.query.filters import (
    Selection,
    recipient_conditions,
    recipients_of,
    untried_conditions,
)
from mailtally_collector.query.verdicts import VERDICT_COLUMNS
from mailtally_collector.store.models import Message, ReplyTemplate
from mailtally_collector.terms import DeliveryState

FAILED = (int(DeliveryState.BOUNCED), int(DeliveryState.EXPIRED))


@dataclass(frozen=True, slots=True)
class CountedReply:
    """A reply template and how many recipients got it; reply_code 0 when no server answered."""

    reply_code: int
    enhanced_status: str
    template: bytes
    sample: bytes
    count: int
    judged: Judged

    @property
    def cause(self) -> tuple[str, str, bytes]:
        """What is one cause: a reason and who answered, or a text that nobody understands."""
        answered = self.judged.filter or self.judged.provider
        unknown = self.judged.reason == UNKNOWN
        return self.judged.reason, answered, self.template if unknown else b""


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause: its most frequent reply, all codes that came with it, and its recipients."""

    most: CountedReply
    codes: list[tuple[int, str]]
    count: int


@dataclass(frozen=True, slots=True)
class TopReasons:
    """Causes, most frequent first; ``total`` counts all failed recipients, unlisted ones too."""

    reasons: list[Reason]
    total: int


def top_reasons(database: Database, selection: Selection, limit: int) -> TopReasons:
    """Count failed recipients (bounced and expired, unless states are named) by cause."""
    selection = selection.with_default_states(FAILED)
    rows = recipients_of(selection)
    conditions = recipient_conditions(selection, rows)
    with database.atomic():
        replies = _counted_replies(database, selection)
        total = rows.select(fn.COUNT(rows.number)).where(*conditions).scalar(database)
        untried = untried_conditions(selection)
        if untried is not None:
            waiting = Message.select(fn.SUM(Message.untried)).where(*untried).scalar(database)
            total += waiting or 0
    return TopReasons(causes(replies)[:limit], int(total))


def causes(replies: Iterable[CountedReply]) -> list[Reason]:
    """Put replies of one cause together; most frequent first, the same order every time."""
    grouped: dict[tuple[str, str, bytes], list[CountedReply]] = {}
    for reply in sorted(replies, key=_most_frequent_first):
        grouped.setdefault(reply.cause, []).append(reply)
    found = [_reason(group) for group in grouped.values()]
    return sorted(found, key=lambda reason: (-reason.count, reason.most.cause))


def _most_frequent_first(reply: CountedReply) -> tuple[int, int, str, bytes]:
    return -reply.count, reply.reply_code, reply.enhanced_status, reply.template


def _reason(replies: list[CountedReply]) -> Reason:
    codes: Counter[tuple[int, str]] = Counter()
    for reply in replies:
        codes[reply.reply_code, reply.enhanced_status] += reply.count
    named = sorted(codes, key=lambda code: (-codes[code], code))
    return Reason(replies[0], [code for code in named if any(code)], codes.total())


def _counted_replies(database: Database, selection: Selection) -> list[CountedReply]:
    recipients = recipients_of(selection)
    table = recipients.reply_template_id.model
    rows = (
        recipients.select(
            ReplyTemplate.reply_code,
            ReplyTemplate.enhanced_status,
            ReplyTemplate.template,
            ReplyTemplate.sample,
            fn.COUNT(recipients.number),
            *VERDICT_COLUMNS,
        )
        .join_from(table, ReplyTemplate, on=(recipients.reply_template_id == ReplyTemplate.id))
        .where(*recipient_conditions(selection, recipients))
        .group_by(ReplyTemplate.id)
        .tuples()
    )
    found = ((*row[:5], Judged(*row[5:])) for row in rows.execute(database))
    return [CountedReply(*values) for values in found]
