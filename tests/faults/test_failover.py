"""Another server takes over, or an older state comes back: the figures become the ledger's again.

With a synchronous standby nothing that was acknowledged is lost. Else agents find that their last
report is not known, and read again what their logs hold.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Collector
from tests.faults.exchange import HOSTS
from tests.faults.fleet import BUNDLED_SERVER, Fleet
from tests.postgres.server import PORT, USER, PostgresServer

WRITE_SECONDS = 4.0
AWAITED_SECONDS = 30
MESSAGES = 300
READS_AGAIN = "does not know our last report"


@pytest.fixture
def standby(cluster: PostgresServer) -> Iterator[PostgresServer]:
    """A server that follows the cluster."""
    follower = PostgresServer("-c", "fsync=off")
    follower.create_standby(cluster)
    follower.start()
    yield follower
    follower.remove()


def uri_of_both(uri: str, one: PostgresServer, other: PostgresServer) -> str:
    """Name both servers, as an operator does."""
    name = uri.partition("?")[0].rpartition("/")[2]
    hosts = f"host={one.folder},{other.folder}&port={PORT},{PORT}"
    return f"postgresql://{USER}@/{name}?{hosts}&target_session_attrs=read-write"


def reporting(folder: Path, database: str) -> tuple[Collector, Fleet]:
    """Start a collector and a fleet whose logs begin to grow."""
    collector = Collector(folder, database=database)
    collector.start()
    addresses = dict.fromkeys((*HOSTS, BUNDLED_SERVER), collector.address)
    fleet = Fleet(folder, 3, MESSAGES, addresses)
    fleet.start()
    fleet.write(random.Random(3), WRITE_SECONDS)  # noqa: S311 - repeatable
    return collector, fleet


def await_reports(server: PostgresServer, uri: str) -> None:
    """Wait until something more is acknowledged to every agent."""
    newest = server.ask(uri, "SELECT COALESCE(max(id), 0) FROM ack_token")
    more = f"SELECT count(DISTINCT server_id) FROM ack_token WHERE id > {newest}"  # noqa: S608
    deadline = time.monotonic() + AWAITED_SECONDS
    while server.ask(uri, more) != "3":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def who_read_again(fleet: Fleet) -> set[str]:
    return {agent.server for agent in fleet.agents if READS_AGAIN in agent.output.read_text()}


def test_a_synchronous_standby_has_all_that_was_acknowledged(
    cluster: PostgresServer, standby: PostgresServer, tmp_path: Path
) -> None:
    cluster.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")
    cluster.psql("postgres", "SELECT pg_reload_conf()")
    uri = uri_of_both(cluster.new_database(), cluster, standby)
    collector, fleet = reporting(tmp_path, uri)
    time.sleep(WRITE_SECONDS / 2)
    cluster.stop("immediate")
    standby.promote()
    fleet.finish()

    fleet.assert_equal(collector.address)
    assert who_read_again(fleet) == set()


def test_a_standby_that_lags_is_filled_again_by_the_agents(
    cluster: PostgresServer, standby: PostgresServer, tmp_path: Path
) -> None:
    database = cluster.new_database()
    collector, fleet = reporting(tmp_path, uri_of_both(database, cluster, standby))
    await_reports(cluster, database)
    standby.stop("immediate")
    await_reports(cluster, database)
    cluster.stop("immediate")
    standby.start()
    standby.promote()
    fleet.finish()

    fleet.assert_equal(collector.address)
    # Of some nothing may have been lost.
    assert who_read_again(fleet)


def test_an_older_dump_is_filled_again_by_the_agents(
    cluster: PostgresServer, tmp_path: Path
) -> None:
    uri = cluster.new_database()
    collector, fleet = reporting(tmp_path, uri)
    await_reports(cluster, uri)
    dump = cluster.folder / "dump"
    cluster.run("pg_dump", "-Fc", "-f", dump, uri)
    await_reports(cluster, uri)
    fleet.finish()
    collector.end()
    cluster.drop(uri)
    restored = cluster.new_database()
    cluster.run("pg_restore", "-d", restored, dump)

    collector.database = restored
    collector.start()
    fleet.start()
    fleet.finish()
    fleet.assert_equal(collector.address)
    assert who_read_again(fleet)
