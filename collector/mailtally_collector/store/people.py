"""People, and the links by which they choose their passwords.

Gives     What ``mailtally-collector people`` and the pages do, each for one transaction. A change
          that takes a right away ends the sessions that have it, in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mailtally_collector.store.sql import Sql

COLUMNS = (
    *("id", "name", "role", "domains", "password", "zone"),
    *("disabled_us", "created_us", "changed_us"),
)
ADMIN = "admin"
# In the place of a person's id: whoever opens the link becomes the first admin.
NOBODY = 0


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person; ``password`` is a hash, empty when none was chosen yet."""

    id: int
    name: str
    role: str
    domains: tuple[str, ...]
    password: str
    zone: str
    disabled_us: int
    created_us: int
    changed_us: int

    @property
    def may_sign_in(self) -> bool:
        """Whether the right password lets the person in."""
        return not self.disabled_us and bool(self.password)


def person_columns(alias: str) -> str:
    """Columns of a person as ``person_of`` takes them."""
    return ", ".join(f"{alias}.{name}" for name in COLUMNS)


def person_of(row: Sequence[Any]) -> PersonRow:
    """Read a row of COLUMNS."""
    person_id, name, role, domains, *rest = row
    return PersonRow(person_id, name, role, tuple(domains.split()), *rest)


def people(sql: Sql) -> list[PersonRow]:
    """Everybody, by name."""
    rows = sql.run(f"SELECT {person_columns('p')} FROM person p ORDER BY name").fetchall()  # noqa: S608
    return [person_of(row) for row in rows]


def person_named(sql: Sql, name: str) -> PersonRow | None:
    """Return the person of that name."""
    statement = f"SELECT {person_columns('p')} FROM person p WHERE name = ?"  # noqa: S608
    row = sql.run(statement, (name,)).fetchone()
    return None if row is None else person_of(row)


def has_people(sql: Sql) -> bool:
    """Whether there is anybody."""
    return sql.run("SELECT 1 FROM person LIMIT 1").fetchone() is not None


def add_person(sql: Sql, name: str, role: str, domains: Sequence[str], now_us: int) -> int | None:
    """Add somebody who cannot sign in yet; the new id, None when the name is taken."""
    columns = COLUMNS[1:]
    row = (name, role, " ".join(domains), "", "", 0, now_us, now_us)
    added = sql.insert_named("person", columns, [row])
    return int(added[0][0]) if added else None


def change_person(sql: Sql, person_id: int, role: str, domains: Sequence[str], now_us: int) -> None:
    """Give a person another role or other domains; what is open goes on with these."""
    sql.run(
        "UPDATE person SET role = ?, domains = ?, changed_us = ? WHERE id = ?",
        (role, " ".join(domains), now_us, person_id),
    )


def set_password(sql: Sql, person_id: int, password: str, now_us: int) -> None:
    """Note the hash of a new password; links and sessions of before are worth nothing."""
    sql.run(
        "UPDATE person SET password = ?, changed_us = ? WHERE id = ?", (password, now_us, person_id)
    )
    sql.run("DELETE FROM setup_link WHERE person_id = ?", (person_id,))
    end_sessions(sql, person_id)


def renew_hash(sql: Sql, person_id: int, before: str, password: str) -> None:
    """Note another hash of the same password, unless it was changed meanwhile."""
    sql.run(
        "UPDATE person SET password = ? WHERE id = ? AND password = ?",
        (password, person_id, before),
    )


def set_zone(sql: Sql, person_id: int, zone: str, now_us: int) -> None:
    """Note in which time zone times are shown."""
    sql.run("UPDATE person SET zone = ?, changed_us = ? WHERE id = ?", (zone, now_us, person_id))


def disable(sql: Sql, person_id: int, now_us: int) -> None:
    """Let the person in no more: sessions and links end, tokens are refused."""
    sql.run(
        "UPDATE person SET disabled_us = ?, changed_us = ? WHERE id = ?",
        (now_us, now_us, person_id),
    )
    sql.run("DELETE FROM setup_link WHERE person_id = ?", (person_id,))
    end_sessions(sql, person_id)


def enable(sql: Sql, person_id: int, now_us: int) -> None:
    """Let the person in again, with the password of before."""
    sql.run("UPDATE person SET disabled_us = 0, changed_us = ? WHERE id = ?", (now_us, person_id))


def end_sessions(sql: Sql, person_id: int) -> None:
    """Sign the person out everywhere."""
    sql.run("DELETE FROM web_session WHERE person_id = ?", (person_id,))


def is_last_admin(sql: Sql, person_id: int) -> bool:
    """Whether nobody could change settings and people without this person."""
    rows = sql.run(
        "SELECT id FROM person WHERE role = ? AND disabled_us = 0 AND password <> ''", (ADMIN,)
    ).fetchall()
    return [row[0] for row in rows] == [person_id]


def make_link(sql: Sql, secret_hash: bytes, person_id: int, until_us: int) -> None:
    """Note a link; it replaces those of before."""
    sql.run("DELETE FROM setup_link WHERE person_id = ?", (person_id,))
    columns = ("secret_hash", "person_id", "expires_us")
    sql.insert_many("setup_link", columns, [(secret_hash, person_id, until_us)])


def linked_person(sql: Sql, secret_hash: bytes, now_us: int) -> int | None:
    """Return whose link it is, NOBODY for the first admin; None for one that is worth nothing."""
    row = sql.run(
        "SELECT person_id FROM setup_link WHERE secret_hash = ? AND expires_us > ?",
        (secret_hash, now_us),
    ).fetchone()
    if row is None or (row[0] == NOBODY and has_people(sql)):
        return None
    return int(row[0])


def person_with(sql: Sql, person_id: int) -> PersonRow | None:
    """Return the person of that id."""
    statement = f"SELECT {person_columns('p')} FROM person p WHERE id = ?"  # noqa: S608
    row = sql.run(statement, (person_id,)).fetchone()
    return None if row is None else person_of(row)


def use_link(sql: Sql, secret_hash: bytes, now_us: int) -> int | None:
    """Use the link up; as ``linked_person``, None also when somebody else just did."""
    person_id = linked_person(sql, secret_hash, now_us)
    if person_id is None:
        return None
    used = sql.run(
        "DELETE FROM setup_link WHERE secret_hash = ? RETURNING 1", (secret_hash,)
    ).fetchall()
    return person_id if used else None
