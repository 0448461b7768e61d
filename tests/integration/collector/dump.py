# ruff: noqa: S608 - names are constants
"""Everything that tables hold, by natural keys: row ids differ with the order of arrival."""

from mailtally_collector.store.rollup_tables import ROLLUPS, Rollup
from mailtally_collector.store.sql import Sql

# Messages of other servers, which may lie on other nodes.
OTHERS = """WITH other AS MATERIALIZED (
  SELECT id, server_id, instance_id, queue_id, first_us FROM message
)"""
STATEMENTS = {
    "server": "SELECT name, oldest_line_us, newest_line_us, stored_until_us FROM server",
    "gap": """
SELECT s.name, g.gap_hash, g.from_us, g.to_us, g.begin_us, g.end_us, g.cause, g.certain,
       g.lost_lines, g.source
  FROM gap g JOIN server s ON s.id = g.server_id
""",
    "lineage": f"""{OTHERS}
SELECT s.name, i.name, m.queue_id, m.first_us, j.name, p.queue_id, p.first_us,
       t.name, m.origin_kind, m.link_class, m.inherited_class, m.leads_on, x.time_us, x.line_hash,
       x.scanner, x.score, x.required, x.verdict
  FROM message m JOIN server s ON s.id = m.server_id JOIN instance i ON i.id = m.instance_id
  LEFT JOIN other p ON p.id = m.origin_id LEFT JOIN server t ON t.id = p.server_id
  LEFT JOIN instance j ON j.id = p.instance_id
  LEFT JOIN message_score x ON x.message_id = m.id AND x.server_id = m.server_id
""",
    "link": f"""{OTHERS}
SELECT l.time_us, l.line_hash, l.kind, l.child_queue_id, p.queue_id, p.first_us,
       t.name, c.queue_id, c.first_us
  FROM message_link l JOIN message p ON p.id = l.parent_id AND p.server_id = l.server_id
  LEFT JOIN other c ON c.id = l.child_id LEFT JOIN server t ON t.id = c.server_id
""",
    "message": """
SELECT s.name, i.name, m.queue_id, m.first_us, m.first_hash, m.origin_seen,
       m.arrival_us, m.accepted_us, m.accepted_hash, a.local_part, d.name, m.size_bytes,
       m.recipient_count, m.known_recipients, m.message_id, m.traffic_class, m.ended_us,
       m.end_change, m.held, m.untried, m.untried_state
  FROM message m JOIN server s ON s.id = m.server_id JOIN instance i ON i.id = m.instance_id
  LEFT JOIN address a ON a.id = m.sender_id LEFT JOIN domain d ON d.id = m.sender_domain_id
""",
    "client": """
SELECT m.queue_id, m.first_us, m.completed_us, m.completed_hash, c.name, c.address,
       c.sasl_method, c.sasl_username, c.submit_uid, m.message_id_key / 4294967296
  FROM message m LEFT JOIN client c ON c.id = m.client_id
""",
    "event": """
SELECT m.queue_id, m.first_us, e.time_us, e.line_hash, e.change
  FROM message_event e JOIN message m ON m.id = e.message_id AND m.server_id = e.server_id
""",
    "delivery": """
SELECT m.queue_id, m.first_us, r.local_part, o.local_part, d.state, d.direction,
       d.attempts, d.first_try_us, d.last_try_us, d.deciding_us, d.deciding_hash, d.outcome,
       d.reply_code, d.enhanced_status, d.reply_text, t.template, d.told_direction, y.host,
       z.delivery_agent, d.timing, v.name
  FROM delivery d JOIN message m ON m.id = d.message_id AND m.server_id = d.server_id
  JOIN address r ON r.id = d.recipient_id
  LEFT JOIN address o ON o.id = d.original_recipient_id
  LEFT JOIN reply_template t ON t.id = d.reply_template_id
  LEFT JOIN provider v ON v.id = d.provider_id
  LEFT JOIN relay y ON y.id = d.relay_id LEFT JOIN transport z ON z.id = d.transport_id
""",
    "attempt": """
SELECT a.time_us, a.line_hash, m.queue_id, a.outcome, a.reply_text, r.local_part,
       y.host, z.status
  FROM attempt a JOIN delivery d ON d.message_id = a.message_id AND d.number = a.number
   AND d.server_id = a.server_id
  JOIN message m ON m.id = d.message_id AND m.server_id = d.server_id
  JOIN address r ON r.id = d.recipient_id
  JOIN relay y ON y.id = a.relay_id JOIN transport z ON z.id = a.transport_id
""",
    "failure": """
SELECT m.queue_id, m.first_us, r.local_part, s.local_part, d.name, e.name, t.template,
       f.state, f.direction, f.traffic_class, f.arrival_us, f.last_try_us
  FROM failure f JOIN message m ON m.id = f.message_id AND m.server_id = f.server_id
  JOIN delivery x ON x.message_id = f.message_id AND x.number = f.number
   AND x.server_id = f.server_id
  JOIN address r ON r.id = x.recipient_id LEFT JOIN address s ON s.id = f.sender_id
  LEFT JOIN domain d ON d.id = f.sender_domain_id JOIN domain e ON e.id = f.recipient_domain_id
  LEFT JOIN reply_template t ON t.id = f.reply_template_id
""",
    "template": """
SELECT template, reply_code, enhanced_status, sample, first_seen_us, last_seen_us,
       reason, rule_id, severity, basis, provider, mail_filter, relay_provider, domain_provider
  FROM reply_template
""",
}
# What a roll-up calls by number, and where its name is.
NAMES = {
    "server_id": ("server", "name"),
    "sender_domain_id": ("domain", "name"),
    "sender_id": ("address", "local_part"),
    "reply_template_id": ("reply_template", "template"),
    "provider_id": ("provider", "name"),
}


def dump(sql: Sql) -> list[str]:
    """Return a line for each row of each table."""
    lines = []
    for table, statement in STATEMENTS.items():
        lines += [f"{table} {_plain(row)}" for row in sql.run(statement).fetchall()]
    for rollup in ROLLUPS:
        lines += [f"{rollup.table} {_plain(row)}" for row in sql.run(_of(rollup)).fetchall()]
    return sorted(lines)


def _of(rollup: Rollup) -> str:
    columns = []
    joins = []
    for name in rollup.key:
        if name in NAMES:
            table, column = NAMES[name]
            columns.append(f"{table}.{column}")
            joins.append(f" LEFT JOIN {table} ON {table}.id = r.{name}")
        else:
            columns.append(f"r.{name}")
    columns += rollup.counts
    counted = " OR ".join(f"{name} <> 0" for name in rollup.counts)
    return f"SELECT {', '.join(columns)} FROM {rollup.table} r{''.join(joins)} WHERE {counted}"


def _plain(row: tuple[object, ...]) -> str:
    """SQLite has no truth values."""
    return repr(tuple(int(value) if isinstance(value, bool) else value for value in row))
