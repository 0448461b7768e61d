"""Who changed or asked for what: written in the transaction of the change itself."""

from mailtally_collector.store.sql import Sql

TEXT_MAX = 1_000
ROWS_AT_ONCE = 2_000


def note(sql: Sql, now_us: int, *, who: str, action: str, scope: str, detail: str) -> None:
    """Write one entry; long texts are cut."""
    sql.run(
        "INSERT INTO audit (time_us, who, action, scope, detail) VALUES (?, ?, ?, ?, ?)",
        (now_us, who[:TEXT_MAX], action, _cut(scope), _cut(detail)),
    )


def delete_audit(sql: Sql, before_us: int) -> int:
    """Delete some of the entries from before; how many."""
    gone = sql.run(
        "DELETE FROM audit WHERE id IN"
        " (SELECT id FROM audit WHERE time_us < ? ORDER BY id LIMIT ?) RETURNING 1",
        (before_us, ROWS_AT_ONCE),
    ).fetchall()
    return len(gone)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 1]}…"
