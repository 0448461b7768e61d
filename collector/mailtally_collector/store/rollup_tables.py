"""The tables of roll-ups: their keys, and how figures spread over them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailtally_collector.store.mail import Figure
from mailtally_collector.store.sql import Row, Sql

QUARTERS = ("00", "15", "30", "45")
RECIPIENTS = tuple(f"recipients_{quarter}" for quarter in QUARTERS)
MESSAGES = tuple(f"messages_{quarter}" for quarter in QUARTERS)
TRAFFIC = ("server_id", "traffic_class", "outcomes")
HOURS_A_DAY = 24


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
        counted = [(*key, *rows[key]) for key in sorted(rows) if any(rows[key])]
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


def spread(
    recipients: Mapping[Figure, int], messages: Mapping[Figure, int]
) -> dict[Rollup, dict[Row, list[int]]]:
    """Return what the figures add to each table, counts by key."""
    rows: dict[Rollup, dict[Row, list[int]]] = {rollup: {} for rollup in ROLLUPS}
    for figure, count in recipients.items():
        if count:
            for rollup, key, at in _places(figure):
                rows[rollup].setdefault(key, [0] * len(rollup.counts))[at] += count
    for figure, count in messages.items():
        if count:
            hour, quarter, *traffic, domain, sender, _, _ = figure
            at = len(RECIPIENTS) + quarter
            rows[TRAFFIC_HOUR].setdefault((hour, *traffic), [0] * 8)[at] += count
            rows[DOMAIN_HOUR].setdefault((domain, hour, *traffic), [0] * 8)[at] += count
            mailbox = (domain, hour // HOURS_A_DAY, sender, *traffic)
            rows[MAILBOX_DAY].setdefault(mailbox, [0, 0])[1] += count
    return rows


def _places(figure: Figure) -> Iterator[tuple[Rollup, Row, int]]:
    """Where recipients count: table, key and column."""
    hour, quarter, server, kind, outcomes, domain, sender, template, provider = figure
    traffic = (server, kind, outcomes)
    day = hour // HOURS_A_DAY
    yield TRAFFIC_HOUR, (hour, *traffic), quarter
    yield DOMAIN_HOUR, (domain, hour, *traffic), quarter
    yield MAILBOX_DAY, (domain, day, sender, *traffic), 0
    if template:
        yield REASON_HOUR, (hour, *traffic, template), quarter
        yield DOMAIN_REASON_DAY, (domain, day, *traffic, template), 0
    if provider:
        yield PROVIDER_HOUR, (hour, *traffic, provider), quarter
        yield DOMAIN_PROVIDER_DAY, (domain, day, *traffic, provider), 0
