"""Periodic jobs: each is run by one collector when it is due, and what became of it is seen."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random

import pytest
from peewee import Database

from mailtally.v1 import query_pb2
from mailtally_collector.config import load_config
from mailtally_collector.durations import MINUTE_US
from mailtally_collector.jobs import RollupsDifferError, check_rollups, jobs_of, watch_servers
from mailtally_collector.query.jobs import Job as ListedJob
from mailtally_collector.query.jobs import list_jobs
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.servers import list_servers
from mailtally_collector.store.database import open_for_writing
from mailtally_collector.store.settings import FLEET, change_settings
from mailtally_collector.store.transact import Transact, transact_on
from mailtally_collector.timetable import LEASE_SECONDS, Job, JobBusyError, Timetable, Turn
from tests.integration.collector.conftest import collector
from tests.integration.collector.reports import SECOND, story
from tests.integration.collector.tables import NOW, Tables
from tests.integration.collector.wire import questions_to


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_us = NOW

    def __call__(self) -> int:
        return self.now_us


@contextmanager
def connection_to(tables: Tables) -> Iterator[Database]:
    """A connection of its own, as another collector has."""
    database = open_for_writing(tables.location)
    with database.connection_context():
        yield database


def writing_to(tables: Tables) -> Transact:
    """Run each work on the connection of its thread, closed at once."""

    def transact(work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        database = open_for_writing(tables.location)
        with database.connection_context():
            return transact_on(database)(work)

    return transact


@contextmanager
def running(tables: Tables, clock: Clock, *jobs: Job) -> Iterator[Timetable]:
    """A timetable that looks, and is stopped however the test ends."""
    timetable = Timetable(jobs, writing_to(tables), clock)
    timetable.start()
    try:
        until(lambda: len(listed(tables)) == len(jobs))
        yield timetable
    finally:
        timetable.stop()


def listed(tables: Tables, now_us: int = NOW) -> dict[str, ListedJob]:
    return {job.name: job for job in list_jobs(tables.reader, now_us).jobs}


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def counting(ran: list[str], name: str = "count") -> Callable[[Turn], str]:
    """Work that notes that it was done."""

    def work(_: Turn) -> str:
        ran.append(name)
        return name

    return work


def test_of_two_collectors_one_runs_a_job_when_it_is_due(tables: Tables) -> None:
    clock = Clock()
    ran: list[str] = []
    one, two = (Job("count", 1, counting(ran, name)) for name in ("one", "two"))
    with running(tables, clock, one), running(tables, clock, two):
        time.sleep(1.6)
        assert ran == []  # not due yet, by the clock of the database
        for turn in (1, 2, 3):
            clock.now_us += SECOND
            until(lambda turn=turn: len(ran) == turn)  # type: ignore[misc]
            time.sleep(1.6)
            assert len(ran) == turn
    job = listed(tables)["count"]
    assert (job.runs, job.failures, job.owner, job.error) == (3, 0, "", "")
    assert (job.result, job.next_us) == (ran[-1], clock.now_us + SECOND)


def test_a_restart_runs_nothing_again_and_a_new_job_waits_for_its_turn(tables: Tables) -> None:
    clock = Clock()
    ran: list[str] = []
    for _ in range(2):
        with running(tables, clock, Job("count", 1, counting(ran))):
            time.sleep(1.6)
    assert ran == []


def test_a_lease_of_a_killed_collector_ends(tables: Tables) -> None:
    clock = Clock()
    job = Job("count", 1, lambda _: "done")
    timetable = Timetable([job], transact_on(tables.database), clock)
    assert timetable.run_now(job) == "done"
    tables.sql.run(
        "UPDATE job SET owner = 'gone:1:ff', until_us = ?, running_us = ?",
        (clock.now_us + LEASE_SECONDS * SECOND, clock.now_us),
    )
    assert listed(tables)["count"].owner == "gone:1:ff"
    with pytest.raises(JobBusyError, match="count is being run by gone:1"):
        timetable.run_now(job)
    clock.now_us += LEASE_SECONDS * SECOND
    assert listed(tables, clock.now_us)["count"].owner == ""
    assert timetable.run_now(job) == "done"


def test_who_lost_the_lease_stops_and_does_not_speak_for_the_other(tables: Tables) -> None:
    clock = Clock()

    def work(turn: Turn) -> str:
        turn.renewed -= LEASE_SECONDS
        assert turn.go_on()
        tables.sql.run("UPDATE job SET owner = 'other'")
        turn.renewed -= LEASE_SECONDS
        assert not turn.go_on()
        return "half"

    job = Job("count", 1, work)
    assert Timetable([job], transact_on(tables.database), clock).run_now(job) == "half"
    assert listed(tables)["count"].owner == "other"
    assert listed(tables)["count"].runs == 0


def test_a_failure_is_noted_and_the_next_run_follows(tables: Tables) -> None:
    clock = Clock()
    fails = threading.Event()
    fails.set()

    def work(_: Turn) -> str:
        if fails.is_set():
            raise ValueError("no luck")
        return "luck"

    with running(tables, clock, Job("try", 1, work)):
        clock.now_us += SECOND
        until(lambda: listed(tables)["try"].runs == 1)
        failed = listed(tables)["try"]
        assert (failed.result, failed.error, failed.failures) == ("failed: no luck", "no luck", 1)
        assert failed.error_us == failed.ended_us == clock.now_us
        fails.clear()
        clock.now_us += SECOND
        until(lambda: listed(tables)["try"].runs == 2)
    after = listed(tables)["try"]
    assert (after.result, after.error, after.failures) == ("luck", "no luck", 1)


def test_a_run_that_was_cut_short_is_due_again(tables: Tables) -> None:
    clock = Clock()
    begun = threading.Event()

    def work(turn: Turn) -> str:
        begun.set()
        while turn.go_on():
            time.sleep(0.01)
        return "cut short"

    with running(tables, clock, Job("long", 3600, work)) as timetable:
        clock.now_us += 3600 * SECOND
        move_looks(timetable, timedelta(minutes=-1))
        assert begun.wait(20)
    job = listed(tables)["long"]
    assert (job.result, job.next_us) == ("cut short", clock.now_us)


def test_clocks_that_are_set_back_hold_nothing_up(tables: Tables) -> None:
    clock = Clock()
    ran: list[str] = []
    with running(tables, clock, Job("count", 3600, counting(ran))) as timetable:
        clock.now_us += 3600 * SECOND
        move_looks(timetable, timedelta(hours=1))
        until(lambda: len(ran) == 1)


def move_looks(timetable: Timetable, by: timedelta) -> None:
    """Let the next look come at another time, by this computer's clock."""
    for look in timetable._scheduler.jobs:  # noqa: SLF001 - not to wait for it
        assert look.next_run is not None
        look.next_run += by


