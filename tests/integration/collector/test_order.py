"""Whatever the order, the chunks and the repetitions: the same rows and the same answers."""

from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailtally.v1 import record_pb2 as pb
from mailtally_collector.terms import DeliveryState
from tests.integration.collector.conftest import NewLocation
from tests.integration.collector.reports import accepted, attempt, changed, ref, story
from tests.integration.collector.tables import Tables


def answers(tables: Tables) -> tuple[object, ...]:
    summary = tables.summary()
    events = [
        (one.queue_id, one.recipient, one.state, one.attempts, one.last_try_us, one.reply_text)
        for one in tables.events()
    ]
    return summary.total, summary.buckets, sorted(events), tables.dump()


def stored_in(new_location: NewLocation, batches: list[list[pb.Record]]) -> tuple[object, ...]:
    with new_location() as location, closing(Tables(location)) as tables:
        for batch in batches:
            tables.store(batch)
        return answers(tables)


@pytest.fixture(scope="module")
def told(new_location: NewLocation) -> tuple[object, ...]:
    return stored_in(new_location, [story()])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    records=st.permutations(story()),
    cuts=st.lists(st.integers(0, len(story())), max_size=6),
    again=st.lists(st.integers(0, len(story()) - 1), max_size=12),
)
def test_any_order_chunking_and_repetition_gives_the_same(
    new_location: NewLocation,
    told: tuple[object, ...],
    records: list[pb.Record],
    cuts: list[int],
    again: list[int],
) -> None:
    bounds = [0, *sorted(cuts), len(records)]
    batches = [records[first:last] for first, last in pairwise(bounds)]
    batches.insert(len(batches) // 2, [records[index] for index in again])

    assert stored_in(new_location, batches) == told


def test_the_story_is_told_right(new_location: NewLocation) -> None:
    with new_location() as location, closing(Tables(location)) as tables:
        tables.store(story())
        assert tables.states() == {
            DeliveryState.DELIVERED: 2,
            DeliveryState.BOUNCED: 1,
            DeliveryState.EXPIRED: 1,
        }
        # 4AAAA1 to 4AAAA3: the notice and the forward are other classes, the parent was local.
        assert tables.summary().total.messages == 3
        assert [(one.queue_id, one.attempts) for one in tables.events()] == [
            ("4AAAA3", 2),
            ("4AAAA2", 1),
        ]


def test_replay_three_times_changes_nothing(tables: Tables) -> None:
    first = tables.store(story())
    before = answers(tables)
    for _ in range(3):
        again = tables.store(story())
        assert (again.stored, again.known, again.quarantined) == (0, len(story()), 0)

    assert (first.stored, first.known) == (len(story()), 0)
    assert answers(tables) == before


ORPHAN = ref("4B", 100, 70, origin=False, arrival=1.4)
ORIGIN = ref("4B", 0, 60)
HALVES = [
    attempt(ORPHAN, 100, 70, pb.ATTEMPT_OUTCOME_DEFERRED),
    attempt(ORPHAN, 200, 71, pb.ATTEMPT_OUTCOME_BOUNCED),
    changed(ORPHAN, 201, 72, pb.MESSAGE_CHANGE_COMPLETED),
    accepted(ORIGIN, 0, 61),
    attempt(ORIGIN, 2, 62, pb.ATTEMPT_OUTCOME_DEFERRED),
]


@settings(max_examples=20, deadline=None)
@given(records=st.permutations(HALVES))
def test_a_message_known_from_its_middle_is_joined_with_its_origin(
    new_location: NewLocation,
    records: list[pb.Record],
) -> None:
    with new_location() as location, closing(Tables(location)) as tables:
        for record in records:
            tables.store([record])
        (event,) = tables.events()
        assert (event.state, event.attempts) == (DeliveryState.BOUNCED, 3)
        assert tables.column("SELECT count(*) FROM message") == [1]
        assert tables.column("SELECT origin_seen FROM message") == [True]
        assert tables.column("SELECT arrival_us FROM failure") == [ORIGIN.arrival_us]
