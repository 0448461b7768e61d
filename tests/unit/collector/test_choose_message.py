"""Which stored message a reference means when logs come in another order than they were written."""

import pytest

from mailtally_collector.records import MessageRef, RecordKey
from mailtally_collector.store.message_row import QUEUE_LIFETIME_US, MessageRow, choose_message

T0 = 1_790_000_000_000_000
MINUTE = 60_000_000


def row(number: int, minute: int, *, origin_seen: bool = False) -> MessageRow:
    """A message known from a line at that minute on."""
    first_us = T0 + minute * MINUTE
    return MessageRow(
        id=number,
        server_id=1,
        instance_id=1,
        queue_id="4A",
        first_us=first_us,
        first_hash=number,
        origin_seen=origin_seen,
        arrival_us=first_us,
    )


def ref(minute: int, *, origin_seen: bool = True) -> MessageRef:
    first_us = T0 + minute * MINUTE
    return MessageRef(
        instance="postfix",
        queue_id="4A",
        first_line=RecordKey(first_us, 99),
        origin_seen=origin_seen,
        arrival_us=first_us,
    )


@pytest.mark.parametrize("origin_seen", [True, False])
def test_beginning_that_comes_after_the_end(*, origin_seen: bool) -> None:
    middle = row(1, 30)

    assert choose_message([row(2, 90), middle], ref(0, origin_seen=origin_seen)) is middle


def test_message_that_began_in_between_is_another() -> None:
    assert choose_message([row(1, 30), row(2, 20, origin_seen=True)], ref(0)) is None


def test_queue_id_that_comes_again_after_the_longest_life_is_another() -> None:
    lifetime = QUEUE_LIFETIME_US // MINUTE
    assert choose_message([row(1, lifetime + 1)], ref(0)) is None
    assert choose_message([row(1, lifetime)], ref(0)) is not None


def test_beginning_is_not_that_of_what_came_before() -> None:
    assert choose_message([row(1, 30)], ref(60)) is None


def test_message_that_had_left_the_queue_is_another() -> None:
    ended = row(1, 0)
    ended.ended_us = T0 + 1_000_000
    later = MessageRef("postfix", "4A", RecordKey(T0 + 1_500_000, 99), True, T0 + 1_500_000)  # noqa: FBT003

    assert choose_message([ended], later) is None
