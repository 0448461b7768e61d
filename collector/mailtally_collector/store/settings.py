"""How logs are to be collected: of the fleet, and of servers that have settings of their own.

Order     Who changes something takes a value of the counter first, and with it a lock until the
          commit: revisions become visible in their order, and who sees the counter unchanged has
          seen everything.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mailtally_collector.collecting import DEFAULT, Collecting
from mailtally_collector.store.sql import Sql

# Stands for the fleet in the place of a server's id.
FLEET = 0
COLUMNS = ("enabled", "interval_seconds", "revision", "changed_us", "changed_by")


def next_changes(sql: Sql, count: int = 1) -> int:
    """Take so many values of the counter; the last of them."""
    sql.insert_missing("control", ("id", "changes"), [(1, DEFAULT.revision)])
    row = sql.run(
        "UPDATE control SET changes = changes + ? WHERE id = 1 RETURNING changes", (count,)
    ).fetchone()
    return int(row[0])


def changes(sql: Sql) -> int:
    """Return the counter's value."""
    row = sql.run("SELECT changes FROM control WHERE id = 1").fetchone()
    return int(row[0]) if row else DEFAULT.revision


def read_settings(sql: Sql) -> dict[int, Collecting]:
    """All settings that were ever made and not cleared, by server id or FLEET."""
    rows = sql.run(f"SELECT server_id, {', '.join(COLUMNS)} FROM settings").fetchall()  # noqa: S608
    return {row[0]: Collecting(bool(row[1]), *row[2:]) for row in rows}


def in_force(settings: dict[int, Collecting], server_id: int) -> Collecting:
    """What holds for a server, or the fleet."""
    return settings.get(server_id) or settings.get(FLEET) or DEFAULT


def change_settings(
    sql: Sql,
    server_ids: Iterable[int],
    *,
    enabled: bool | None,
    interval_seconds: int | None,
    who: str,
    now_us: int,
) -> None:
    """Change what holds for the fleet or for these servers; None leaves what held before."""
    revision = next_changes(sql)
    before = read_settings(sql)
    for server_id in server_ids:
        was = in_force(before, server_id)
        new = replace(
            was,
            enabled=was.enabled if enabled is None else enabled,
            interval_seconds=was.interval_seconds if interval_seconds is None else interval_seconds,
            revision=revision,
            changed_us=now_us,
            changed_by=who,
        )
        _write(sql, server_id, new)


def clear_settings(sql: Sql, server_ids: Sequence[int]) -> None:
    """Let the fleet's settings hold for these servers."""
    next_changes(sql)
    sql.delete_many("settings", ("server_id",), [(one,) for one in server_ids])


def _write(sql: Sql, server_id: int, new: Collecting) -> None:
    sql.delete_many("settings", ("server_id",), [(server_id,)])
    values = (new.enabled, new.interval_seconds, new.revision, new.changed_us, new.changed_by)
    sql.insert_many("settings", ("server_id", *COLUMNS), [(server_id, *values)])
