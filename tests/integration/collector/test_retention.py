"""Retention: rows go, figures stay; what went neither comes back nor counts twice."""

import asyncio
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailtally.v1 import record_pb2 as pb
from mailtally_agent.wire import encode
from mailtally_collector.config import load_config
from mailtally_collector.durations import DAY_US, HOUR_US
from mailtally_collector.ingest_codec import decode_record
from mailtally_collector.jobs import retain, sweep_names
from mailtally_collector.query.filters import Filter, select
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.summary import summarise
from mailtally_collector.records import Record
from mailtally_collector.store import retention
from mailtally_collector.store.database import partitioned_at
from mailtally_collector.store.horizon import Horizons
from mailtally_collector.store.models import TABLES
from mailtally_collector.store.name_uses import (
    USES,
    begin_sweep,
    delete_unused,
    end_sweep,
    mark_uses,
    open_marks,
    unmarked,
)
from mailtally_collector.store.partitions import WEEK_US, Partitions
from mailtally_collector.store.recount import recount, span_of_rows
from mailtally_collector.store.retention import QUEUE_DAYS, RollupRetention, RowRetention
from mailtally_collector.store.rollup_tables import ROLLUPS
from mailtally_collector.store.transact import transact_on
from mailtally_collector.timetable import Turn
from tests.integration.collector.conftest import NewLocation, collector
from tests.integration.collector.fleet import fleet
from tests.integration.collector.reports import (
    SECOND,
    T0,
    accepted,
    attempt,
    changed,
    link,
    ref,
    story,
)
from tests.integration.collector.tables import Tables
from tests.integration.collector.wire import agent_at
from tests.traffic.reading import new_reader
from tests.traffic.traffic import BEGIN, Traffic

COLLECTOR = Path(sys.executable).parent / "mailtally-collector"
SENT, DEFERRED = pb.ATTEMPT_OUTCOME_SENT, pb.ATTEMPT_OUTCOME_DEFERRED
DONE = pb.MESSAGE_CHANGE_COMPLETED
BEGIN_US = BEGIN * SECOND
SPAN_DAYS = 45
NOW_US = BEGIN_US + 400 * DAY_US


def delete_before(tables: Tables, horizon_us: int) -> int:
    """Let rows from before the horizon go; how many messages went."""
    rows = RowRetention(horizon_us - horizon_us % DAY_US)
    while transact_on(tables.database)(rows.step):
        pass
    return rows.messages


def sweep(tables: Tables) -> str:
    turn = Turn(NOW_US, lambda: True, lambda: False)
    return sweep_names(transact_on(tables.database), tables.reader, turn)


def rolled_up(tables: Tables) -> list[str]:
    """Everything that roll-ups count."""
    found = []
    for rollup in ROLLUPS:
        some = " OR ".join(f"{name} <> 0" for name in rollup.counts)
        rows = tables.sql.run(f"SELECT * FROM {rollup.table} WHERE {some}").fetchall()  # noqa: S608
        found += [f"{rollup.table} {row}" for row in rows]
    return sorted(found)


def message_keys(tables: Tables) -> set[tuple[object, ...]]:
    rows = tables.sql.run("SELECT server_id, instance_id, queue_id, arrival_us FROM message")
    return set(rows.fetchall())


def dangling(tables: Tables) -> list[str]:
    """Names that rows use and that are not there."""
    sql = tables.sql
    uses = [(name, *use) for name, found in USES.items() for use in found]
    uses += [("domain", "address", "domain_id"), ("message", "message", "origin_id")]
    uses += [("message", "message_link", "child_id"), ("message", "message_link", "parent_id")]
    return [
        f"{table}.{column}"
        for name, table, column in uses
        if sql.run(
            f"SELECT 1 FROM {table} WHERE {column} > 0"  # noqa: S608
            f" AND {column} NOT IN (SELECT id FROM {name}) LIMIT 1"
        ).fetchone()
    ]


