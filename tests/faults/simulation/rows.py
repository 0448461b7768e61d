"""What the database holds when all is at rest, as plain values.

Gives     ``read_rows`` of a storage: by server attempts, recipients, messages, gaps, and what
          roll-ups say.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.recount import recount, span_of_rows
from tests.faults.simulation.database import Storage, VirtualDatabase
from tests.faults.simulation.ledger import Attempt

SECOND_US = 1_000_000
ATTEMPTS = """
SELECT s.name, m.queue_id, r.local_part, o.name, a.time_us, t.status, a.reply_text
  FROM attempt a JOIN delivery d ON d.message_id = a.message_id AND d.number = a.number
  JOIN message m ON m.id = a.message_id JOIN server s ON s.id = m.server_id
  JOIN address r ON r.id = d.recipient_id JOIN domain o ON o.id = r.domain_id
  JOIN transport t ON t.id = a.transport_id
UNION ALL
SELECT s.name, m.queue_id, r.local_part, o.name, COALESCE(d.deciding_us, d.last_try_us), t.status,
       d.reply_text
  FROM delivery d JOIN message m ON m.id = d.message_id JOIN server s ON s.id = m.server_id
  JOIN address r ON r.id = d.recipient_id JOIN domain o ON o.id = r.domain_id
  JOIN transport t ON t.id = d.transport_id
 WHERE d.told_direction IS NOT NULL
"""
DELIVERIES = """
SELECT s.name, m.queue_id, r.local_part, o.name, d.state
  FROM delivery d JOIN message m ON m.id = d.message_id JOIN server s ON s.id = m.server_id
  JOIN address r ON r.id = d.recipient_id JOIN domain o ON o.id = r.domain_id
"""
GAPS = """
SELECT s.name, g.from_us, g.to_us, g.certain, g.cause
  FROM gap g JOIN server s ON s.id = g.server_id
"""
# What roll-ups count, after retention too.
RECIPIENTS = """
SELECT s.name, SUM(t.recipients_00 + t.recipients_15 + t.recipients_30 + t.recipients_45)
  FROM traffic_hour t JOIN server s ON s.id = t.server_id GROUP BY s.name
"""
MESSAGES = """
SELECT s.name, m.queue_id, COUNT(*) FROM message m JOIN server s ON s.id = m.server_id
 GROUP BY s.name, m.queue_id
"""


class Gap(NamedTuple):
    """A reported gap."""

    from_us: int
    to_us: int
    certain: bool
    cause: int

    def covers(self, time_us: int, back_us: int) -> bool:
        """Whether a line of that moment lies in it; time stamps may be whole seconds.

        ``back_us``  by how much the clock was set back: moments are no better than that then.
        """
        from_us, to_us = self.from_us - back_us, self.to_us + back_us
        return from_us // SECOND_US <= time_us // SECOND_US and (
            self.to_us == 0 or time_us <= to_us
        )


@dataclass(slots=True)
class ServerRows:
    """Of one server.

    oldest_us   the first line that was ever read
    recipients  what roll-ups count
    messages    rows by queue id
    states      of rows by queue id and recipient
    """

    oldest_us: int = 0
    recipients: int = 0
    attempts: Counter[Attempt] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    states: dict[tuple[str, bytes], list[int]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)


class Rows(NamedTuple):
    """Everything; ``wrong`` are the rows of roll-ups that differ from a recount."""

    servers: dict[str, ServerRows]
    wrong: Counter[str]


def read_rows(storage: Storage) -> Rows:
    """Read them."""
    database = VirtualDatabase(storage, may_fail=False)
    database.connect()
    sql = sql_for(database)
    oldest = sql.run("SELECT name, oldest_line_us FROM server").fetchall()
    servers = {name: ServerRows(oldest_us=oldest_us) for name, oldest_us in oldest}
    for name, recipients in sql.run(RECIPIENTS).fetchall():
        servers[name].recipients = recipients
    for name, queue_id, local, domain, *told in sql.run(ATTEMPTS).fetchall():
        attempt = Attempt(queue_id, bytes(local) + b"@" + bytes(domain), *told)
        servers[name].attempts[attempt] += 1
    for name, queue_id, local, domain, state in sql.run(DELIVERIES).fetchall():
        recipient = (queue_id, bytes(local) + b"@" + bytes(domain))
        servers[name].states.setdefault(recipient, []).append(state)
    for name, queue_id, count in sql.run(MESSAGES).fetchall():
        servers[name].messages[queue_id] = count
    for name, *gap in sql.run(GAPS).fetchall():
        servers[name].gaps.append(Gap(*gap))
    return Rows(servers, recount(sql, *span_of_rows(sql), repair=False))
