"""The agent's reader and the reference reader (tests/reference) agree on every field.

Where they differ, the first object that does is shown.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtally_agent.record_json import JsonRecords
from mailtally_agent.syslog import epoch_us
from tests.corpus.bundled import BUNDLED
from tests.corpus.formats.reading import made_lines, split
from tests.reference.reader import objects
from tests.traffic import reading
from tests.traffic.traffic import Traffic

Object = dict[str, Any]
YEAR = 2026
FORMATS = (
    "postlogd",
    "rsyslog-traditional",
    "rsyslog-rfc3339",
    "rsyslog-rfc5424-syslogtag",
    "rsyslog-rfc5424-slash",
    "journal-json",
    "journal-short",
    "journal-short-iso",
    "journal-short-iso-precise",
)


def agrees(lines: list[str]) -> int:
    """Compare both readers; how many objects they agree on."""
    expected = [comparable(one) for one in objects(lines, YEAR)]
    found = [comparable(one) for one in agent_objects(lines)]
    if digest(expected) != digest(found):
        for one, other in zip(expected, found, strict=False):
            assert one == other
        assert len(expected) == len(found)
    return len(found)


def agent_objects(lines: list[str]) -> Iterator[Object]:
    newest_us = epoch_us(datetime.fromisoformat(f"{YEAR}-12-01T00:00:00Z"))
    reader = reading.new_reader(newest_us)
    records = JsonRecords()
    for line in lines:
        for one in records.objects(reader.read([line])):
            yield json.loads(json.dumps(one))
    assert reader.unparsed.total() == 0


def comparable(one: Object) -> Object:
    """Both say why recipients do not add up in words of their own."""
    return one | {"imbalance": bool(one["imbalance"])} if "imbalance" in one else one


def digest(found: list[Object]) -> str:
    return sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def test_bundled_log() -> None:
    assert agrees(split(BUNDLED.log.read_bytes())) > 1_000


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name: str) -> None:
    assert agrees(made_lines(name)) > 100


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_generated_traffic(seed: int) -> None:
    assert agrees(Traffic(seed, 12).lines(seed)) > 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_objects_do_not_depend_on_the_pieces_that_are_read(seed: int) -> None:
    lines = Traffic(seed, 12).lines(seed)
    whole = JsonRecords().objects(reading.new_reader().read(lines))

    assert json.loads(json.dumps(list(whole))) == list(agent_objects(lines))