def wrong_rollups(tables: Tables) -> dict[str, int]:
    sql = tables.sql
    with tables.database.atomic():
        return dict(recount(sql, *span_of_rows(sql), repair=False))


def reported(seed: int, offset_us: int) -> list[pb.Record]:
    """What an agent reports of some hours of traffic, so much later."""
    records = []
    for one in new_reader().read(Traffic(seed, 6).lines(seed)):
        record = pb.Record.FromString(encode(one).SerializeToString())
        record.key.time_us += offset_us
        record.message.first_line.time_us += offset_us
        record.message.arrival_us += offset_us
        records.append(record)
    return records


class Story:
    """Two servers that report in the order of their logs, and what was stored of it."""

    def __init__(self, seed: int, kept: Tables, all_kept: Tables) -> None:
        self.random = Random(seed)  # noqa: S311
        self.kept, self.all_kept = kept, all_kept
        self.logs = {
            server: sorted(
                (
                    record
                    for _ in range(3)
                    for record in reported(
                        self.random.randrange(2**32),
                        self.random.randrange(SPAN_DAYS * 24) * HOUR_US,
                    )
                ),
                key=lambda record: record.key.time_us,
            )
            for server in ("mx1", "mx2")
        }
        self.told = dict.fromkeys(self.logs, 0)

    def report(self, server: str) -> None:
        """Report some more."""
        first = self.told[server]
        self.told[server] = min(first + self.random.randrange(1, 120), len(self.logs[server]))
        self._store(server, self.logs[server][first : self.told[server]])

    def replay(self, server: str) -> None:
        """Report again what the log files hold: nothing changes."""
        log = self.logs[server][: self.told[server]]
        first = self.random.randrange(len(log) + 1)
        before = (rolled_up(self.kept), message_keys(self.kept))
        self._store(server, log[first:])
        assert (rolled_up(self.kept), message_keys(self.kept)) == before

    def retain(self) -> None:
        """Delete rows up to anywhere."""
        before = rolled_up(self.kept)
        delete_before(self.kept, BEGIN_US + self.random.randrange(SPAN_DAYS + 40) * DAY_US)
        assert rolled_up(self.kept) == before

    def sweep(self) -> None:
        """Delete names; sometimes something is reported between marking and deleting."""
        if self.random.random() < 0.5:
            sweep(self.kept)
            return
        idle = self._idle_names()
        self.report(self.random.choice(tuple(self.logs)))
        transact = transact_on(self.kept.database)
        for table, name_ids in idle.items():
            transact(partial(delete_unused, table=table, name_ids=name_ids))
        transact(end_sweep)

    def _idle_names(self) -> dict[str, list[int]]:
        transact_on(self.kept.database)(begin_sweep)
        sql = self.kept.sql
        idle = {}
        for table, uses in USES.items():
            marks = open_marks(sql, table)
            for use in uses:
                mark_uses(sql, marks, use)
            idle[table] = [one for some in unmarked(sql, marks) for one in some]
        return idle

    def _store(self, server: str, records: list[pb.Record]) -> None:
        """Store what is reported; and what of it is young enough where nothing is ever deleted."""
        young = self._young(server, records)
        self.kept.store(records, server, now_us=NOW_US)
        self.all_kept.store(young, server, now_us=NOW_US)

    def _young(self, server: str, records: list[pb.Record]) -> list[pb.Record]:
        sql = self.kept.sql
        row = sql.run(
            "SELECT server_id, h.rows_us FROM horizon h JOIN server s ON s.id = server_id"
            " WHERE name = ?",
            (server,),
        ).fetchone()
        if row is None:
            return records
        server_id, rows_us = row
        decoded = [decode_record(record, NOW_US) for record in records]
        young, _ = Horizons(sql).divide(
            server_id, [one for one in decoded if isinstance(one, Record)], rows_us
        )
        taken = set(young)
        for one in decoded:
            assert isinstance(one, Record)
            is_old = one.key.time_us < rows_us
            assert one not in taken if is_old else one in taken or one.message.arrival_us < rows_us
        return [record for record, one in zip(records, decoded, strict=True) if one in taken]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.integers(0, 2**32))
