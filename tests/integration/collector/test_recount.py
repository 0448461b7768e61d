"""``check --deep``: what was damaged is found, and put right to the last recipient."""

import subprocess
import sys
from pathlib import Path

import pytest

from mailtally_collector.store.dialect import writing
from mailtally_collector.store.recount import recount, span_of_rows
from tests.integration.collector.fleet import fleet
from tests.integration.collector.reports import story
from tests.integration.collector.tables import Tables

COLLECTOR = Path(sys.executable).parent / "mailtally-collector"
# What each statement makes wrong, by table.
DAMAGE = {
    "UPDATE traffic_hour SET recipients_00 = recipients_00 + 1 WHERE hour IN"
    " (SELECT MIN(hour) FROM traffic_hour)": "traffic_hour",
    "UPDATE domain_hour SET messages_15 = messages_15 - 1": "domain_hour",
    "DELETE FROM reason_hour": "reason_hour",
    "UPDATE domain_reason_day SET sender_domain_id = 999": "domain_reason_day",
    "INSERT INTO domain_provider_day VALUES (1, 20717, 1, 1, 1, 7, 7)": "domain_provider_day",
    "INSERT INTO provider_hour VALUES (497222, 1, 1, 1, 7, 7, 0, 0, 0)": "provider_hour",
    "UPDATE mailbox_day SET messages = messages + 1": "mailbox_day",
    "DELETE FROM failure WHERE state = 4": "failure",
    "UPDATE failure SET last_try_us = last_try_us + 1": "failure",
}


@pytest.fixture
def full(tables: Tables) -> Tables:
    for server, record in fleet():
        tables.store([record], server)
    tables.store(story(), "mx1")
    return tables


def differences(tables: Tables, *, repair: bool) -> dict[str, int]:
    with writing(tables.database):
        return dict(recount(tables.sql, *span_of_rows(tables.sql), repair=repair))


def test_what_is_stored_is_right(full: Tables) -> None:
    assert differences(full, repair=False) == {}


@pytest.mark.parametrize("statement", DAMAGE)
def test_damage_is_found_and_put_right(full: Tables, statement: str) -> None:
    before = full.dump()
    full.sql.run(statement)
    damaged = full.dump()
    found = differences(full, repair=False)
    assert set(found) == {DAMAGE[statement]}
    assert full.dump() == damaged != before
    assert differences(full, repair=True) == found
    assert differences(full, repair=False) == {}
    assert full.dump() == before


def test_the_command_says_what_differs_and_repairs(full: Tables) -> None:
    full.sql.run("DELETE FROM reason_hour")
    full.close()
    named = full.location if isinstance(full.location, Path) else full.location.uri
    command: list[str | Path] = [COLLECTOR, "check", "--deep", "--quiet", "--database", named]
    command += ["--listen", "127.0.0.1:0"]
    ends = [
        subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        for more in ((), ("--repair",), ())
    ]
    assert [end.returncode for end in ends] == [1, 0, 0], ends
    assert "FAIL  reason_hour: " in ends[0].stdout
    assert "were put right" in ends[1].stdout
    assert "ok  roll-ups: equal to the rows" in ends[2].stdout
