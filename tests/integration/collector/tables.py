"""A database file under test: stores records without a network, and shows what the tables hold."""

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from mailtally.v1 import record_pb2 as pb
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.ingest_codec import decode_record
from mailtally_collector.query.event import Event
from mailtally_collector.query.event_keys import order_of
from mailtally_collector.query.events import list_events
from mailtally_collector.query.filters import Filter, select
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.summary import Summary, summarise
from mailtally_collector.store.database import migrate, open_for_reading, open_for_writing
from mailtally_collector.store.write_batch import BatchStore, Stored
from tests.integration.collector.reports import SECOND, T0

EVERYTHING = Scope.everything()
BY_LAST_TRY = order_of(0, ascending=False)
NOW = T0 + 3_600 * SECOND

# Every table by its natural keys: row ids differ with the order of arrival.
DUMP = """
SELECT 'lineage', s.name, i.name, m.queue_id, m.first_us, j.name, p.queue_id, p.first_us,
       t.name, m.origin_kind, m.link_class, m.inherited_class, m.leads_on, x.time_us, x.line_hash,
       x.scanner, x.score, x.required, x.verdict, 0, 0, 0
  FROM message m JOIN server s ON s.id = m.server_id JOIN instance i ON i.id = m.instance_id
  LEFT JOIN message p ON p.id = m.origin_id LEFT JOIN server t ON t.id = p.server_id
  LEFT JOIN instance j ON j.id = p.instance_id LEFT JOIN message_score x ON x.message_id = m.id
UNION ALL
SELECT 'link', l.time_us, l.line_hash, l.kind, l.child_queue_id, p.queue_id, p.first_us,
       t.name, c.queue_id, c.first_us, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM message_link l JOIN message p ON p.id = l.parent_id
  LEFT JOIN message c ON c.id = l.child_id LEFT JOIN server t ON t.id = c.server_id
UNION ALL
SELECT 'message', s.name, i.name, m.queue_id, m.first_us, m.first_hash, m.origin_seen,
       m.arrival_us, m.accepted_us, m.accepted_hash, a.local_part, d.name, m.size_bytes,
       m.recipient_count, m.known_recipients, m.message_id, m.traffic_class, m.ended_us,
       m.end_change, m.held, m.untried, m.untried_state
  FROM message m JOIN server s ON s.id = m.server_id JOIN instance i ON i.id = m.instance_id
  LEFT JOIN address a ON a.id = m.sender_id LEFT JOIN domain d ON d.id = m.sender_domain_id
UNION ALL
SELECT 'client', m.queue_id, m.first_us, m.completed_us, m.completed_hash, c.name, c.address,
       c.sasl_method, c.sasl_username, c.submit_uid, m.message_id_key / 4294967296, 0, 0, 0, 0, 0,
       0, 0, 0, 0, 0, 0
  FROM message m LEFT JOIN client c ON c.id = m.client_id
UNION ALL
SELECT 'event', m.queue_id, m.first_us, e.time_us, e.line_hash, e.change, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       0, 0, 0, 0, 0, 0, 0
  FROM message_event e JOIN message m ON m.id = e.message_id
UNION ALL
SELECT 'delivery', m.queue_id, m.first_us, r.local_part, o.local_part, d.state, d.direction,
       d.attempts, d.first_try_us, d.last_try_us, d.deciding_us, d.deciding_hash, d.outcome,
       d.reply_code, d.enhanced_status, d.reply_text, t.template, d.told_direction, y.host,
       z.delivery_agent, d.delay_us, 0
  FROM delivery d JOIN message m ON m.id = d.message_id
  JOIN address r ON r.id = d.recipient_id
  LEFT JOIN address o ON o.id = d.original_recipient_id
  LEFT JOIN reply_template t ON t.id = d.reply_template_id
  LEFT JOIN relay y ON y.id = d.relay_id LEFT JOIN transport z ON z.id = d.transport_id
UNION ALL
SELECT 'attempt', a.time_us, a.line_hash, m.queue_id, a.outcome, a.reply_text, r.local_part,
       y.host, z.status, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM attempt a JOIN delivery d ON d.message_id = a.message_id AND d.number = a.number
  JOIN address r ON r.id = d.recipient_id JOIN message m ON m.id = d.message_id
  JOIN relay y ON y.id = a.relay_id JOIN transport z ON z.id = a.transport_id
UNION ALL
SELECT 'failure', m.queue_id, m.first_us, r.local_part, s.local_part, d.name, e.name, t.template,
       f.state, f.direction, f.traffic_class, f.arrival_us, f.last_try_us, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM failure f JOIN message m ON m.id = f.message_id
  JOIN delivery x ON x.message_id = f.message_id AND x.number = f.number
  JOIN address r ON r.id = x.recipient_id LEFT JOIN address s ON s.id = f.sender_id
  LEFT JOIN domain d ON d.id = f.sender_domain_id JOIN domain e ON e.id = f.recipient_domain_id
  LEFT JOIN reply_template t ON t.id = f.reply_template_id
UNION ALL
SELECT 'traffic', hour, s.name, traffic_class, outcomes, recipients_00, recipients_15,
       recipients_30, recipients_45, messages_00, messages_15, messages_30, messages_45,
       0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM traffic_hour h JOIN server s ON s.id = h.server_id
 WHERE recipients_00 OR recipients_15 OR recipients_30 OR recipients_45
    OR messages_00 OR messages_15 OR messages_30 OR messages_45
UNION ALL
SELECT 'domain', hour, s.name, d.name, traffic_class, outcomes, recipients_00, recipients_15,
       recipients_30, recipients_45, messages_00, messages_15, messages_30, messages_45,
       0, 0, 0, 0, 0, 0, 0, 0
  FROM domain_hour h JOIN server s ON s.id = h.server_id
  LEFT JOIN domain d ON d.id = h.sender_domain_id
 WHERE recipients_00 OR recipients_15 OR recipients_30 OR recipients_45
    OR messages_00 OR messages_15 OR messages_30 OR messages_45
UNION ALL
SELECT 'reason', hour, s.name, t.template, traffic_class, outcomes, recipients_00, recipients_15,
       recipients_30, recipients_45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM reason_hour h JOIN server s ON s.id = h.server_id
  JOIN reply_template t ON t.id = h.reply_template_id
 WHERE recipients_00 OR recipients_15 OR recipients_30 OR recipients_45
UNION ALL
SELECT 'domain reason', hour, s.name, d.name, t.template, traffic_class, outcomes, recipients_00,
       recipients_15, recipients_30, recipients_45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM domain_reason_hour h JOIN server s ON s.id = h.server_id
  JOIN reply_template t ON t.id = h.reply_template_id
  LEFT JOIN domain d ON d.id = h.sender_domain_id
 WHERE recipients_00 OR recipients_15 OR recipients_30 OR recipients_45
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
        return summarise(self.reader, EVERYTHING, select(asked, NOW), bucket, "UTC")

    def states(self, asked: Filter = Filter()) -> dict[int, int]:  # noqa: B008 - frozen
        """Recipients by state, those that are zero left out."""
        return self.summary(asked).total.by_state

    def events(self, asked: Filter = Filter()) -> list[Event]:  # noqa: B008 - frozen
        """All events on one page."""
        page = list_events(
            self.reader, EVERYTHING, asked, BY_LAST_TRY, token="", size=1000, now_us=NOW
        )
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