def test_any_traffic_retention_and_replay_leave_the_figures_alone(
    new_location: NewLocation, seed: int
) -> None:
    with (
        new_location() as one,
        new_location() as other,
        closing(Tables(one)) as kept,
        closing(Tables(other)) as all_kept,
    ):
        story = Story(seed, kept, all_kept)
        for _ in range(14):
            match story.random.choice(("report", "report", "replay", "retain", "sweep")):
                case "report":
                    story.report(story.random.choice(("mx1", "mx2")))
                case "replay":
                    story.replay(story.random.choice(("mx1", "mx2")))
                case "retain":
                    story.retain()
                case "sweep":
                    story.sweep()
            assert dangling(kept) == []
            assert wrong_rollups(kept) == {}
        assert states_by_day(kept) == states_by_day(all_kept)
        assert wrong_rollups(all_kept) == {}


def states_by_day(tables: Tables) -> list[dict[int, int]]:
    """Recipients by state and day, as a user asks for them."""
    asked = Filter(
        start_us=BEGIN_US - DAY_US - BEGIN_US % DAY_US,
        end_us=BEGIN_US + (SPAN_DAYS + 30) * DAY_US - BEGIN_US % DAY_US,
        directions=(1, 2, 3),
        traffic_classes=(0, 1, 2, 3, 4),
    )
    summary = summarise(tables.reader, Scope.everything(), select(asked, NOW_US), 3, "UTC")
    return [counts.by_state for counts in summary.buckets]


DAY = 86_400
OUTLIVED = ref("4LONG01", 0, 1)


def outlived() -> list[pb.Record]:
    """A bounce on the first day, whose notice waits until the sixth."""
    notice = ref("4NOTE01", 10, 11)
    return [
        accepted(OUTLIVED, 0, 2),
        attempt(OUTLIVED, 5, 3, pb.ATTEMPT_OUTCOME_BOUNCED),
        link(OUTLIVED, 10, 4, pb.LINK_KIND_NOTIFICATION, "4NOTE01"),
        changed(OUTLIVED, 11, 5, DONE),
        accepted(notice, 10, 12, sender=b""),
        attempt(notice, 20, 13, DEFERRED, to=b"shop@example.com", code=450),
        attempt(notice, 5 * DAY, 14, SENT, to=b"shop@example.com", code=250),
        changed(notice, 5 * DAY + 1, 15, DONE),
    ]


def test_a_message_stays_as_long_as_one_that_it_led_to(tables: Tables) -> None:
    tables.store(outlived()[:6])
    assert delete_before(tables, T0 + 3 * DAY_US) == 0
    tables.store(outlived()[6:])
    assert delete_before(tables, T0 + 3 * DAY_US) == 0
    assert len(message_keys(tables)) == 2
    before = rolled_up(tables)
    assert delete_before(tables, T0 + 7 * DAY_US) == 2
    assert tables.column("SELECT COUNT(*) FROM message_link") == [0]
    assert rolled_up(tables) == before


def test_a_message_with_a_line_after_the_horizon_stays_and_is_known(tables: Tables) -> None:
    """Its later lines may be read again from a log in which it had already begun."""
    message = ref("4SLOW01", 0, 1)
    later = ref("4SLOW01", 4 * DAY, 5, origin=False)
    tables.store(
        [
            accepted(message, 0, 2),
            attempt(message, 1, 3, DEFERRED, code=450),
            attempt(message, 4 * DAY, 6, SENT, code=250),
            changed(message, 4 * DAY, 7, DONE),
        ]
    )
    before = rolled_up(tables)
    assert delete_before(tables, T0 + 3 * DAY_US) == 0
    again = tables.store(
        [
            accepted(later, 4 * DAY, 5),
            attempt(later, 4 * DAY, 6, SENT, code=250),
            changed(later, 4 * DAY, 7, DONE),
        ]
    )
    assert again.stored == 0
    assert rolled_up(tables) == before
    assert delete_before(tables, T0 + 5 * DAY_US) == 1


