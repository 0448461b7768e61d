"""The most frequent causes of delivery failure: replies with one meaning from one provider."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from peewee import Database, chunked, fn

from mailtally_collector.classify.classify import Judged
from mailtally_collector.classify.taxonomy import UNKNOWN
from mailtally_collector.durations import QUARTER_US
from mailtally_collector.query.filters import (
    FAILED_RECIPIENTS,
    Selection,
    judged_as,
    recipient_conditions,
)
from mailtally_collector.query.hours import Days, Hours, conditions, cut, cut_days, is_rolled_up
from mailtally_collector.query.summary import MESSAGES, count_slots
from mailtally_collector.query.verdicts import VERDICT_COLUMNS
from mailtally_collector.store.models import DomainReasonDay, ReasonHour, ReplyTemplate
from mailtally_collector.terms import DeliveryState

TEMPLATES_AT_ONCE = 5_000
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
    with database.atomic():
        replies = _replies(database, count_templates(database, selection))
        counted = count_slots(database, selection, QUARTER_US)
    total = sum(slot.count for slot in counted if slot.state != MESSAGES)
    return TopReasons(causes(replies)[:limit], total)


def count_templates(database: Database, selection: Selection) -> Counter[int]:
    """Count recipients by the number of their reply template."""
    counts: Counter[int] = Counter()
    if not is_rolled_up(selection):
        counts.update(templates_of_rows(database, selection))
        return counts
    cut_up = cut_days if selection.domain else cut
    parts, edges = cut_up(selection.start_us, selection.end_us)
    for part in parts:
        counts.update(_templates_of_rollup(database, selection, part))
    for start_us, end_us in edges:
        edge = replace(selection, start_us=start_us, end_us=end_us)
        counts.update(templates_of_rows(database, edge))
    return counts


def _templates_of_rollup(
    database: Database, selection: Selection, part: Hours | Days
) -> dict[int, int]:
    table: Any = DomainReasonDay if selection.domain else ReasonHour
    rows = (
        table.select(table.reply_template_id, fn.SUM(part.total(table, "recipients")))
        .where(*conditions(selection, table, part), *judged_as(selection, table.reply_template_id))
        .group_by(table.reply_template_id)
        .tuples()
    )
    return {template_id: int(count) for template_id, count in rows.execute(database) if count}


def templates_of_rows(database: Database, selection: Selection) -> dict[int, int]:
    """Count from the rows themselves."""
    template_id = FAILED_RECIPIENTS.reply_template_id
    rows = (
        FAILED_RECIPIENTS.select(template_id, fn.COUNT(FAILED_RECIPIENTS.number))
        .where(
            *recipient_conditions(selection, FAILED_RECIPIENTS),
            template_id.is_null(is_null=False),
        )
        .group_by(template_id)
        .tuples()
    )
    return dict(rows.execute(database))


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


def _replies(database: Database, counts: Counter[int]) -> list[CountedReply]:
    replies = []
    for template_ids in chunked(counts, TEMPLATES_AT_ONCE):
        rows = (
            ReplyTemplate.select(
                ReplyTemplate.id,
                ReplyTemplate.reply_code,
                ReplyTemplate.enhanced_status,
                ReplyTemplate.template,
                ReplyTemplate.sample,
                *VERDICT_COLUMNS,
            )
            .where(ReplyTemplate.id.in_(template_ids))
            .tuples()
        )
        for template_id, code, status, template, sample, *verdict in rows.execute(database):
            judged = Judged(*verdict)
            count = counts[template_id]
            replies.append(CountedReply(code, status, template, sample, count, judged))
    return replies
