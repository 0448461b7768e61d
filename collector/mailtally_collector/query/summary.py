"""How many recipients were accepted and what became of them, in total and over time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from peewee import Database, Select, Value, fn

from mailtally_collector.durations import HOUR_US, QUARTER_US
from mailtally_collector.query.buckets import (
    SlotCount,
    bucket_starts,
    choose_bucket,
    fold,
    slot_length,
    time_zone,
)
from mailtally_collector.query.conditions import recipient_conditions, untried_conditions
from mailtally_collector.query.filters import Selection
from mailtally_collector.query.hours import (
    Hours,
    conditions,
    cut,
    is_by_domain,
    is_rolled_up,
    single_quarters,
)
from mailtally_collector.query.recipients import recipients_of
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.servers import newest_line
from mailtally_collector.store.models import DomainHour, Message, TrafficHour
from mailtally_collector.store.rollup import outcome_of
from mailtally_collector.terms import Bucket, DeliveryState

MESSAGES = 0
FAILED = (int(DeliveryState.BOUNCED), int(DeliveryState.EXPIRED))
UNFINISHED = (int(DeliveryState.PENDING), int(DeliveryState.HELD))


@dataclass(frozen=True, slots=True)
class Counts:
    """Recipients by state (a DeliveryState), and messages beside them."""

    by_state: dict[int, int]
    messages: int

    @property
    def sent(self) -> int:
        """Accepted recipients: the sum of the states, always."""
        return sum(self.by_state.values())

    @property
    def failed(self) -> int:
        """Bounced and expired."""
        return sum(self.by_state.get(state, 0) for state in FAILED)

    @property
    def bounce_rate(self) -> float | None:
        """Failed of those with nothing to come; None when there are none."""
        finished = self.sent - sum(self.by_state.get(state, 0) for state in UNFINISHED)
        return self.failed / finished if finished else None


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer; ``newest_line_us`` 0 when the servers stored nothing yet."""

    total: Counts
    starts_us: list[int]
    buckets: list[Counts]
    bucket: Bucket
    newest_line_us: int


def summarise(
    database: Database, scope: Scope, selection: Selection, bucket: int, zone_name: str
) -> Summary:
    """Count. Raises QueryError for an unknown zone or too many buckets."""
    zone = time_zone(zone_name)
    chosen = choose_bucket(bucket, selection.start_us, selection.end_us)
    starts = bucket_starts(selection.start_us, selection.end_us, chosen, zone)
    with database.atomic():  # one snapshot for all figures
        slots = count_slots(database, scope, selection, slot_length(chosen), starts_us=starts[1:])
        newest_line_us = newest_line(database, scope, selection.servers)
    folded = fold(slots, starts)
    (whole,) = fold(slots, [selection.start_us])
    return Summary(
        total=counts_of(whole),
        starts_us=starts,
        buckets=[counts_of(states) for states in folded],
        bucket=chosen,
        newest_line_us=newest_line_us,
    )


def total(database: Database, scope: Scope, selection: Selection) -> Counts:
    """Count the whole range."""
    (states,) = fold(count_slots(database, scope, selection, QUARTER_US), [selection.start_us])
    return counts_of(states)


def count_slots(
    database: Database,
    scope: Scope,
    selection: Selection,
    slot_us: int,
    *,
    starts_us: Iterable[int] = (),
) -> list[SlotCount]:
    """Count recipients by slot and state, and messages by slot (state 0).

    Slots are not longer than the hours of UTC; where buckets begin with these, whole hours do.
    """
    if slot_us < QUARTER_US or not is_rolled_up(selection) or selection.names_reply:
        return count_rows(database, scope, selection, slot_us)
    parts, edges = cut(selection.start_us, selection.end_us)
    if any(start_us % HOUR_US for start_us in starts_us):
        parts = list(single_quarters(parts))
    slots = [slot for part in parts for slot in _count_hours(database, scope, selection, part)]
    for start_us, end_us in edges:
        edge = replace(selection, start_us=start_us, end_us=end_us)
        slots += count_rows(database, scope, edge, slot_us)
    return slots


def _count_hours(
    database: Database, scope: Scope, selection: Selection, part: Hours
) -> Iterator[SlotCount]:
    """Count from the roll-ups."""
    table = DomainHour if is_by_domain(scope, selection) else TrafficHour
    rows = (
        table.select(
            table.hour,
            table.outcomes,
            fn.SUM(part.total(table, "recipients")),
            fn.SUM(part.total(table, "messages")),
        )
        .where(*conditions(scope, selection, table, part))
        .group_by(table.hour, table.outcomes)
        .tuples()
    )
    for hour, outcomes, recipients, messages in rows.execute(database):
        start_us = hour * HOUR_US + part.offset_us
        if recipients:
            yield SlotCount(start_us, outcome_of(outcomes)[1], int(recipients))
        if messages:
            yield SlotCount(start_us, MESSAGES, int(messages))


def count_hours(database: Database, scope: Scope, selection: Selection, part: Hours) -> int:
    """Count recipients of these hours in total."""
    table = DomainHour if is_by_domain(scope, selection) else TrafficHour
    query = table.select(fn.SUM(part.total(table, "recipients")))
    return int(query.where(*conditions(scope, selection, table, part)).scalar(database) or 0)


def count_rows(
    database: Database, scope: Scope, selection: Selection, slot_us: int
) -> list[SlotCount]:
    """Count from the rows themselves."""
    rows_of = recipients_of(selection)
    moment = rows_of.moment(selection)
    slot = moment / slot_us
    where = recipient_conditions(database, scope, selection, rows_of)
    rows = list(
        rows_of.select(slot, rows_of.state, fn.COUNT(rows_of.number))
        .where(*where)
        .group_by(slot, rows_of.state)
        .tuples()
        .execute(database)
    )
    # A message counts once, in the slot of the newest of its recipients.
    messages: Any = rows_of.select(
        rows_of.message_id.alias("message_id"), moment.alias("moment")
    ).where(*where)
    untried = untried_conditions(database, scope, selection)
    if untried is not None:
        slot = Message.arrival_us / slot_us
        rows += (
            Message.select(slot, Message.untried_state, fn.SUM(Message.untried))
            .where(*untried)
            .group_by(slot, Message.untried_state)
            .tuples()
            .execute(database)
        )
        messages = messages.union_all(
            Message.select(
                Message.id.alias("message_id"), Message.arrival_us.alias("moment")
            ).where(*untried)
        )
    rows += _message_rows(database, messages, slot_us)
    return [SlotCount(int(index) * slot_us, int(state), int(count)) for index, state, count in rows]


def _message_rows(database: Database, messages: Any, slot_us: int) -> list[tuple[int, int, int]]:
    """Count distinct messages by slot; ``messages`` selects message_id and moment."""
    newest = Select(
        [messages], [messages.c.message_id, fn.MAX(messages.c.moment).alias("moment")]
    ).group_by(messages.c.message_id)
    slot = newest.c.moment / slot_us
    rows = Select([newest], [slot, Value(MESSAGES), fn.COUNT(newest.c.message_id)]).group_by(slot)
    return list(rows.tuples().execute(database))


def counts_of(states: dict[int, int]) -> Counts:
    """Put counts by state, with messages under MESSAGES, in their form."""
    by_state = {state: count for state, count in states.items() if state != MESSAGES}
    return Counts(by_state=by_state, messages=states.get(MESSAGES, 0))
