"""The real log gives the same records, however it is cut and wherever reading is taken up."""

import json
from datetime import UTC, datetime
from ipaddress import ip_network
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtally_agent.direction import DirectionRules
from mailtally_agent.log_reader import LogReader
from mailtally_agent.postfix.program import DAEMONS
from mailtally_agent.record import Record
from mailtally_agent.syslog import epoch_us
from tests.corpus.bundled import BUNDLED
from tests.wire import wired

NEWEST_US = epoch_us(datetime(2026, 12, 1, tzinfo=UTC))
LINES = BUNDLED.log.read_bytes().decode("utf-8", "surrogateescape").split("\n")[:-1]


def new_reader() -> LogReader:
    rules = DirectionRules([ip_network("127.0.0.1/32")])
    return LogReader(ZoneInfo("UTC"), NEWEST_US, rules)


@pytest.fixture(scope="module")
def whole() -> list[Record]:
    return new_reader().read(LINES)


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, len(LINES)), max_size=5))
def test_any_cut_and_restart_gives_the_same_records(whole: list[Record], cuts: list[int]) -> None:
    records: list[Record] = []
    reader = new_reader()
    places = [0, *sorted(cuts), len(LINES)]
    for start, end in pairwise(places):
        resumed = new_reader()
        resumed.restore(json.loads(json.dumps(reader.state())))
        reader = resumed
        records += reader.read(LINES[start:end])

    assert wired(whole) == wired(records)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(DAEMONS)), st.text(max_size=200), st.text(max_size=200))
def test_no_text_of_any_daemon_breaks_the_reader(daemon: str, text: str, more: str) -> None:
    reader = new_reader()

    for line in (text, f"A1B2C3D4: {text}", f"A1B2C3D4: to=<{text}>, {more}"):
        reader.read([line, f"Mar  1 10:00:00 mx1 postfix/{daemon}[7]: {line}"])

    assert reader.lines == 6
