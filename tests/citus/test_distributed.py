"""``migrate --distribute`` on a coordinator with two workers."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailtally.v1 import record_pb2 as pb
from mailtally_collector.distribute_tables import distribute_tables
from mailtally_collector.store.database import migrate
from mailtally_collector.store.dialect import writing
from mailtally_collector.store.distribution import COPIED, DISTRIBUTED
from mailtally_collector.store.flush import flush
from mailtally_collector.store.location import PostgresDatabase, location_of
from mailtally_collector.store.partitions import Partitions
from mailtally_collector.store.schema_version import DatabaseRefusedError
from mailtally_collector.store.servers import server_id_of
from tests.integration.collector.reports import SECOND, T0, accepted, attempt, changed, ref
from tests.integration.collector.tables import NOW, Tables
from tests.postgres.citus import CitusCluster

COLLECTOR = Path(sys.executable).parent / "mailtally-collector"
PLACES = "SELECT CAST(logicalrelid AS text), partmethod FROM pg_dist_partition ORDER BY 1"
YEAR_US = 365 * 86_400_000_000
# Seconds before T0, in a week that no other test stores in.
LONG_AGO = -300 * 86_400


@pytest.fixture
def location(citus: CitusCluster) -> Iterator[PostgresDatabase]:
    """A database of the cluster, not distributed yet."""
    uri = citus.new_database()
    location = location_of(uri)
    assert isinstance(location, PostgresDatabase)
    migrate(location)
    yield location
    citus.drop(uri)


def command(location: PostgresDatabase) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COLLECTOR, "migrate", "--distribute", "--quiet", "--database", location.uri],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def told(queue_id: str, at: float) -> list[pb.Record]:
    """A message that waits, and later fails."""
    message = ref(queue_id, at, 1)
    return [
        accepted(message, at, 2),
        attempt(message, at + 1, 3, pb.ATTEMPT_OUTCOME_DEFERRED),
    ]


def test_what_is_stored_stays_and_goes_on(location: PostgresDatabase) -> None:
    with closing(Tables(location)) as tables:
        for server in ("mx1", "mx2", "mx3"):
            tables.store(told("4AAA01", 0), server)
        before = tables.dump()

    first, again = command(location), command(location)

    assert (first.stderr, again.stderr) == ("", "")
    _, done = first.stdout.splitlines()
    assert done.startswith(f"{len(COPIED) + len(DISTRIBUTED)} tables distributed over 2 nodes: ")
    assert again.stdout.splitlines()[1].startswith("already distributed over 2 nodes: ")
    with closing(Tables(location)) as tables:
        assert tables.dump() == before
        placed = dict(tables.sql.run(PLACES).fetchall())
        assert {name for name, method in placed.items() if method == "n"} == set(COPIED)
        assert set(DISTRIBUTED) <= {name for name, method in placed.items() if method == "h"}
        kept = "SELECT count(DISTINCT colocationid) FROM pg_dist_partition WHERE partmethod = 'h'"
        assert tables.column(kept) == [1]
        failed = attempt(ref("4AAA01", 0, 1), 9, 9, pb.ATTEMPT_OUTCOME_BOUNCED)
        tables.store([failed, changed(ref("4AAA01", 0, 1), 9, 10, pb.MESSAGE_CHANGE_COMPLETED)])
        assert [event.attempts for event in tables.events() if event.server == "mx1"] == [2]


def test_running_collectors_are_named_and_nothing_is_changed(location: PostgresDatabase) -> None:
    with closing(Tables(location)) as tables:
        tables.store(told("4AAA01", 0))
        with pytest.raises(DatabaseRefusedError, match=r"1 connections of running .* changed\."):
            distribute_tables(location, quiet=True)
        assert tables.column("SELECT count(*) FROM pg_dist_partition") == [0]


def test_a_table_that_cannot_be_distributed_leaves_all_as_it_was(
    location: PostgresDatabase,
) -> None:
    with closing(Tables(location)) as tables:
        tables.store(told("4AAA01", 0))
        before = tables.dump()
        tables.sql.run("CREATE UNIQUE INDEX own ON attempt (message_id, number, time_us)")

    finished = command(location)

    assert finished.returncode == 1
    assert "cannot be distributed: " in finished.stderr
    assert finished.stderr.endswith("Tables are where they were.\n")
    with closing(Tables(location)) as tables:
        assert tables.column("SELECT count(*) FROM pg_dist_partition") == [0]
        assert tables.dump() == before


def test_a_role_without_rights_is_told_who_must_do_what(citus: CitusCluster) -> None:
    coordinator = citus.coordinator
    uri = coordinator.new_database()
    coordinator.psql("postgres", "CREATE ROLE plain LOGIN")
    coordinator.psql(citus.name_of(uri), "GRANT ALL ON SCHEMA public TO plain")
    location = location_of(uri.replace("postgres@", "plain@"))

    with pytest.raises(DatabaseRefusedError, match=r"permission denied .*a superuser run CREATE"):
        distribute_tables(location, quiet=True)

    coordinator.drop(uri)


def test_batches_of_other_hosts_do_not_wait(citus: CitusCluster) -> None:
    """While rows of one host are changed and not committed, those of another can be stored."""
    with citus.distributed() as location, closing(Tables(location)) as one:
        for server in ("mx1", "mx2"):
            one.store(told("4AAA01", 0), server)
        with closing(Tables(location)) as other, writing(one.database):
            one.batches.forget()
            server_id = server_id_of(one.sql, "mx1", NOW)
            one.sql.lock_servers([server_id])
            of_server = "SELECT id FROM message WHERE server_id = ?"
            (message_id,) = one.sql.run(of_server, (server_id,)).fetchone()
            mail = one.batches._mails.by_id(message_id)  # noqa: SLF001 - a batch stopped half way
            flush(one.sql, [mail])
            failed = attempt(ref("4AAA01", 0, 1), 9, 9, pb.ATTEMPT_OUTCOME_BOUNCED)

            def store() -> None:
                other.store([failed], "mx2")
                other.database.close()

            thread = threading.Thread(target=store, daemon=True)
            thread.start()
            thread.join(20)
            assert not thread.is_alive()


def test_a_partition_made_later_takes_its_rows_along(citus: CitusCluster) -> None:
    with citus.distributed() as location, closing(Tables(location)) as tables:
        for server in ("mx1", "mx2", "mx3"):
            tables.store(told("4AAA01", LONG_AGO), server, now_us=T0 + 5 * YEAR_US)
        in_default = "SELECT count(*) FROM delivery_default"
        before = tables.dump()
        assert tables.column(in_default) == [3]

        assert Partitions(tables.sql).make_sure([T0 + LONG_AGO * SECOND], NOW) > 0

        assert tables.column(in_default) == [0]
        assert tables.dump() == before
        message = ref("4AAA01", LONG_AGO, 1)
        failed = attempt(message, LONG_AGO + 9, 9, pb.ATTEMPT_OUTCOME_BOUNCED)
        tables.store([failed], "mx2")
        assert tables.column("SELECT state FROM delivery ORDER BY state") == [1, 1, 3]
