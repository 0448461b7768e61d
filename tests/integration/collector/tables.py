"""A database file under test: stores records without a network, and shows what the tables hold."""

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from mailtally.v1 import record_pb2 as pb
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.ingest_codec import decode_record
from mailtally_collector.query.events import Event, list_events
from mailtally_collector.query.filters import Filter, select
from mailtally_collector.query.summary import Summary, summarise
from mailtally_collector.store.database import migrate, open_for_reading, open_for_writing
from mailtally_collector.store.write_batch import BatchStore, Stored
from tests.integration.collector.reports import SECOND, T0

NOW = T0 + 3_600 * SECOND

# Every table by its natural keys: row ids differ with the order of arrival.
DUMP = """
SELECT 'lineage', s.name, m.instance, m.queue_id, m.first_us, p.instance, p.queue_id, p.first_us,
       t.name, m.origin_kind, m.link_class, m.inherited_class, m.leads_on, m.spam_us, m.spam_hash,
       m.spam_scanner, m.spam_score, m.spam_required, m.spam_verdict, 0, 0, 0
  FROM message m JOIN server s ON s.id = m.server_id
  LEFT JOIN message p ON p.id = m.origin_id LEFT JOIN server t ON t.id = p.server_id
UNION ALL
SELECT 'link', s.name, l.time_us, l.line_hash, l.kind, l.child_queue_id, p.queue_id, p.first_us,
       t.name, c.instance, c.queue_id, c.first_us, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM message_link l JOIN server s ON s.id = l.server_id JOIN message p ON p.id = l.parent_id
  LEFT JOIN message c ON c.id = l.child_id LEFT JOIN server t ON t.id = c.server_id
UNION ALL
SELECT 'message', s.name, m.instance, m.queue_id, m.first_us, m.first_hash, m.origin_seen,
       m.arrival_us, m.accepted_us, m.accepted_hash, a.local_part, d.name, m.size_bytes,
       m.recipient_count, m.known_recipients, m.message_id, m.traffic_class, m.ended_us,
       m.end_change, m.held, m.untried, m.untried_state
  FROM message m JOIN server s ON s.id = m.server_id
  LEFT JOIN address a ON a.id = m.sender_id LEFT JOIN domain d ON d.id = m.sender_domain_id
UNION ALL
SELECT 'delivery', m.queue_id, m.first_us, r.local_part, o.local_part, d.state, d.direction,
       d.attempts, d.first_try_us, d.last_try_us, d.deciding_us, d.deciding_hash, d.outcome,
       d.reply_code, d.enhanced_status, d.reply_text, t.template, s.local_part, d.arrival_us,
       d.traffic_class, 0, 0
  FROM delivery d JOIN message m ON m.id = d.message_id
  JOIN address r ON r.id = d.recipient_id JOIN address o ON o.id = d.original_recipient_id
  LEFT JOIN address s ON s.id = d.sender_id LEFT JOIN reply_template t ON t.id = d.reply_template_id
UNION ALL
SELECT 'attempt', a.time_us, a.line_hash, m.queue_id, a.outcome, a.reply_text, 0, 0, 0, 0, 0, 0, 0,
       0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM attempt a JOIN delivery d ON d.id = a.delivery_id JOIN message m ON m.id = d.message_id
UNION ALL
SELECT 'template', template, reply_code, enhanced_status, sample, first_seen_us, last_seen_us,
       reason, rule_id, severity, basis, provider, mail_filter, relay_provider, domain_provider,
       0, 0, 0, 0, 0, 0, 0
  FROM reply_template
"""


class Tables:
    """One database file."""

    def __init__(self, path: Path, rules: CurrentRules | None = None) -> None:
        self.path = path
        migrate(path)
        self.database = open_for_writing(path)
        self.batches = BatchStore(self.database, rules or CurrentRules(None))
        self.reader = open_for_reading(path)

    def store(
        self, records: Iterable[pb.Record], server: str = "mx1", *, now_us: int = NOW
    ) -> Stored:
        """Store one batch, as the writer does."""
        decoded = [decode_record(record, now_us) for record in records]
        with self.database.atomic("IMMEDIATE"):
            return self.batches.store(server, decoded, secrets.token_bytes(16), now_us)

    def summary(self, asked: Filter = Filter(), bucket: int = 0) -> Summary:  # noqa: B008 - frozen
        """Answer a summary."""
        return summarise(self.reader, select(asked, NOW), bucket, "UTC")

    def states(self, asked: Filter = Filter()) -> dict[int, int]:  # noqa: B008 - frozen
        """Recipients by state, those that are zero left out."""
        return self.summary(asked).total.by_state

    def events(self, asked: Filter = Filter()) -> list[Event]:  # noqa: B008 - frozen
        """All events on one page."""
        page = list_events(self.reader, asked, token="", size=1000, now_us=NOW)
        return page.events

    def dump(self) -> list[str]:
        """Everything that must not depend on the order of arrival."""
        with closing(sqlite3.connect(self.path)) as connection:
            return sorted(repr(row) for row in connection.execute(DUMP))

    def column(self, statement: str, values: Sequence[object] = ()) -> list[object]:
        """Run a statement with one column."""
        with closing(sqlite3.connect(self.path)) as connection:
            return [value for (value,) in connection.execute(statement, values)]

    def close(self) -> None:
        """Close both connections."""
        self.database.close()
        self.reader.close()
