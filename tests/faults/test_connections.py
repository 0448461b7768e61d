"""Connections that break, and transactions that are given up: what is done again."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pytest
from peewee import OperationalError, PeeweeException

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.store.database import close_reading, open_for_reading, open_for_writing
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.failures import is_conflict, is_connection_lost, is_refusal
from mailtally_collector.store.location import Location, location_of
from mailtally_collector.store.reading import answer
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.write_batch import BatchStore
from mailtally_collector.store.writer import StoreUnavailableError, Writer
from tests.conftest import TEMPLATE
from tests.postgres.server import PostgresServer

END_ME = "SELECT pg_terminate_backend(pg_backend_pid())"
TOUCH = "UPDATE provider SET name = name || '+' WHERE id = ?"
RULES = CurrentRules(None)


@pytest.mark.parametrize(
    ("sqlstate", "refused", "conflict", "lost"),
    [
        ("22003", True, False, False),  # out of range
        ("23505", True, False, False),  # there already
        ("54000", True, False, False),  # longer than an index takes
        ("53100", False, False, False),  # disk full
        ("53300", False, False, False),  # too many connections
        ("40P01", False, True, False),
        ("40001", False, True, False),
        ("57P01", False, False, True),
        ("25006", False, False, True),
    ],
)
def test_what_an_error_means(
    postgres: PostgresServer, sqlstate: str, *, refused: bool, conflict: bool, lost: bool
) -> None:
    database = open_for_writing(location_of(postgres.uri("postgres")))
    statement = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END $$"
    with database.connection_context(), pytest.raises(PeeweeException) as raised:
        sql_for(database).run(statement)
    error = raised.value
    meant = (is_refusal(error), is_conflict(error), is_connection_lost(error))
    assert meant == (refused, conflict, lost)


@pytest.fixture
def location(postgres: PostgresServer) -> Iterator[Location]:
    uri = postgres.new_database(TEMPLATE)
    yield location_of(uri)
    postgres.drop(uri)


def ending_first(sql: Sql, times: int) -> Callable[[], str]:
    """Work whose connection is ended under it, so many times."""
    ended = iter(range(times))

    def work() -> str:
        if next(ended, None) is not None:
            sql.run(END_ME)
        (done,) = sql.run("SELECT 'done'").fetchone()
        return str(done)

    return work


def test_a_question_is_asked_again_once_when_its_connection_breaks(location: Location) -> None:
    database = open_for_reading(location)
    sql = sql_for(database)
    try:
        assert answer(database, ending_first(sql, 1)) == "done"
        with pytest.raises(OperationalError, match="administrator"):
            answer(database, ending_first(sql, 2))
        assert answer(database, ending_first(sql, 0)) == "done"
    finally:
        close_reading(database)


class Opened:
    """A writer on a connection of its own."""

    def __init__(self, location: Location) -> None:
        database = open_for_writing(location)
        self.sql = sql_for(database)
        self.writer = Writer(database, BatchStore(database, RULES))
        self.writer.start()

    def close(self) -> None:
        """Do what is queued, and end."""
        self.writer.close()


def test_what_was_under_way_when_the_connection_broke_is_done_on_a_new_one(
    location: Location,
) -> None:
    with closing(Opened(location)) as opened:
        assert opened.writer.submit(ending_first(opened.sql, 2)).result(30) == "done"
        hopeless = opened.writer.submit(ending_first(opened.sql, 100))
        with pytest.raises(StoreUnavailableError, match="administrator"):
            hopeless.result(30)
        assert opened.writer.submit(ending_first(opened.sql, 0)).result(30) == "done"


def test_a_session_that_may_not_write_any_more_is_left_for_another(location: Location) -> None:
    """As after a failover, when the old leader's address is a standby's."""
    with closing(Opened(location)) as opened:
        demoted = "SET default_transaction_read_only = on"
        opened.writer.submit(lambda: opened.sql.run(demoted)).result(10)
        named = opened.writer.submit(lambda: opened.sql.insert("provider", {"name": "a"}))
        assert named.result(10) == 1


def test_a_deadlock_heals_by_itself(location: Location) -> None:
    with closing(Opened(location)) as one, closing(Opened(location)) as other:
        ids = [
            one.writer.submit(partial(one.sql.insert, "provider", {"name": name})).result(10)
            for name in ("a", "b")
        ]
        meeting = threading.Barrier(2)

        def touching(sql: Sql, order: list[int]) -> Callable[[], None]:
            met = iter((meeting,))

            def work() -> None:
                sql.run(TOUCH, (order[0],))
                for barrier in met:  # the first time only
                    barrier.wait(10)
                sql.run(TOUCH, (order[1],))

            return work

        both = [
            one.writer.submit(touching(one.sql, ids)),
            other.writer.submit(touching(other.sql, ids[::-1])),
        ]
        for done in both:
            done.result(30)
        names = one.writer.submit(
            lambda: one.sql.run("SELECT name FROM provider ORDER BY id").fetchall()
        )
        assert names.result(10) == [("a++",), ("b++",)]