def test_servers_are_stale_once_and_well_again(tables: Tables, tmp_path: Path) -> None:
    config = load_config(None, database=str(tmp_path / "x.db"))
    transact = transact_on(tables.database)

    def watch(minutes: int) -> str:
        return watch_servers(
            config, transact, Turn(NOW + minutes * MINUTE_US, lambda: True, lambda: False)
        )

    tables.store(story())
    assert watch(15) == "no change"
    assert watch(16) == "mx1 silent"
    assert watch(17) == "no change"
    (server,) = list_servers(tables.reader, Scope.everything(), frozenset(), NOW)
    assert (server.stale, server.stale_since_us) == ("silent", NOW + 16 * MINUTE_US)
    sql = tables.sql
    seen_us = NOW + 200 * MINUTE_US
    sql.run("UPDATE server SET last_seen_us = ?, backlog_bytes = 5", (seen_us,))
    assert watch(200) == "mx1 lags"
    sql.run("UPDATE server SET backlog_bytes = 0")  # a quiet log, read to its end
    assert watch(201) == "mx1 well again"
    (server,) = list_servers(tables.reader, Scope.everything(), frozenset(), NOW)
    assert (server.stale, server.stale_since_us) == ("", 0)


def test_a_server_that_is_read_seldom_or_on_command_does_not_lag_for_it(
    tables: Tables, tmp_path: Path
) -> None:
    config = load_config(None, database=str(tmp_path / "x.db"))
    transact = transact_on(tables.database)
    tables.store(story())
    seen_us = NOW + 200 * MINUTE_US
    tables.sql.run("UPDATE server SET last_seen_us = ?, backlog_bytes = 5", (seen_us,))
    told = []
    for enabled, hours in ((True, 24), (False, 24), (True, 1), (True, 0)):
        transact(
            partial(
                change_settings,
                server_ids=[FLEET],
                enabled=enabled,
                interval_seconds=hours * 3600,
                who="a",
                now_us=seen_us,
            )
        )
        turn = Turn(seen_us, lambda: True, lambda: False)
        told.append(watch_servers(config, transact, turn))
    assert told == ["no change", "no change", "mx1 lags", "no change"]


def test_a_wrong_roll_up_is_found_by_the_clock(tables: Tables) -> None:
    tables.store(story())
    turn = Turn(NOW, lambda: True, lambda: False)
    said = check_rollups(tables.reader, Random(1), turn)  # noqa: S311
    assert said == "1 days counted again, all equal to the rows"
    tables.sql.run("UPDATE traffic_hour SET recipients_30 = recipients_30 + 1")
    with pytest.raises(RollupsDifferError, match="of traffic_hour on day 20717 differ"):
        check_rollups(tables.reader, Random(1), turn)  # noqa: S311


async def test_jobs_are_listed_over_the_wire(tmp_path: Path) -> None:
    database = tmp_path / "c.db"
    async with collector(database) as address, questions_to(address) as stub:
        answer = query_pb2.ListJobsResponse()
        deadline = time.monotonic() + 40
        while len(answer.jobs) < 5:
            assert time.monotonic() < deadline
            answer = await stub.ListJobs(query_pb2.ListJobsRequest())
    config = load_config(None, database=str(database))
    tables = Tables(database)
    expected = jobs_of(config, transact_on(tables.database), tables.reader, Random(1))  # noqa: S311
    tables.close()
    assert [job.name for job in answer.jobs] == sorted(job.name for job in expected)
    assert not answer.HasField("rows_since")
    assert all(job.HasField("next") and not job.HasField("ended") for job in answer.jobs)
