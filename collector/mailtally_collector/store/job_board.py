"""The table ``job``: who runs which periodic job, when it is due, how it went.

Gives     ``announce``, ``take``, ``keep``, ``finish``; each in the caller's transaction.
Theory    A job belongs to who wrote its name into the row while nobody else's lease was running:
          compare and set, so that copies of the collector need no coordination. A lease that is not
          renewed ends by itself, and the job is due as before.
Limits    Leases and due times are compared with the clock of whoever looks. A collector whose clock
          is ahead by more than a lease takes jobs that others still run; each of them bears that.
"""

from mailtally_collector.store.sql import Sql


def announce(sql: Sql, name: str, due_us: int) -> None:
    """Make the row of a job that nobody ever announced; it is due then."""
    values = {
        "name": name,
        "next_us": due_us,
        "owner": "",
        "until_us": 0,
        "running_us": 0,
        "started_us": 0,
        "ended_us": 0,
        "result": "",
        "error": "",
        "error_us": 0,
        "runs": 0,
        "failures": 0,
    }
    sql.insert_missing("job", tuple(values), [tuple(values.values())])


def take(sql: Sql, name: str, owner: str, now_us: int, until_us: int, *, due_us: int) -> bool:
    """Take the job when it was due by ``due_us`` and nobody has it; whether it is ours now."""
    row = sql.run(
        "UPDATE job SET owner = ?, until_us = ?, running_us = ?"
        " WHERE name = ? AND next_us <= ? AND until_us <= ? RETURNING name",
        (owner, until_us, now_us, name, due_us, now_us),
    ).fetchone()
    return row is not None


def keep(sql: Sql, name: str, owner: str, until_us: int) -> bool:
    """Renew the lease; False when another one has the job now."""
    row = sql.run(
        "UPDATE job SET until_us = ? WHERE name = ? AND owner = ? RETURNING name",
        (until_us, name, owner),
    ).fetchone()
    return row is not None


def finish(
    sql: Sql, name: str, owner: str, *, ended_us: int, next_us: int, result: str, error: str
) -> bool:
    """Note how a run ended and give the job back; False when another one has it now."""
    failed = int(bool(error))
    row = sql.run(
        "UPDATE job SET owner = '', until_us = 0, started_us = running_us, running_us = 0,"
        " ended_us = ?, next_us = ?, result = ?, runs = runs + 1, failures = failures + ?,"
        " error = CASE WHEN ? > 0 THEN ? ELSE error END,"
        " error_us = CASE WHEN ? > 0 THEN ? ELSE error_us END"
        " WHERE name = ? AND owner = ? RETURNING name",
        (
            *(ended_us, next_us, result, failed),
            *(failed, error, failed, ended_us),
            *(name, owner),
        ),
    ).fetchone()
    return row is not None


def owner_of(sql: Sql, name: str) -> tuple[str, int] | None:
    """Return who has the job and until when; None when it was never announced."""
    row = sql.run("SELECT owner, until_us FROM job WHERE name = ?", (name,)).fetchone()
    return (row[0], row[1]) if row else None
