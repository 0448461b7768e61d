"""The table of states: outcome of the deciding attempt, and how the message stands."""

from itertools import permutations

import pytest

from mailtally_collector.delivery_state import (
    IN_QUEUE,
    Deciding,
    MessageEnd,
    delivery_state,
    message_end,
    untried_state,
)
from mailtally_collector.terms import AttemptOutcome as Outcome
from mailtally_collector.terms import DeliveryState as State
from mailtally_collector.terms import MessageChange as Change

HELD = MessageEnd(change=0, ended_us=None, held=True)
UNKNOWN_OUTCOME = 99


def ended(change: Change) -> MessageEnd:
    return MessageEnd(change=change, ended_us=1, held=False)


ENDS = [
    IN_QUEUE,
    HELD,
    ended(Change.COMPLETED),
    ended(Change.EXPIRED),
    ended(Change.REMOVED),
    ended(Change.DISCARDED),
]
OPEN = [State.PENDING, State.HELD, State.REMOVED, State.EXPIRED, State.REMOVED, State.DISCARDED]
TABLE = {
    Outcome.SENT: [State.DELIVERED] * 6,
    Outcome.DELIVERABLE: [State.DELIVERED] * 6,
    Outcome.BOUNCED: [State.BOUNCED] * 6,
    Outcome.UNDELIVERABLE: [State.BOUNCED] * 6,
    Outcome.DISCARDED: [State.DISCARDED] * 6,
    Outcome.DEFERRED: OPEN,
    Outcome.SOFT_BOUNCE: OPEN,
    Outcome.UNSPECIFIED: OPEN,
    UNKNOWN_OUTCOME: OPEN,
}


@pytest.mark.parametrize(
    ("outcome", "end", "state"),
    [
        (outcome, end, state)
        for outcome, states in TABLE.items()
        for end, state in zip(ENDS, states, strict=True)
    ],
)
def test_state_of_a_delivery(outcome: int, end: MessageEnd, state: State) -> None:
    assert delivery_state(outcome, end) == state


def test_the_table_covers_every_outcome() -> None:
    assert set(TABLE) == {*Outcome, UNKNOWN_OUTCOME}


def test_state_of_recipients_never_tried() -> None:
    expected = [State.PENDING, State.HELD, None, State.EXPIRED, State.REMOVED, State.DISCARDED]
    assert [untried_state(end) for end in ENDS] == expected


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ([], IN_QUEUE),
        ([(5, 0, Change.HELD)], HELD),
        ([(5, 0, Change.HELD), (6, 0, Change.RELEASED)], IN_QUEUE),
        ([(5, 0, Change.HELD), (6, 0, Change.RELEASED), (7, 0, Change.HELD)], HELD),
        ([(5, 1, Change.RELEASED), (5, 2, Change.HELD)], HELD),
        ([(5, 0, Change.HELD), (1, 0, Change.COMPLETED)], ended(Change.COMPLETED)),
        ([(1, 0, Change.COMPLETED), (0, 0, Change.EXPIRED)], ended(Change.EXPIRED)),
        ([(1, 0, Change.COMPLETED), (0, 0, Change.REMOVED)], ended(Change.REMOVED)),
        ([(1, 0, Change.EXPIRED), (0, 0, Change.REMOVED)], ended(Change.EXPIRED)),
        ([(1, 0, Change.UNSPECIFIED), (2, 0, 99)], IN_QUEUE),
    ],
)
def test_end_of_a_message_in_any_order(
    changes: list[tuple[int, int, int]], end: MessageEnd
) -> None:
    for ordered in permutations(changes):
        assert message_end(ordered) == end


def test_the_end_is_dated_by_the_newest_end() -> None:
    assert message_end([(7, 0, Change.COMPLETED), (3, 0, Change.EXPIRED)]).ended_us == 7


def test_a_final_outcome_outranks_a_later_deferral() -> None:
    assert Deciding(True, 1, 0) > Deciding(False, 9, 0)  # noqa: FBT003 - is_final
    assert Deciding(True, 2, 0) > Deciding(True, 1, 9)  # noqa: FBT003
    assert Deciding(False, 2, 5) > Deciding(False, 2, 4)  # noqa: FBT003
