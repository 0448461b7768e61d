"""Who changed or asked for what, the newest first, page by page."""

from dataclasses import dataclass

from mailtally_collector.query.filters import QueryError
from mailtally_collector.store.sql import Sql


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; ``scope`` is "fleet" or names of servers."""

    time_us: int
    who: str
    action: str
    scope: str
    detail: str


def list_audit(sql: Sql, limit: int, token: str) -> tuple[list[Entry], str]:
    """So many entries, and the token of the next page, "" at the end. Raises QueryError."""
    before = 2**63 - 1
    if token:
        if not (token.isascii() and token.isdigit() and int(token) <= before):
            raise QueryError("page_token: it is none that this listing gave")
        before = int(token)
    rows = sql.run(
        "SELECT id, time_us, who, action, scope, detail FROM audit WHERE id < ?"
        " ORDER BY id DESC LIMIT ?",
        (before, limit + 1),
    ).fetchall()
    following = str(rows[limit - 1][0]) if len(rows) > limit else ""
    return [Entry(*row[1:]) for row in rows[:limit]], following
