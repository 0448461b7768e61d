"""The tables of roll-ups, and how figures spread over them."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailtally_collector.store.mail import Figure
from mailtally_collector.store.sql import Row, Sql

RECIPIENTS = ("recipients_00", "recipients_15", "recipients_30", "recipients_45")
MESSAGES = ("messages_00", "messages_15", "messages_30", "messages_45")
TRAFFIC = ("hour", "server_id", "traffic_class", "outcomes")


@dataclass(frozen=True, slots=True)
class Rollup:
    """One table: the columns of its key, and those that are counted."""

    table: str
    key: tuple[str, ...]
    counts: tuple[str, ...]

    def add(self, sql: Sql, rows: Mapping[Row, list[int]]) -> None:
        """Add counts, in the order of their keys, so that two who do it do not block each other."""
        counted = [(*key, *rows[key]) for key in sorted(rows) if any(rows[key])]
        sql.add_many(self.table, self.key, self.counts, counted)


TRAFFIC_HOUR = Rollup("traffic_hour", TRAFFIC, RECIPIENTS + MESSAGES)
DOMAIN_HOUR = Rollup("domain_hour", ("sender_domain_id", *TRAFFIC), RECIPIENTS + MESSAGES)
REASON_HOUR = Rollup("reason_hour", (*TRAFFIC, "reply_template_id"), RECIPIENTS)
DOMAIN_REASON_HOUR = Rollup(
    "domain_reason_hour", ("sender_domain_id", *TRAFFIC, "reply_template_id"), RECIPIENTS
)
ROLLUPS = (TRAFFIC_HOUR, DOMAIN_HOUR, REASON_HOUR, DOMAIN_REASON_HOUR)


def spread(
    recipients: Mapping[Figure, int], messages: Mapping[Figure, int]
) -> dict[Rollup, dict[Row, list[int]]]:
    """Return what the figures add to each table, counts by key."""
    rows: dict[Rollup, dict[Row, list[int]]] = {rollup: {} for rollup in ROLLUPS}
    for offset, counts in ((0, recipients), (len(RECIPIENTS), messages)):
        for (hour, quarter, server, kind, outcomes, domain, template), count in counts.items():
            if not count:
                continue
            key = (hour, server, kind, outcomes)
            at = offset + quarter
            rows[TRAFFIC_HOUR].setdefault(key, [0] * 8)[at] += count
            rows[DOMAIN_HOUR].setdefault((domain, *key), [0] * 8)[at] += count
            if template:
                rows[REASON_HOUR].setdefault((*key, template), [0] * 4)[at] += count
                by_domain = (domain, *key, template)
                rows[DOMAIN_REASON_HOUR].setdefault(by_domain, [0] * 4)[at] += count
    return rows
