"""Records that cannot be stored: kept as they came, once each, so that nothing is lost silently."""

from hashlib import blake2b

from mailtally_collector.records import Poison
from mailtally_collector.store.sql import Sql


def quarantine(sql: Sql, server_id: int, poison: Poison, now_us: int) -> bool:
    """Keep the record; False when the same one lies there already."""
    cursor = sql.run(
        "INSERT INTO quarantine (server_id, digest, stored_us, reason, record)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
        (
            server_id,
            blake2b(poison.raw, digest_size=16).digest(),
            now_us,
            poison.reason,
            poison.raw,
        ),
    )
    return cursor.fetchone() is not None
