"""Gaps of logs: stored once, whatever is sent again; shown beside what they touch."""

from collections.abc import Iterator
from contextlib import closing
from random import Random
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailtally.v1 import ingest_pb2, query_pb2
from mailtally.v1 import record_pb2 as pb
from mailtally_collector.config import load_config
from mailtally_collector.coverage import NO_HOURS, Hours
from mailtally_collector.durations import DAY_US, HOUR_US
from mailtally_collector.ingest_limits import GAPS_MAX
from mailtally_collector.jobs import retain
from mailtally_collector.query.coverage import LogGap, coverage, list_gaps
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.servers import list_servers
from mailtally_collector.query_service import QueryService
from mailtally_collector.store.gaps import GAPS_AN_HOUR
from mailtally_collector.store.location import Location
from mailtally_collector.store.transact import transact_on
from mailtally_collector.timetable import Turn
from tests.integration.collector.conftest import NewLocation, collector
from tests.integration.collector.reports import SECOND, T0, accepted, attempt, key, ref, story
from tests.integration.collector.tables import EVERYTHING, NOW, Tables
from tests.integration.collector.wire import agent_at, questions_to, whole_story

ROTATED, DROPPED = ingest_pb2.GAP_CAUSE_ROTATED_AWAY, ingest_pb2.GAP_CAUSE_SYSLOG_DROPPED
SERVER = query_pb2.DIMENSION_SERVER
EVER = (-(1 << 62), 1 << 62)


def gap(
    name: int,
    begin: float | None,
    end: float | None,
    *,
    certain: bool = True,
    lost: int = 0,
    cause: ingest_pb2.GapCause.ValueType = ROTATED,
) -> ingest_pb2.Gap:
    """A gap from so many seconds after T0 to so many; None for not known."""
    return ingest_pb2.Gap(
        from_us=0 if begin is None else key(begin, 0).time_us,
        to_us=0 if end is None else key(end, 0).time_us,
        cause=cause,
        certain=certain,
        lost_lines=lost,
        gap_hash=name,
        source="/var/log/mail.log",
    )


def listed(tables: Tables, *names: str) -> list[LogGap]:
    gaps, total = list_gaps(tables.reader, EVERYTHING, names, EVER, 1000)
    assert total == len(gaps)
    return gaps


def bounds(tables: Tables, *names: str) -> list[tuple[float | None, float | None]]:
    """Where gaps begin and end, in seconds after T0."""
    return [
        (
            (one.from_us - T0) / SECOND if one.from_us else None,
            (one.to_us - T0) / SECOND if one.to_us else None,
        )
        for one in listed(tables, *names)
    ]


def covered(tables: Tables, begin: float, end: float, *names: str) -> Hours:
    range_us = (T0 + int(begin * SECOND), T0 + int(end * SECOND))
    return coverage(tables.reader, EVERYTHING, names, range_us, NOW + 40 * DAY_US).hours


async def test_a_batch_of_gaps_only_is_acknowledged_with_its_token(location: Location) -> None:
    async with collector(location) as address, agent_at(address) as agent:
        await agent.hello()
        await agent.store(story())
        done = await agent.store([], [gap(1, 100, 200), gap(2, 300, 300, cause=DROPPED)])
        assert (done.stored, done.known, done.quarantined) == (0, 0, 0)
        async with agent_at(address) as again:
            assert (await again.hello(token=done.token)).resync is False
        async with questions_to(address) as query:
            answer = await query.ListGaps(query_pb2.ListGapsRequest(servers=["mx1"]))
            assert [one.end.ToMicroseconds() - T0 for one in answer.gaps] == [
                300 * SECOND,
                200 * SECOND,
            ]
            (server,) = (await query.ListServers(query_pb2.ListServersRequest())).servers
            assert (server.gaps_known, server.gaps_suspected) == (2, 0)


async def test_too_many_gaps_in_one_batch_are_refused(address: str) -> None:
    async with agent_at(address) as agent:
        await agent.hello()
        await agent.send([], [ingest_pb2.Gap()] * (GAPS_MAX + 1))
        with pytest.raises(grpc.aio.AioRpcError, match="more than 1000 gaps"):
            await agent.read()


