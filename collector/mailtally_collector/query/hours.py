"""Reading roll-ups: which of them answer a question, and how its range is cut into their hours.

Cut       A range is whole quarters of hours, which roll-ups have, between two edges shorter than a
          quarter, which are read from the rows themselves. So every range is exact.
Limits    Roll-ups know acceptance, server, domain of the sender, class, direction and state, and
          the reply of a failure. What else a filter names is answered by the rows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from peewee import ColumnBase

from mailtally_collector.durations import DAY_US, QUARTER_US
from mailtally_collector.query.conditions import domain_id, server_ids
from mailtally_collector.query.filters import Selection
from mailtally_collector.query.scope import Scope
from mailtally_collector.store.rollup import DIRECTIONS, outcomes
from mailtally_collector.store.rollup_tables import HOURS_A_DAY
from mailtally_collector.terms import DeliveryState, Direction, TimeBasis

COUNTED = tuple(
    int(state)
    for state in DeliveryState
    if state not in (DeliveryState.UNSPECIFIED, DeliveryState.REQUEUED)
)
QUARTERS = ("00", "15", "30", "45")


@dataclass(frozen=True, slots=True)
class Hours:
    """The same quarters (0 to 3) of each hour from ``first`` to before ``end``."""

    first: int
    end: int
    quarters: tuple[int, ...]

    @property
    def hours(self) -> "Hours":
        """The same."""
        return self

    @property
    def offset_us(self) -> int:
        """From the beginning of an hour to that of the first quarter."""
        return self.quarters[0] * QUARTER_US

    def total(self, table: Any, what: str) -> Any:
        """Sum of the columns of ``what``, which is recipients or messages."""
        names = [f"{what}_{QUARTERS[quarter]}" for quarter in self.quarters]
        first, *rest = (getattr(table, name) for name in names)
        return sum(rest, first)


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days of UTC from ``first`` to before ``end``."""

    first: int
    end: int

    @property
    def hours(self) -> Hours:
        """All their hours."""
        return Hours(self.first * HOURS_A_DAY, self.end * HOURS_A_DAY, tuple(range(4)))

    def total(self, table: Any, what: str) -> Any:
        """Sum of the column of ``what``, which is recipients or messages."""
        return getattr(table, what)


def is_rolled_up(selection: Selection) -> bool:
    """Whether roll-ups by domain and reply have all that the selection names."""
    known = range(int(Direction.UNSPECIFIED) + 1, DIRECTIONS)
    return (
        selection.basis == TimeBasis.ACCEPTED
        and not selection.names_one
        and all(direction in known for direction in selection.directions)
        and all(state in COUNTED for state in selection.states)
    )


def cut(start_us: int, end_us: int) -> tuple[list[Hours], list[tuple[int, int]]]:
    """Cut a range into quarters of hours and edges ``(start_us, end_us)``.

    >>> cut(HOUR_US, 3 * HOUR_US + 5)
    ([Hours(first=1, end=3, quarters=(0, 1, 2, 3))], [(10800000000, 10800000005)])
    """
    first, end = -(-start_us // QUARTER_US), end_us // QUARTER_US
    if end <= first:
        return [], [(start_us, end_us)]
    edges = [(start_us, first * QUARTER_US), (end * QUARTER_US, end_us)]
    (hour, skipped), (last, rest) = divmod(first, 4), divmod(end, 4)
    if hour == last:
        parts = [Hours(hour, hour + 1, tuple(range(skipped, rest)))]
    else:
        whole = hour + 1 if skipped else hour
        parts = [
            Hours(hour, whole, tuple(range(skipped, 4))),
            Hours(whole, last, tuple(range(4))),
            Hours(last, last + 1, tuple(range(rest))),
        ]
    kept = [part for part in parts if part.first < part.end and part.quarters]
    return kept, [edge for edge in edges if edge[0] < edge[1]]


def cut_days(start_us: int, end_us: int) -> tuple[list[Days], list[tuple[int, int]]]:
    """Cut a range into whole days and edges ``(start_us, end_us)``.

    >>> cut_days(DAY_US - 5, 3 * DAY_US)
    ([Days(first=1, end=3)], [(86399999995, 86400000000)])
    """
    first, end = -(-start_us // DAY_US), end_us // DAY_US
    if end <= first:
        return [], [(start_us, end_us)]
    edges = [(start_us, first * DAY_US), (end * DAY_US, end_us)]
    return [Days(first, end)], [edge for edge in edges if edge[0] < edge[1]]


def single_quarters(parts: Iterable[Hours]) -> Iterator[Hours]:
    """Take quarters apart, for buckets that do not begin with an hour of UTC."""
    for part in parts:
        for quarter in part.quarters:
            yield Hours(part.first, part.end, (quarter,))


def is_by_domain(scope: Scope, selection: Selection) -> bool:
    """Whether a roll-up that does not know the sender's domain cannot answer."""
    return scope.is_limited or bool(selection.domain)


def conditions(
    scope: Scope, selection: Selection, table: Any, part: Hours | Days
) -> list[ColumnBase]:
    """Conditions on a roll-up; ``table`` is one by domain when ``is_by_domain``."""
    period = table.day if isinstance(part, Days) else table.hour
    wanted = outcomes(selection.directions, selection.states or COUNTED)
    found = [
        period >= part.first,
        period < part.end,
        table.traffic_class.in_(selection.traffic_classes),
        table.outcomes.bin_and(wanted) != 0,
    ]
    if scope.is_limited:
        found += scope.conditions(table.sender_domain_id)
    if selection.domain:
        found.append(table.sender_domain_id == domain_id(selection.domain))
    if selection.servers:
        found.append(table.server_id.in_(server_ids(selection.servers)))
    return found
