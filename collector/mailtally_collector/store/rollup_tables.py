"""The tables of roll-ups: their keys, and how figures spread over them."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailtally_collector.store.mail import Figure
from mailtally_collector.store.sql import Row, Sql

QUARTERS = ("00", "15", "30", "45")
RECIPIENTS = tuple(f"recipients_{quarter}" for quarter in QUARTERS)
MESSAGES = tuple(f"messages_{quarter}" for quarter in QUARTERS)
TRAFFIC = ("server_id", "traffic_class", "outcomes")
HOURS_A_DAY = 24

Rows = dict[Row, list[int]]


@dataclass(frozen=True, slots=True)
class Rollup:
    """One table: the columns of its key, and those that are counted; ``hours`` in its period."""

    table: str
    key: tuple[str, ...]
    counts: tuple[str, ...]
    hours: int

    @property
    def period(self) -> str:
        """The column that says when."""
        return "hour" if self.hours == 1 else "day"

    def add(self, sql: Sql, rows: Mapping[Row, list[int]]) -> None:
        """Add counts, in the order of their keys, so that two who do it do not block each other."""
        counted = [(*key, *counts) for key, counts in sorted(rows.items()) if any(counts)]
        sql.add_many(self.table, self.key, self.counts, counted)


TRAFFIC_HOUR = Rollup("traffic_hour", ("hour", *TRAFFIC), RECIPIENTS + MESSAGES, 1)
REASON_HOUR = Rollup("reason_hour", ("hour", *TRAFFIC, "reply_template_id"), RECIPIENTS, 1)
PROVIDER_HOUR = Rollup("provider_hour", ("hour", *TRAFFIC, "provider_id"), RECIPIENTS, 1)
DOMAIN_HOUR = Rollup(
    "domain_hour", ("sender_domain_id", "hour", *TRAFFIC), RECIPIENTS + MESSAGES, 1
)
DOMAIN_REASON_DAY = Rollup(
    "domain_reason_day",
    ("sender_domain_id", "day", *TRAFFIC, "reply_template_id"),
    ("recipients",),
    HOURS_A_DAY,
)
DOMAIN_PROVIDER_DAY = Rollup(
    "domain_provider_day",
    ("sender_domain_id", "day", *TRAFFIC, "provider_id"),
    ("recipients",),
    HOURS_A_DAY,
)
MAILBOX_DAY = Rollup(
    "mailbox_day",
    ("sender_domain_id", "day", "sender_id", *TRAFFIC),
    ("recipients", "messages"),
    HOURS_A_DAY,
)
ROLLUPS = (
    *(TRAFFIC_HOUR, REASON_HOUR, PROVIDER_HOUR, DOMAIN_HOUR),
    *(DOMAIN_REASON_DAY, DOMAIN_PROVIDER_DAY, MAILBOX_DAY),
)


class Growth:
    """What figures add to the tables: counts by key."""

    def __init__(self) -> None:
        self._traffic: Rows = {}
        self._reason: Rows = {}
        self._provider: Rows = {}
        self._domain: Rows = {}
        self._domain_reason: Rows = {}
        self._domain_provider: Rows = {}
        self._mailbox: Rows = {}
        self.rows: dict[Rollup, Rows] = {
            TRAFFIC_HOUR: self._traffic,
            REASON_HOUR: self._reason,
            PROVIDER_HOUR: self._provider,
            DOMAIN_HOUR: self._domain,
            DOMAIN_REASON_DAY: self._domain_reason,
            DOMAIN_PROVIDER_DAY: self._domain_provider,
            MAILBOX_DAY: self._mailbox,
        }

    def recipients(self, figure: Figure, count: int) -> None:
        """Add so many recipients."""
        hour, quarter, server, kind, outcomes, domain, sender, template, provider = figure
        day = hour // HOURS_A_DAY
        _add(self._traffic, (hour, server, kind, outcomes), 8, quarter, count)
        _add(self._domain, (domain, hour, server, kind, outcomes), 8, quarter, count)
        _add(self._mailbox, (domain, day, sender, server, kind, outcomes), 2, 0, count)
        if template:
            _add(self._reason, (hour, server, kind, outcomes, template), 4, quarter, count)
            by_day = (domain, day, server, kind, outcomes, template)
            _add(self._domain_reason, by_day, 1, 0, count)
        if provider:
            _add(self._provider, (hour, server, kind, outcomes, provider), 4, quarter, count)
            by_day = (domain, day, server, kind, outcomes, provider)
            _add(self._domain_provider, by_day, 1, 0, count)

    def messages(self, figure: Figure, count: int) -> None:
        """Add so many messages."""
        hour, quarter, server, kind, outcomes, domain, sender, _, _ = figure
        at = len(RECIPIENTS) + quarter
        day = hour // HOURS_A_DAY
        _add(self._traffic, (hour, server, kind, outcomes), 8, at, count)
        _add(self._domain, (domain, hour, server, kind, outcomes), 8, at, count)
        _add(self._mailbox, (domain, day, sender, server, kind, outcomes), 2, 1, count)


def _add(rows: Rows, key: Row, columns: int, at: int, count: int) -> None:
    row = rows.get(key)
    if row is None:
        row = rows[key] = [0] * columns
    row[at] += count
