"""Invitations and certificates of agents, and the names of their servers.

Gives     What ``mailtally-collector agents`` does and what enrolment notes, each for one
          transaction; ``known_certificates`` for who decides about streams.
Raises    NameTakenError, UnknownServerError.
"""

from dataclasses import dataclass

from mailtally_collector.durations import DAY_US
from mailtally_collector.store.sql import Sql

# So long certificates and invitations that ended are shown, and remembered as revoked.
REMEMBERED_US = 30 * DAY_US


class NameTakenError(Exception):
    """Another server has the name."""


class UnknownServerError(Exception):
    """No server, certificate or invitation bears the name."""


@dataclass(frozen=True, slots=True)
class KnownCertificate:
    """For which server a certificate stands; moments are 0 when there was none."""

    server: str
    not_after_us: int
    revoked_us: int


@dataclass(frozen=True, slots=True)
class AgentRow:
    """What is known of one server's identity; moments are 0 when there was none.

    certificate      the newest: its SHA-256, None when there is none
    invited_until_us until when an invitation can be used
    """

    server: str
    certificate: bytes | None
    issued_us: int
    not_after_us: int
    revoked_us: int
    invited_until_us: int
    last_seen_us: int
    former_names: tuple[str, ...]


def invite(sql: Sql, server: str, secret_hash: bytes, now_us: int, until_us: int) -> None:
    """Note an invitation; it replaces unused ones, and takes the name from who had it formerly."""
    sql.run("DELETE FROM former_name WHERE name = ?", (server,))
    sql.run("DELETE FROM invitation WHERE server = ? AND used_us = 0", (server,))
    columns = ("secret_hash", "server", "created_us", "expires_us", "used_us")
    sql.insert_many("invitation", columns, [(secret_hash, server, now_us, until_us, 0)])


def invited_server(sql: Sql, secret_hash: bytes, now_us: int) -> str | None:
    """Return for whom the invitation is; None when it is unknown, used or too old."""
    row = sql.run(
        "SELECT server FROM invitation WHERE secret_hash = ? AND used_us = 0 AND expires_us > ?",
        (secret_hash, now_us),
    ).fetchone()
    return None if row is None else str(row[0])


def use_invitation(sql: Sql, secret_hash: bytes, now_us: int) -> bool:
    """Use the invitation up; False when somebody else just did."""
    done = sql.run(
        "UPDATE invitation SET used_us = ? WHERE secret_hash = ? AND used_us = 0"
        " AND expires_us > ? RETURNING 1",
        (now_us, secret_hash, now_us),
    ).fetchall()
    return bool(done)


def note_certificate(
    sql: Sql, fingerprint: bytes, server: str, now_us: int, not_after_us: int
) -> None:
    """Note a certificate that was issued or presented, and drop what ended long ago."""
    before_us = now_us - REMEMBERED_US
    sql.run("DELETE FROM agent_certificate WHERE not_after_us < ?", (before_us,))
    sql.run("DELETE FROM invitation WHERE expires_us < ?", (before_us,))
    columns = ("fingerprint", "server", "issued_us", "not_after_us", "revoked_us")
    sql.insert_missing(
        "agent_certificate", columns, [(fingerprint, server, now_us, not_after_us, 0)]
    )


def known_certificates(sql: Sql) -> dict[bytes, KnownCertificate]:
    """Return all certificates by fingerprint."""
    rows = sql.run(
        "SELECT fingerprint, server, not_after_us, revoked_us FROM agent_certificate"
    ).fetchall()
    return {bytes(row[0]): KnownCertificate(*row[1:]) for row in rows}


def revoke(sql: Sql, server: str, now_us: int) -> tuple[int, int]:
    """Revoke all certificates and invitations of a server; how many of each.

    Raises UnknownServerError when no certificate or invitation bears the name.
    """
    withdrawn = sql.run(
        "DELETE FROM invitation WHERE server = ? AND used_us = 0 RETURNING 1", (server,)
    ).fetchall()
    revoked = sql.run(
        "UPDATE agent_certificate SET revoked_us = ? WHERE server = ? AND revoked_us = 0"
        " RETURNING 1",
        (now_us, server),
    ).fetchall()
    if not revoked and not withdrawn:
        raise UnknownServerError
    return len(revoked), len(withdrawn)


def rename(sql: Sql, old: str, new: str) -> None:
    """Give a server, with its rows, certificates and invitations, another name.

    Raises UnknownServerError for the old name, and NameTakenError when another has the new one.
    """
    if not _is_used(sql, old):
        raise UnknownServerError
    if _is_used(sql, new):
        raise NameTakenError
    sql.run("DELETE FROM former_name WHERE name = ?", (new,))
    for table in ("invitation", "agent_certificate", "former_name"):
        sql.run(f"UPDATE {table} SET server = ? WHERE server = ?", (new, old))  # noqa: S608
    sql.run("UPDATE server SET name = ? WHERE name = ?", (new, old))
    sql.run("INSERT INTO former_name (name, server) VALUES (?, ?)", (old, new))


def agents(sql: Sql, now_us: int) -> list[AgentRow]:
    """List who has a certificate, an invitation or rows, by name."""
    seen = dict(sql.run("SELECT name, last_seen_us FROM server").fetchall())
    newest = {
        row[0]: row
        for row in sql.run(
            "SELECT server, fingerprint, issued_us, not_after_us, revoked_us"
            " FROM agent_certificate ORDER BY issued_us, id"
        ).fetchall()
    }
    invited = dict(
        sql.run(
            "SELECT server, expires_us FROM invitation WHERE used_us = 0 AND expires_us > ?",
            (now_us,),
        ).fetchall()
    )
    former: dict[str, list[str]] = {}
    for name, server in sql.run("SELECT name, server FROM former_name ORDER BY name").fetchall():
        former.setdefault(server, []).append(name)
    rows = []
    for name in sorted(seen.keys() | newest.keys() | invited.keys()):
        _, certificate, issued_us, not_after_us, revoked_us = newest.get(
            name, (name, None, 0, 0, 0)
        )
        rows.append(
            AgentRow(
                name,
                None if certificate is None else bytes(certificate),
                issued_us,
                not_after_us,
                revoked_us,
                invited.get(name, 0),
                seen.get(name, 0),
                tuple(former.get(name, ())),
            )
        )
    return rows


def _is_used(sql: Sql, name: str) -> bool:
    return any(
        sql.run(f"SELECT 1 FROM {table} WHERE {column} = ? LIMIT 1", (name,)).fetchone()  # noqa: S608
        for table, column in (
            ("server", "name"),
            ("agent_certificate", "server"),
            ("invitation", "server"),
        )
    )
