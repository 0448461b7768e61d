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
from mailtally_collector.query.filters import (
    Selection,
    recipient_conditions,
    recipients_of,
    untried_conditions,
)
from mailtally_collector.query.hours import (
    Hours,
    conditions,
    cut,
    is_rolled_up,
    single_quarters,
)
from mailtally_collector.store.models import DomainHour, Message, Server, TrafficHour
from mailtally_collector.store.rollup import outcome_of
from mailtally_collector.terms import Bucket

MESSAGES = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Recipients by state (a DeliveryState), and messages beside them."""

    by_state: dict[int, int]
    messages: int

    @property
    def sent(self) -> int:
        """Accepted recipients: the sum of the states, always."""
        return sum(self.by_state.values())


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer; ``newest_line_us`` 0 when the servers stored nothing yet."""

    total: Counts
    starts_us: list[int]
    buckets: list[Counts]
    bucket: Bucket
    newest_line_us: int


def summarise(database: Database, selection: Selection, bucket: int, zone_name: str) -> Summary:
    """Count. Raises QueryError for an unknown zone or too many buckets."""
    zone = time_zone(zone_name)
    chosen = choose_bucket(bucket, selection.start_us, selection.end_us)
    starts = bucket_starts(selection.start_us, selection.end_us, chosen, zone)
    with database.atomic():  # one snapshot for all figures
        slots = count_slots(database, selection, slot_length(chosen), starts_us=starts[1:])
        newest = Server.select(fn.MAX(Server.newest_line_us))
        if selection.servers:
            newest = newest.where(Server.name.in_(selection.servers))
        newest_line_us = newest.scalar(database) or 0
    folded = fold(slots, starts)
    (total,) = fold(slots, [selection.start_us])
    return Summary(
        total=_counts(total),
        starts_us=starts,
        buckets=[_counts(states) for states in folded],
        bucket=chosen,
        newest_line_us=newest_line_us,
    )


def count_slots(
    database: Database, selection: Selection, slot_us: int, *, starts_us: Iterable[int] = ()
) -> list[SlotCount]:
    """Count recipients by slot and state, and messages by slot (state 0).

    Slots are not longer than the hours of UTC; where buckets begin with these, whole hours do.
    """
    is_answered = is_rolled_up(selection) and not (selection.reasons or selection.providers)
    if slot_us < QUARTER_US or not is_answered:
        return count_rows(database, selection, slot_us)
    parts, edges = cut(selection.start_us, selection.end_us)
    if any(start_us % HOUR_US for start_us in starts_us):
        parts = list(single_quarters(parts))
    slots = [slot for part in parts for slot in _count_hours(database, selection, part)]
    for start_us, end_us in edges:
        edge = replace(selection, start_us=start_us, end_us=end_us)
        slots += count_rows(database, edge, slot_us)
    return slots


def _count_hours(database: Database, selection: Selection, part: Hours) -> Iterator[SlotCount]:
    """Count from the roll-ups."""
    table = DomainHour if selection.domain else TrafficHour
    rows = (
        table.select(
            table.hour,
            table.outcomes,
            fn.SUM(part.total(table, "recipients")),
            fn.SUM(part.total(table, "messages")),
        )
        .where(*conditions(selection, table, part))
        .group_by(table.hour, table.outcomes)
        .tuples()
    )
    for hour, outcomes, recipients, messages in rows.execute(database):
        start_us = hour * HOUR_US + part.offset_us
        if recipients:
            yield SlotCount(start_us, outcome_of(outcomes)[1], int(recipients))
        if messages:
            yield SlotCount(start_us, MESSAGES, int(messages))


def count_rows(database: Database, selection: Selection, slot_us: int) -> list[SlotCount]:
    """Count from the rows themselves."""
    rows_of = recipients_of(selection)
    moment = rows_of.moment(selection)
    slot = moment / slot_us
    where = recipient_conditions(selection, rows_of)
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
    untried = untried_conditions(selection)
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


def _counts(states: dict[int, int]) -> Counts:
    by_state = {state: count for state, count in states.items() if state != MESSAGES}
    return Counts(by_state=by_state, messages=states.get(MESSAGES, 0))