def test_a_message_that_never_left_the_queue_goes_later_and_stays_pending(tables: Tables) -> None:
    held = ref("4HELD01", 0, 1)
    tables.store([accepted(held, 0, 2, recipients=2), attempt(held, DAY, 3, DEFERRED, code=450)])
    before = rolled_up(tables)
    assert delete_before(tables, T0 + QUEUE_DAYS * DAY_US + DAY_US // 2) == 0
    assert delete_before(tables, T0 + (QUEUE_DAYS + 2) * DAY_US) == 1
    # Released after all: the line is young, its message is not stored any more.
    late = (QUEUE_DAYS + 3) * DAY
    stored = tables.store([attempt(held, late, 4, SENT, code=250), changed(held, late, 5, DONE)])
    assert (stored.stored, stored.known) == (0, 2)
    assert rolled_up(tables) == before
    assert message_keys(tables) == set()
    assert tables.column("SELECT refused FROM horizon") == [2]


def test_a_server_that_is_new_may_report_what_is_old(tables: Tables) -> None:
    tables.store(story(), "mx1")
    delete_before(tables, T0 + 40 * DAY_US)
    assert tables.store(story(), "mx1").stored == 0
    assert tables.store(story(), "mx2").stored == len(story())
    assert delete_before(tables, T0 + 40 * DAY_US) > 0
    assert tables.store(story(), "mx2").stored == 0


def test_steps_are_short_and_none_is_forgotten(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MESSAGES_AT_ONCE", 3)
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 4)
    for server, record in fleet():
        tables.store([record], server)
    delete_before(tables, T0 + 40 * DAY_US)
    for table, _ in retention.PARTS:
        assert tables.column(f"SELECT COUNT(*) FROM {table}") == [0]  # noqa: S608


def test_roll_ups_go_when_their_time_comes_but_not_before_rows(tables: Tables) -> None:
    tables.store(story())
    transact = transact_on(tables.database)

    def delete_rollups_before(horizon_us: int) -> int:
        rollups = RollupRetention(horizon_us - horizon_us % DAY_US)
        while transact(rollups.step):
            pass
        return rollups.rows

    before = rolled_up(tables)
    assert delete_rollups_before(T0 + 800 * DAY_US) == 0
    delete_before(tables, T0 + 40 * DAY_US)
    assert delete_rollups_before(T0) == 0
    assert rolled_up(tables) == before
    there = sum(
        int(str(count))
        for rollup in ROLLUPS
        for count in tables.column(f"SELECT COUNT(*) FROM {rollup.table}")  # noqa: S608
    )
    assert delete_rollups_before(T0 + 2 * DAY_US) == there >= len(before)
    assert rolled_up(tables) == []
    assert "reply_template" in sweep(tables)
    assert tables.column("SELECT COUNT(*) FROM reply_template") == [0]


def test_the_job_deletes_what_the_configuration_says(tables: Tables, tmp_path: Path) -> None:
    file = tmp_path / "collector.toml"
    file.write_text('[retention]\nrows_days = 10\nrollups_days = "off"\n')
    tables.store([*story(), pb.Record()])
    # Of six messages one is held, and the end of a notice was not seen: they stay, with parents.
    turn = Turn(T0 + 20 * DAY_US, lambda: True, lambda: False)
    done = retain(load_config(file), transact_on(tables.database), None, turn)
    assert done == "deleted 2 messages, 0 quarantined records"
    turn = Turn(T0 + 100 * DAY_US, lambda: True, lambda: False)
    done = retain(load_config(file), transact_on(tables.database), None, turn)
    assert done == "deleted 4 messages, 1 quarantined records"


def test_every_column_that_names_another_row_is_known_to_retention() -> None:
    named = {use for uses in USES.values() for use in uses}
    parts = {*retention.PARTS, ("message", "origin_id"), ("message_link", "child_id")}
    # Domains of addresses are looked at one by one; servers, instances and providers stay.
    others = {("address", "domain_id"), ("name_use", "name_id")}
    others |= {("message", "message_id"), ("reply_template", "rule_id")}
    # What belongs to a person ends by the clock, or with them.
    others |= {(table, "person_id") for table in ("setup_link", "web_session", "api_token")}
    unrelated = {"server_id", "instance_id", "provider_id", "queue_id", "child_queue_id"}
    found = set()
    for model in TABLES:
        meta = model._meta  # noqa: SLF001 - how peewee tells
        names = {field.column_name for field in meta.sorted_fields} - unrelated
        found |= {(meta.table_name, name) for name in names if name.endswith("_id")}
    assert found - named - parts - others == set()


async def test_a_job_by_hand_beside_a_collector(tmp_path: Path) -> None:
    """What the command deletes, the collector neither knows in memory nor takes again."""
    database = tmp_path / "c.db"
    async with collector(database) as address, agent_at(address) as agent:
        await agent.hello()
        assert (await agent.store(story())).stored == len(story())
        config = tmp_path / "collector.toml"
        config.write_text("[retention]\nrows_days = 7\n")
        command = [COLLECTOR, "run-job", "--config", config, "--database", database]
        unknown, done = [
            await asyncio.to_thread(
                partial(
                    subprocess.run, [*command, name], capture_output=True, text=True, check=False
                )
            )
            for name in ("tidy", "retention")
        ]
        assert (unknown.returncode, unknown.stdout) == (2, "")
        assert (
            "there is no job tidy; there are compaction, retention, roll-up-check,"
            in unknown.stderr
        )
        assert done.returncode == 0, done.stderr
        again = await agent.store(story())
    assert "deleted 6 messages" in done.stdout
    assert (again.stored, again.known) == (0, len(story()))


def test_partitions_go_as_a_whole_when_all_of_a_week_may(
    new_location: NewLocation, tmp_path: Path
) -> None:
    """Where one message has to stay, the week stays with it, and the others go one by one."""
    with new_location() as location, closing(Tables(location)) as tables:
        partitioned = partitioned_at(location)
        if partitioned is None:
            return
        now_us = T0 + 100 * DAY_US
        file = tmp_path / "collector.toml"
        file.write_text('[retention]\nrows_days = 60\nrollups_days = "off"\n')
        config, transact = load_config(file), transact_on(tables.database)
        tables.store(story(), "mx1", now_us=now_us)
        held = ref("4HELD02", 21 * DAY, 900)
        gone = ref("4GONE02", 21 * DAY, 910)
        tables.store([accepted(held, 21 * DAY, 901)], "mx1", now_us=now_us)
        tables.store(
            [
                accepted(gone, 21 * DAY, 911),
                attempt(gone, 21 * DAY + 1, 912, SENT),
                changed(gone, 21 * DAY + 2, 913, DONE),
            ],
            "mx1",
            now_us=now_us,
        )
        before = rolled_up(tables)
        turn = Turn(now_us, lambda: True, lambda: False)
        weeks = [T0 // WEEK_US, (T0 + 21 * DAY_US) // WEEK_US]
        assert set(weeks) <= set(Partitions(tables.sql).weeks())

        done = retain(config, transact, partitioned, turn)
        assert done == "deleted 6 messages by the week, 1 messages, 0 quarantined records"
        assert set(weeks) & set(Partitions(tables.sql).weeks()) == {weeks[1]}
        assert {key[2] for key in message_keys(tables)} == {"4HELD02"}
        assert rolled_up(tables) == before
        assert tables.store(story(), "mx1", now_us=now_us).stored == 0
        assert wrong_rollups(tables) == {}