async def test_welcome_tells_up_to_when_records_are_stored(location: Location) -> None:
    """Lines that were read but told nothing, and those ahead of the clock, do not count."""
    async with collector(location) as address:
        async with agent_at(address) as agent:
            assert (await agent.hello()).stored_until_us == 0
            await agent.store(story())
            status = ingest_pb2.AgentStatus(
                newest_line_us=T0 + 9_000 * SECOND, oldest_line_us=T0 - DAY_US
            )
            await agent.call.write(ingest_pb2.ReportRequest(status=status))
            ahead = ref("4AHEAD1", 399 * 86_400, 900)
            await agent.store([accepted(ahead, 399 * 86_400, 901)])
        async with agent_at(address) as agent, questions_to(address) as query:
            welcome = await agent.hello(token=b"x" * 16)
            newest_us = max(one.key.time_us for one in story())
            assert (welcome.resync, welcome.stored_until_us) == (True, newest_us)
            (server,) = (await query.ListServers(query_pb2.ListServersRequest())).servers
            assert server.oldest_line.ToMicroseconds() == T0 - DAY_US


async def test_status_with_impossible_moments_changes_none(address: str) -> None:
    async with agent_at(address) as agent, questions_to(address) as query:
        await agent.hello()
        await agent.store(story())
        for moment in (-1, 1, 2**63 - 1):
            status = ingest_pb2.AgentStatus(newest_line_us=moment, oldest_line_us=moment)
            await agent.call.write(ingest_pb2.ReportRequest(status=status))
        await agent.store([])
        (server,) = (await query.ListServers(query_pb2.ListServersRequest())).servers
        assert server.oldest_line.ToMicroseconds() == min(one.key.time_us for one in story())
        assert server.newest_line.ToMicroseconds() == max(one.key.time_us for one in story())


def test_gaps_that_cannot_be_stored_lie_in_quarantine_once(tables: Tables) -> None:
    far, early, nameless, negative = (gap(name, 1, 2) for name in (1, 2, 0, 4))
    far.to_us, early.from_us, negative.lost_lines = 2**63 - 1, 1, -1
    poison = [far, early, nameless, negative]
    for _ in range(2):
        stored = tables.store(story(), gaps=[*poison, gap(5, 10, 20)])
        assert stored.quarantined == 0  # which counts records
    reasons = tables.column("SELECT reason FROM quarantine ORDER BY id")
    assert [str(one).split(" lies")[0] for one in reasons] == [
        f"the gap from {far.from_us} to {far.to_us}",
        f"the gap from 1 to {early.to_us}",
        "the gap has no hash",
        "the gap says that -1 lines are lost",
    ]
    assert tables.column("SELECT records_quarantined FROM server") == [4]
    assert bounds(tables) == [(10, 20)]


def test_hostile_values_are_kept_within_bounds(tables: Tables) -> None:
    wild = gap(2**64 - 1, 900, 100, cause=77)  # type: ignore[arg-type]
    wild.source = "\0/var/log/\x1b[2J" + "x" * 5_000
    tables.store([], gaps=[wild])
    tables.store([], gaps=[wild])
    (one,) = listed(tables)
    assert (one.from_us, one.to_us) == (wild.to_us, wild.from_us)
    assert (one.cause, len(one.source), one.source[:5]) == (77, 1_000, "/var/")


def test_bounds_only_widen(tables: Tables) -> None:
    tables.store([], gaps=[gap(1, 100, None, certain=False)])
    assert bounds(tables) == [(100, None)]
    tables.store([], gaps=[gap(1, 100, 200, lost=5)])
    tables.store([], gaps=[gap(1, 150, 160, certain=False, lost=3), gap(1, None, None)])
    tables.store([], gaps=[gap(1, 90, 120)])
    (one,) = listed(tables)
    assert bounds(tables) == [(90, 200)]
    assert (one.certain, one.lost_lines) == (True, 5)


def test_what_is_not_known_follows_from_what_is_stored(tables: Tables) -> None:
    newest = (max(one.key.time_us for one in story()) - T0) / SECOND
    tables.store([], gaps=[gap(1, None, 700)])
    tables.store(story(), gaps=[gap(2, None, 800)])
    tables.store([], gaps=[gap(3, None, 900), gap(4, None, None), gap(5, None, 300)])
    assert sorted(bounds(tables), key=str) == sorted(
        [(None, 700), (None, 800), (newest, 900), (newest, (NOW - T0) / SECOND), (None, 300)],
        key=str,
    )


