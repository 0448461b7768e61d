"""The most frequent causes of delivery failure: replies with one meaning from one provider.

Before    Each cause is counted in the range of the same length before too.
Samples   A reply as it was may be anybody's. Who does not see everything gets its template, which
          is the same for each of his own replies.
Untried   Recipients whose message expired without any line about them are a cause without a reply.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from peewee import Database, chunked, fn

from mailtally_collector.classify.classify import Judged
from mailtally_collector.classify.taxonomy import UNKNOWN
from mailtally_collector.query.conditions import (
    judged_as,
    recipient_conditions,
    untried_conditions,
)
from mailtally_collector.query.filters import Selection
from mailtally_collector.query.hours import (
    Days,
    Hours,
    conditions,
    cut,
    cut_days,
    is_by_domain,
    is_rolled_up,
)
from mailtally_collector.query.recipients import FAILED_RECIPIENTS
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.summary import FAILED, count_hours
from mailtally_collector.query.verdicts import VERDICT_COLUMNS
from mailtally_collector.store.models import DomainReasonDay, Message, ReasonHour, ReplyTemplate
from mailtally_collector.terms import DeliveryState

TEMPLATES_AT_ONCE = 5_000
# Stands for the template of recipients of whom no reply was seen.
NO_REPLY = 0
Cause = tuple[str, str, bytes]


@dataclass(frozen=True, slots=True)
class CountedReply:
    """A reply template and how many recipients got it; reply_code 0 when no server answered.

    ``judged``  None for recipients of whom no reply was seen.
    """

    reply_code: int
    enhanced_status: str
    template: bytes
    sample: bytes
    count: int
    judged: Judged | None

    @property
    def cause(self) -> Cause:
        """What is one cause: a reason and who answered, or a text that nobody understands."""
        if self.judged is None:
            return "", "", b""
        answered = self.judged.filter or self.judged.provider
        unknown = self.judged.reason == UNKNOWN
        return self.judged.reason, answered, self.template if unknown else b""


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause: its most frequent reply, all codes that came with it, and its recipients."""

    most: CountedReply
    codes: list[tuple[int, str]]
    count: int
    count_before: int = 0


@dataclass(frozen=True, slots=True)
class TopReasons:
    """Causes, most frequent first; totals count all failed recipients, unlisted ones too."""

    reasons: list[Reason]
    total: int
    total_before: int
    before_start_us: int


def top_reasons(database: Database, scope: Scope, selection: Selection, limit: int) -> TopReasons:
    """Count recipients that are not delivered by cause: bounced and expired, or states named."""
    states = tuple(one for one in selection.states if one != DeliveryState.DELIVERED)
    start_us = 2 * selection.start_us - selection.end_us
    if selection.states and not states:
        return TopReasons([], 0, 0, start_us)
    selection = replace(selection, states=states or FAILED)
    before = replace(selection, start_us=start_us, end_us=selection.start_us)
    with database.atomic():
        found, whole = _causes(database, scope, selection)
        found_before, whole_before = _causes(database, scope, before)
    counts = {reason.most.cause: reason.count for reason in found_before}
    listed = [
        replace(reason, count_before=counts.get(reason.most.cause, 0)) for reason in found[:limit]
    ]
    return TopReasons(listed, whole, whole_before, start_us)


def _causes(database: Database, scope: Scope, selection: Selection) -> tuple[list[Reason], int]:
    """Return all causes, and how many recipients failed."""
    counts = count_templates(database, scope, selection)
    return causes(_replies(database, scope, counts)), counts.total()


def count_templates(database: Database, scope: Scope, selection: Selection) -> Counter[int]:
    """Count recipients by the number of their reply template, those without under NO_REPLY."""
    counts: Counter[int] = Counter()
    parts: Sequence[Hours | Days] = ()
    edges = [(selection.start_us, selection.end_us)]
    if is_rolled_up(selection):
        cut_up = cut_days if is_by_domain(scope, selection) else cut
        parts, edges = cut_up(selection.start_us, selection.end_us)
    for part in parts:
        counts.update(_templates_of_rollup(database, scope, selection, part))
    for start_us, end_us in edges:
        edge = replace(selection, start_us=start_us, end_us=end_us)
        counts.update(templates_of_rows(database, scope, edge))
        if not selection.names_reply:
            counts[NO_REPLY] += count_untried(database, scope, edge)
    if selection.names_reply:
        counts[NO_REPLY] += count_untried(database, scope, selection)
    return +counts


def _templates_of_rollup(
    database: Database, scope: Scope, selection: Selection, part: Hours | Days
) -> Counter[int]:
    table: Any = DomainReasonDay if is_by_domain(scope, selection) else ReasonHour
    rows = (
        table.select(table.reply_template_id, fn.SUM(part.total(table, "recipients")))
        .where(
            *conditions(scope, selection, table, part),
            *judged_as(selection, table.reply_template_id),
        )
        .group_by(table.reply_template_id)
        .tuples()
    )
    counts = Counter({template_id: int(count) for template_id, count in rows.execute(database)})
    if not selection.names_reply:
        whole = count_hours(database, scope, selection, part.hours)
        counts[NO_REPLY] = whole - counts.total()
    return counts


def templates_of_rows(database: Database, scope: Scope, selection: Selection) -> Counter[int]:
    """Count from the rows themselves, without those of whom no line was seen."""
    template_id = fn.COALESCE(FAILED_RECIPIENTS.reply_template_id, NO_REPLY)
    rows = (
        FAILED_RECIPIENTS.select(template_id, fn.COUNT(FAILED_RECIPIENTS.number))
        .where(*recipient_conditions(database, scope, selection, FAILED_RECIPIENTS))
        .group_by(template_id)
        .tuples()
    )
    return Counter(dict(rows.execute(database)))


def count_untried(database: Database, scope: Scope, selection: Selection) -> int:
    """Count recipients of whom no line was seen."""
    where = untried_conditions(database, scope, selection)
    if where is None:
        return 0
    return int(Message.select(fn.SUM(Message.untried)).where(*where).scalar(database) or 0)


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


def _replies(database: Database, scope: Scope, counts: Counter[int]) -> list[CountedReply]:
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
            shown = template if scope.is_limited else sample
            count = counts[template_id]
            replies.append(CountedReply(code, status, template, shown, count, Judged(*verdict)))
    if counts[NO_REPLY]:
        replies.append(CountedReply(0, "", b"", b"", counts[NO_REPLY], None))
    return replies
