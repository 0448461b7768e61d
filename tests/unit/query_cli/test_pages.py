"""How ``events`` follows pages and goes on where a listing ended."""

import json
from collections.abc import Iterator

import pytest

from mailtally.v1 import query_pb2
from tests.unit.query_cli.canned import Canned, serving
from tests.unit.query_cli.running import run
from tests.unit.query_cli.samples import event, ordinary

MANY = 2500


@pytest.fixture
def many() -> Iterator[Canned]:
    canned = ordinary()
    canned.events = [event() for _ in range(MANY)]
    for number, one in enumerate(canned.events):
        one.message = number
    with serving(canned) as served:
        yield served


def message_ids(out: str) -> list[int]:
    return [json.loads(line)["message"] for line in out.splitlines()]


def requests(canned: Canned) -> list[query_pb2.ListEventsRequest]:
    return [one for one in canned.asked if isinstance(one, query_pb2.ListEventsRequest)]


def test_all_follows_every_page_and_tells_progress_on_stderr(many: Canned) -> None:
    ended = run(many, "events", "--all", "--json")

    assert message_ids(ended.out) == list(range(MANY))
    assert "1000 events so far" in ended.err
    assert "There are more" not in ended.err
    assert len({one.filter.SerializeToString() for one in requests(many)}) == 1


def test_limit_beyond_a_page_takes_exactly_that_many(many: Canned) -> None:
    ended = run(many, "events", "--limit", "1200", "--json")

    assert message_ids(ended.out) == list(range(1200))
    assert [one.page_size for one in requests(many)] == [1000, 200]


def test_page_token_goes_on_with_the_same_range(many: Canned) -> None:
    first = run(many, "events", "--limit", "2", "--json")
    token = first.err.strip().rpartition(" ")[2]
    second = run(many, "events", "--limit", "2", "--json", "--page-token", token)

    assert message_ids(first.out) + message_ids(second.out) == [0, 1, 2, 3]
    one, two = requests(many)
    assert one.filter == two.filter


@pytest.mark.parametrize("token", ["x", "1.2", "1.2.", "5.2.x", "9e9.1.x", f"1.{10**30}.x"])
def test_foreign_page_token_is_a_usage_error(many: Canned, token: str) -> None:
    ended = run(many, "events", "--page-token", token)

    assert ended.code == 2
    assert "no page token" in ended.err


def test_quiet_leaves_stderr_empty(many: Canned) -> None:
    assert run(many, "events", "-q", "--csv").err == ""
