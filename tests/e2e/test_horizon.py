"""An agent that must read everything again, after retention deleted what its log holds."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from mailtally.v1 import query_pb2 as pb
from tests.e2e.processes import (
    STATES,
    Agent,
    Collector,
    Query,
    bundled_log,
    ledger_by_state,
    run,
)


def log_of_last_year(folder: Path) -> Path:
    """The bundled log with a date that lies months before its time stamps, which have no year."""
    log = bundled_log(folder)
    then = log.stat().st_mtime - 60 * 86_400
    os.utime(log, (then, then))
    return log


def states(query: Query) -> dict[str, int]:
    """Recipients by state in the last two years, without the states that have none."""
    asked = pb.Filter()
    asked.end.FromSeconds(int(time.time()) // 3_600 * 3_600)
    asked.start.FromSeconds(asked.end.seconds - 2 * 366 * 86_400)
    total = query.stub.Summary(pb.SummaryRequest(filter=asked)).total
    counts = {state: int(getattr(total, state)) for state in STATES}
    return {state: count for state, count in counts.items() if count}


def forget_tokens(collector: Collector) -> None:
    """Make the database one that went back in time."""
    with closing(sqlite3.connect(collector.folder / "collector.db")) as database, database:
        database.execute("DELETE FROM ack_token")


def delete_rows(collector: Collector) -> str:
    """Let rows go that are a week old."""
    config = collector.folder / "collector.toml"
    config.write_text("[retention]\nrows_days = 7\n")
    database = str(collector.folder / "collector.db")
    done = run(
        "mailtally-collector",
        *("run-job", "retention", "--config", str(config), "--database", database),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("is_fresh", [False, True])
def test_a_resync_does_not_pass_the_horizon(
    collector: Collector, tmp_path: Path, *, is_fresh: bool
) -> None:
    """By a token that is not known, and by an agent that lost its state."""
    agent = Agent(tmp_path, collector.address, log_of_last_year(tmp_path))
    agent.run_until_end()
    assert "deleted 0 messages" not in delete_rows(collector)
    query = collector.query()
    before = query.stub.ListServers(pb.ListServersRequest()).servers[0]
    assert (states(query), before.records_too_old) == (ledger_by_state(), 0)

    if is_fresh:
        (agent.state / "checkpoint.json").unlink()
    else:
        forget_tokens(collector)
    agent.run_until_end()

    after = query.stub.ListServers(pb.ListServersRequest()).servers[0]
    assert states(query) == ledger_by_state()
    assert after.records_stored == before.records_stored
    assert after.records_too_old > 0
    assert ("reading the log again" in agent.output.read_text()) is not is_fresh
    query.close()