def test_many_gaps_of_an_hour_share_rows(tables: Tables) -> None:
    """A syslog daemon that drops lines says so every few seconds."""
    first = -(T0 // SECOND) % 3_600
    many = [
        gap(name, first + name, first + name, certain=name % 2 == 0, lost=1, cause=DROPPED)
        for name in range(1, 3_000)
    ]
    tables.store([], gaps=many)
    there = tables.dump()
    assert len(listed(tables)) == 2 * GAPS_AN_HOUR
    tables.store([], gaps=many[::-1])
    assert tables.dump() == there
    assert covered(tables, first, first + 7_200) == Hours(0, 1, 0, 1)


class Reported:
    """What an agent has to tell in some hours: records, with gaps in between."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311
        self.items: list[pb.Record | ingest_pb2.Gap] = []
        for number in range(self.random.randrange(1, 60)):
            at = number * self.random.randrange(60, 1_800)
            if self.random.random() < 0.4:
                end = at + self.random.choice((0, 30, 4_000, 90_000))
                certain = self.random.random() < 0.5
                self.items.append(gap(number + 1, at, end, certain=certain, lost=number))
            else:
                message = ref(f"4R{number:04}", at, number)
                self.items.append(attempt(message, at, number, pb.ATTEMPT_OUTCOME_SENT))

    def batches(self, first: int = 0) -> Iterator[tuple[list[pb.Record], list[ingest_pb2.Gap]]]:
        """Cut what comes from there on into batches, anywhere."""
        items = self.items[first:]
        while items:
            size = self.random.randrange(1, 12)
            some, items = items[:size], items[size:]
            yield (
                [one for one in some if isinstance(one, pb.Record)],
                [one for one in some if isinstance(one, ingest_pb2.Gap)],
            )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_any_replay_in_any_chunks_leaves_the_same(new_location: NewLocation, seed: int) -> None:
    reported = Reported(seed)
    now_us = NOW + 40 * DAY_US
    with new_location() as location, closing(Tables(location)) as tables:
        for records, gaps in reported.batches():
            tables.store(records, gaps=gaps, now_us=now_us)
        there = tables.dump()
        for _ in range(3):
            first = reported.random.randrange(len(reported.items))
            for records, gaps in reported.batches(first):
                tables.store(records, gaps=gaps, now_us=now_us)
            assert tables.dump() == there


def test_hours_of_several_servers(tables: Tables) -> None:
    hour = 3_600
    first = -(T0 // SECOND) % hour
    for name, last in (("mx1", 9), ("mx2", 5), ("mx3", 9), ("mx4", 9)):
        for at in (first, first + last * hour):
            message = ref(f"4H{at:08}", at, 1)
            tables.store([accepted(message, at, 2)], name, now_us=NOW + 40 * DAY_US)
    tables.store([], "mx1", gaps=[gap(1, first + hour + 10, first + 3 * hour)])
    tables.store([], "mx2", gaps=[gap(2, first + 10, first + 20, certain=False)])
    whole = (first - hour, first + 10 * hour)
    assert covered(tables, *whole, "mx1") == Hours(7, 3, 0, 1)
    assert covered(tables, *whole, "mx2") == Hours(5, 0, 1, 5)
    assert covered(tables, *whole, "mx3") == Hours(10, 0, 0, 1)
    assert covered(tables, *whole) == Hours(32, 3, 1, 8)
    assert covered(tables, *whole, "nobody") == NO_HOURS
    later = coverage(tables.reader, EVERYTHING, (), (T0 + DAY_US, T0 + 2 * DAY_US), NOW)
    assert later.hours == NO_HOURS  # not begun


async def test_every_answer_names_the_gaps_that_touch_it(address: str) -> None:
    beside = [gap(n, 20 + n, 60 + 2 * n, certain=n % 2 == 0) for n in range(1, 31)]
    async with agent_at(address) as agent, questions_to(address) as query:
        await agent.hello()
        await agent.store(story(), [*beside, gap(90, 90_000, 91_000)])
        asked = whole_story()
        answers: list[Any] = [
            await query.Summary(query_pb2.SummaryRequest(filter=asked)),
            await query.TopReasons(query_pb2.TopReasonsRequest(filter=asked)),
            await query.Breakdown(query_pb2.BreakdownRequest(filter=asked, dimension=SERVER)),
            await query.ListEvents(query_pb2.ListEventsRequest(filter=asked)),
            await query.ListUnknownReplies(query_pb2.ListUnknownRepliesRequest(filter=asked)),
            await query.ExportEvents(query_pb2.ExportEventsRequest(filter=asked)).read(),
        ]
        for answer in answers:
            covered = answer.coverage
            assert (len(covered.gaps), covered.gaps_total) == (20, 30 - 6)
            assert covered.gaps[0].end.ToMicroseconds() == T0 + 120 * SECOND
            assert covered.newest_line == answers[0].newest_line
            assert (covered.hours_gap_known, covered.hours_not_read) == (1, 1)
        for asked_gaps, count in ((query_pb2.ListGapsRequest(limit=3), 3),):
            answer = await query.ListGaps(asked_gaps)
            assert (len(answer.gaps), answer.gaps_total) == (count, 25)
        trace = await query.TraceMessage(query_pb2.TraceMessageRequest(queue_id="4AAAA2"))
        assert [one.start.ToMicroseconds() for one in trace.gaps] == []
        trace = await query.TraceMessage(query_pb2.TraceMessageRequest(queue_id="4AAAA1"))
        assert len(trace.gaps) == 20


def test_who_sees_some_domains_sees_gaps_of_servers_that_carried_his_mail(tables: Tables) -> None:
    tables.store(story(), "mx1", gaps=[gap(1, 10, 20, lost=7)])
    other = ref("4OTHER1", 0, 1)
    tables.store([accepted(other, 0, 2, sender=b"x@other.example")], "mx2", gaps=[gap(1, 5, 9)])
    shop, nobody = Scope.of([b"example.com"]), Scope.of([b"no.example"])
    mine = coverage(tables.reader, shop, (), (T0, T0 + HOUR_US), NOW)
    assert [(one.server, one.lost_lines, one.source) for one in mine.gaps] == [("mx1", 0, "")]
    alone = coverage(tables.reader, EVERYTHING, ("mx1",), (T0, T0 + HOUR_US), NOW)
    assert (mine.hours, mine.gaps_total) == (alone.hours, 1)
    assert (alone.gaps[0].lost_lines, alone.gaps[0].source) == (7, "/var/log/mail.log")
    asked = coverage(tables.reader, shop, ("mx2",), (T0, T0 + HOUR_US), NOW)
    assert (asked.hours, asked.gaps, asked.newest_line_us) == (NO_HOURS, [], 0)
    assert coverage(tables.reader, nobody, (), (T0, T0 + HOUR_US), NOW).gaps_total == 0
    assert list_gaps(tables.reader, nobody, (), EVER, 10) == ([], 0)
    (server,) = list_servers(tables.reader, shop, frozenset(), NOW)
    assert (server.gaps_known, server.gaps_suspected) == (0, 0)


def test_retention_deletes_gaps_with_roll_ups_and_none_comes_back(
    tables: Tables, tmp_path: Any
) -> None:
    file = tmp_path / "collector.toml"
    file.write_text("[retention]\nrows_days = 10\nrollups_days = 20\n")
    old = [gap(1, 100, 200), gap(2, 100, None, certain=False)]
    tables.store(story(), gaps=[*old, gap(3, 100, 45 * 86_400)])
    turn = Turn(T0 + 60 * DAY_US, lambda: True, lambda: False)
    done = retain(load_config(file), transact_on(tables.database), None, turn)
    assert "rows of roll-ups, 2 gaps" in done
    there = tables.dump()
    tables.store(story(), gaps=[*old, gap(3, 100, 45 * 86_400)], now_us=turn.now_us)
    assert tables.dump() == there
    assert bounds(tables) == [(100, 45 * 86_400)]


def test_a_log_that_is_too_old_was_not_read(tables: Tables) -> None:
    """What retention refuses does not make its hours complete."""
    tables.store(story(), now_us=T0 + 60 * DAY_US)
    tables.sql.run("INSERT INTO horizon SELECT id, ?, 0 FROM server", (T0,))
    tables.sql.run("UPDATE retention SET deletions = deletions + 1")
    before = tables.column("SELECT oldest_line_us FROM server")
    stale = ref("4STALE1", -86_400, 1)
    assert tables.store([accepted(stale, -86_400, 2)]).stored == 0
    assert tables.column("SELECT oldest_line_us FROM server") == before


def test_the_service_answers_all_that_the_contract_has() -> None:
    names = [one.name for one in query_pb2.DESCRIPTOR.services_by_name["QueryService"].methods]
    assert [name for name in names if name not in vars(QueryService)] == []
