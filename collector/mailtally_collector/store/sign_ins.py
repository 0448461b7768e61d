"""Sessions of browsers and tokens of programs: by which a person is recognised.

Limits    A session ends after IDLE_US without a request, and at its own end at the latest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mailtally_collector.durations import DAY_US, HOUR_US, MINUTE_US
from mailtally_collector.store.people import PersonRow, person_columns, person_of
from mailtally_collector.store.sql import Sql

IDLE_US = 12 * HOUR_US
SESSION_US = 7 * DAY_US
# That somebody was there is noted no more often than this.
NOTED_US = MINUTE_US


@dataclass(frozen=True, slots=True)
class TokenRow:
    """What a person has given a program; ``used_us`` is 0 for never."""

    key: str
    secret_hash: bytes
    name: str
    role: str
    domains: tuple[str, ...]
    created_us: int
    expires_us: int
    used_us: int


TOKEN = ("key", "secret_hash", "name", "role", "domains", "created_us", "expires_us", "used_us")


def open_session(sql: Sql, key_hash: bytes, person_id: int, now_us: int) -> None:
    """Note that a browser is signed in."""
    columns = ("key_hash", "person_id", "created_us", "seen_us", "expires_us")
    row = (key_hash, person_id, now_us, now_us, now_us + SESSION_US)
    sql.insert_many("web_session", columns, [row])


def session_person(sql: Sql, key_hash: bytes, now_us: int) -> tuple[PersonRow, int] | None:
    """Whose session it is, and when it was seen; None when it has ended."""
    row = sql.run(
        f"SELECT s.seen_us, {person_columns('p')} FROM web_session s"  # noqa: S608
        " JOIN person p ON p.id = s.person_id"
        " WHERE s.key_hash = ? AND s.expires_us > ? AND s.seen_us > ? AND p.disabled_us = 0",
        (key_hash, now_us, now_us - IDLE_US),
    ).fetchone()
    return None if row is None else (person_of(row[1:]), int(row[0]))


def note_seen(sql: Sql, key_hash: bytes, now_us: int) -> None:
    """Note that the session is in use."""
    sql.run("UPDATE web_session SET seen_us = ? WHERE key_hash = ?", (now_us, key_hash))


def end_session(sql: Sql, key_hash: bytes) -> None:
    """Sign one browser out."""
    sql.run("DELETE FROM web_session WHERE key_hash = ?", (key_hash,))


def add_token(sql: Sql, person_id: int, token: TokenRow) -> None:
    """Note a token."""
    row = (
        *(person_id, token.key, token.secret_hash, token.name, token.role),
        *(" ".join(token.domains), token.created_us, token.expires_us, token.used_us),
    )
    sql.insert_many("api_token", ("person_id", *TOKEN), [row])


def tokens_of(sql: Sql, person_id: int) -> list[TokenRow]:
    """All that the person has made, the newest first."""
    rows = sql.run(
        f"SELECT {', '.join(TOKEN)} FROM api_token WHERE person_id = ?"  # noqa: S608
        " ORDER BY created_us DESC, id DESC",
        (person_id,),
    ).fetchall()
    return [_token_of(row) for row in rows]


def token_with(sql: Sql, key: str) -> tuple[TokenRow, PersonRow] | None:
    """Return the token of that key, and whose it is."""
    columns = ", ".join(f"t.{name}" for name in TOKEN)
    row = sql.run(
        f"SELECT {columns}, {person_columns('p')} FROM api_token t"  # noqa: S608
        " JOIN person p ON p.id = t.person_id WHERE t.key = ?",
        (key,),
    ).fetchone()
    return None if row is None else (_token_of(row[: len(TOKEN)]), person_of(row[len(TOKEN) :]))


def note_used(sql: Sql, key: str, now_us: int) -> None:
    """Note that the token is in use."""
    sql.run("UPDATE api_token SET used_us = ? WHERE key = ?", (now_us, key))


def remove_token(sql: Sql, person_id: int, key: str) -> bool:
    """Take a token back; False when the person has no such."""
    gone = sql.run(
        "DELETE FROM api_token WHERE key = ? AND person_id = ? RETURNING 1", (key, person_id)
    ).fetchall()
    return bool(gone)


def delete_ended(sql: Sql, now_us: int) -> None:
    """Delete sessions and links that ended, and tokens that ended long ago."""
    sql.run(
        "DELETE FROM web_session WHERE expires_us <= ? OR seen_us <= ?", (now_us, now_us - IDLE_US)
    )
    sql.run("DELETE FROM setup_link WHERE expires_us <= ?", (now_us,))
    sql.run("DELETE FROM api_token WHERE expires_us <= ?", (now_us - 30 * DAY_US,))


def _token_of(row: Sequence[Any]) -> TokenRow:
    key, secret_hash, name, role, domains, *moments = row
    return TokenRow(key, bytes(secret_hash), name, role, tuple(domains.split()), *moments)
