"""Mail through filters, forwards and a smarthost, on two servers: counted once, in any order."""

from contextlib import closing
from itertools import groupby, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailtally_collector.query.filters import Filter
from mailtally_collector.terms import DeliveryState, Direction, TrafficClass
from tests.integration.collector.conftest import NewLocation
from tests.integration.collector.fleet import Reported, fleet
from tests.integration.collector.tables import Tables

EVERY_CLASS = Filter(traffic_classes=tuple(TrafficClass))
FLEET = fleet()


def store(tables: Tables, reported: Reported) -> None:
    """Store in this order; a batch is what one server reports in one piece."""
    for server, records in groupby(reported, key=lambda one: one[0]):
        tables.store([record for _, record in records], server)


def rows_of(new_location: NewLocation, chunks: list[Reported]) -> list[str]:
    with new_location() as location, closing(Tables(location)) as tables:
        for chunk in chunks:
            store(tables, sorted(chunk, key=lambda one: one[0]))
        return tables.dump()


@pytest.fixture(scope="module")
def in_order(new_location: NewLocation) -> list[str]:
    return rows_of(new_location, [FLEET])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    reported=st.permutations(FLEET),
    cuts=st.lists(st.integers(0, len(FLEET)), max_size=12),
    again=st.lists(st.integers(0, len(FLEET) - 1), max_size=12),
)
def test_any_order_chunking_and_repetition_over_two_servers_gives_the_same(
    new_location: NewLocation,
    in_order: list[str],
    reported: Reported,
    cuts: list[int],
    again: list[int],
) -> None:
    bounds = [0, *sorted(cuts), len(reported)]
    chunks = [reported[first:last] for first, last in pairwise(bounds)]
    chunks.insert(len(chunks) // 2, [reported[index] for index in again])

    assert rows_of(new_location, chunks) == in_order


def test_record_by_record_backwards_gives_the_same(
    new_location: NewLocation, in_order: list[str]
) -> None:
    assert rows_of(new_location, [[one] for one in reversed(FLEET)]) == in_order


@pytest.fixture
def told(tables: Tables) -> Tables:
    store(tables, FLEET)
    return tables


def test_each_outside_recipient_is_counted_once(told: Tables) -> None:
    """a, f and g; b; c and d; h waits at the smarthost."""
    assert told.states() == {
        DeliveryState.DELIVERED: 3,
        DeliveryState.EXPIRED: 1,
        DeliveryState.BOUNCED: 2,
        DeliveryState.PENDING: 1,
    }
    # The two notices and the forward beside them, each where it left the fleet.
    assert told.states(EVERY_CLASS) == {
        DeliveryState.DELIVERED: 6,
        DeliveryState.EXPIRED: 1,
        DeliveryState.BOUNCED: 2,
        DeliveryState.PENDING: 1,
    }
    hops = Filter(directions=(Direction.INTERNAL_HOP,), traffic_classes=tuple(TrafficClass))
    # a, b, c, d, h, the forward, and the second notice twice.
    assert told.states(hops) == {DeliveryState.DELIVERED: 8}


def test_sums_hold_in_buckets_and_by_server(told: Tables) -> None:
    for asked in (EVERY_CLASS, Filter(), Filter(servers=("relay",))):
        summary = told.summary(asked)
        for state, count in summary.total.by_state.items():
            assert sum(bucket.by_state.get(state, 0) for bucket in summary.buckets) == count
    by_server = [told.states(Filter(servers=(server,))) for server in ("mx1", "relay")]
    assert by_server == [
        {DeliveryState.DELIVERED: 1, DeliveryState.BOUNCED: 1},
        {
            DeliveryState.DELIVERED: 2,
            DeliveryState.EXPIRED: 1,
            DeliveryState.BOUNCED: 1,
            DeliveryState.PENDING: 1,
        },
    ]


@pytest.mark.parametrize(
    ("queue_id", "traffic_class"),
    [
        ("4REL01", TrafficClass.MAIL),
        ("4FLT02", TrafficClass.MAIL),
        ("4NOTE1", TrafficClass.NOTIFICATION),
        ("4NOTE3", TrafficClass.NOTIFICATION),
        ("4NOTE4", TrafficClass.NOTIFICATION),
        ("4FWD02", TrafficClass.FORWARD),
        ("4FWD03", TrafficClass.FORWARD),
        ("4REQ03", TrafficClass.MAIL),
    ],
)
def test_a_hop_has_the_class_of_what_it_continues(
    told: Tables, queue_id: str, traffic_class: TrafficClass
) -> None:
    where = "WHERE m.queue_id = ? AND i.name = 'postfix'"
    of_message = "JOIN instance i ON i.id = m.instance_id"
    own = f"SELECT m.traffic_class FROM message m {of_message} {where}"  # noqa: S608
    repeated = (
        "SELECT f.traffic_class FROM failure f JOIN message m ON m.id = f.message_id"  # noqa: S608
        f" AND m.server_id = f.server_id {of_message} {where}"
    )
    assert told.column(own, [queue_id]) == [traffic_class]
    assert set(told.column(repeated, [queue_id])) <= {traffic_class}


def test_the_newest_score_is_kept_whenever_it_came(told: Tables) -> None:
    assert told.column("SELECT score FROM message_score") == [3.2]
