"""PostgreSQL restarted, killed, gone for a while: nothing is lost or doubled."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from tests.e2e.processes import Collector, Query
from tests.faults.exchange import HOSTS
from tests.faults.fleet import BUNDLED_SERVER, Fleet, answers
from tests.postgres.server import PostgresServer

AWAY_SECONDS = 10.0
WRITE_SECONDS = 4.0
MESSAGES = 400
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'mailtally-collector'"
)


class Asker:
    """Asks again and again; ``refusals`` are those that were given no answer."""

    def __init__(self, address: str) -> None:
        self.answered = 0
        self.refusals: list[tuple[grpc.StatusCode, str]] = []
        self._address = address
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask during the block."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join()

    def _ask(self) -> None:
        query = Query(self._address)
        while not self._ended.wait(0.05):
            try:
                query.by_state()
            except grpc.RpcError as error:
                self.refusals.append((error.code(), error.details() or ""))
            else:
                self.answered += 1
        query.close()


def restart_fast(server: PostgresServer) -> None:
    server.stop("fast")
    server.start()


def crash(server: PostgresServer) -> None:
    server.stop("immediate")
    server.start()


def end_connections(server: PostgresServer) -> None:
    server.psql("postgres", TERMINATE)


@pytest.fixture
def fleet(cluster: PostgresServer, tmp_path: Path) -> tuple[Collector, Fleet]:
    collector = Collector(tmp_path, database=cluster.new_database())
    collector.start()
    addresses = dict.fromkeys((*HOSTS, BUNDLED_SERVER), collector.address)
    started = Fleet(tmp_path, 1, MESSAGES, addresses)
    started.start()
    return collector, started


def test_nothing_is_lost_or_doubled_and_questions_say_why_they_wait(
    fleet: tuple[Collector, Fleet], cluster: PostgresServer
) -> None:
    """All on one collector, which is never started again: restarts, a crash, ended connections."""
    collector, agents = fleet
    generator = random.Random(1)  # noqa: S311 - repeatable
    troubles: list[Callable[[PostgresServer], None]] = [restart_fast, crash]
    troubles += [end_connections] * 4
    asker = Asker(collector.address)
    agents.write(generator, WRITE_SECONDS)
    with asker.asking():
        generator.shuffle(troubles)
        for trouble in troubles:
            time.sleep(generator.uniform(0.1, 0.8))
            trouble(cluster)
        agents.finish()
    agents.assert_equal(collector.address)
    assert collector.process is not None
    assert collector.process.poll() is None
    assert asker.answered > 0
    for code, why in asker.refusals:
        assert code == grpc.StatusCode.UNAVAILABLE
        assert why.startswith("the database cannot be read: ")
        assert "\n" not in why


def test_a_server_that_is_gone_for_a_while_is_waited_for(
    fleet: tuple[Collector, Fleet], cluster: PostgresServer
) -> None:
    collector, agents = fleet
    generator = random.Random(2)  # noqa: S311 - repeatable
    asker = Asker(collector.address)
    agents.write(generator, WRITE_SECONDS)
    time.sleep(1)
    cluster.stop("immediate")
    with asker.asking():
        time.sleep(AWAY_SECONDS)
    cluster.start()
    assert asker.answered == 0
    assert {code for code, _ in asker.refusals} == {grpc.StatusCode.UNAVAILABLE}
    assert answers(collector.address) is None
    agents.finish()
    agents.assert_equal(collector.address)
    assert collector.end(signal.SIGTERM) == 0
