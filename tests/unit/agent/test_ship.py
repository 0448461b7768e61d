"""The window: order, limits, and what a new stream gets."""

import pytest

from mailtally_agent.line_key import RecordKey
from mailtally_agent.message import Message
from mailtally_agent.record import MessageChanged, Record
from mailtally_agent.ship import OutOfOrderError, Window
from mailtally_agent.terms import Change


def records(count: int) -> list[Record]:
    """Records that differ."""
    return [
        Record(
            (number, "mx1 postfix/postsuper[7", "A1B2C3: placed on hold"),
            1,
            Message("postfix", "A1B2C3", RecordKey(0, 0), 1),
            MessageChanged(Change.HELD),
        )
        for number in range(count)
    ]


def take_all(window: Window) -> list[int]:
    """Moments of the records of all batches that may go out."""
    moments = []
    while batch := window.next_batch(flush=True):
        moments += [record.key.time_us for record in batch.records]
    return moments


def test_batches_keep_the_order_and_wait_for_acknowledgements() -> None:
    window = Window(max_batch_records=2, max_batches=2)
    window.add(records(5))

    assert take_all(window) == [0, 1, 2, 3]
    assert window.full is False
    window.acknowledge(1)
    assert take_all(window) == [4]
    assert not window.empty
    window.acknowledge(2)
    window.acknowledge(3)
    assert window.empty


def test_partial_batch_waits_unless_flushed() -> None:
    window = Window(max_batch_records=2, max_batches=2)
    window.add(records(1))

    assert window.next_batch(flush=False) is None
    assert window.next_batch(flush=True) is not None


def test_new_stream_gets_everything_unacknowledged_in_order_and_counts_from_one() -> None:
    window = Window(max_batch_records=2, max_batches=3)
    window.add(records(7))
    take_all(window)
    window.acknowledge(1)

    window.reconnect()

    first = window.next_batch(flush=True)
    assert first is not None
    assert first.sequence == 1
    moments = [record.key.time_us for record in first.records]
    assert [*moments, *take_all(window)] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("sequence", [0, 2, 3])
def test_acknowledgement_of_another_batch_is_refused(sequence: int) -> None:
    window = Window(max_batch_records=1, max_batches=2)
    window.add(records(2))
    take_all(window)

    with pytest.raises(OutOfOrderError):
        window.acknowledge(sequence)


def test_full_window_asks_to_stop_reading() -> None:
    window = Window(max_batch_records=2, max_batches=2)
    window.add(records(4))
    assert window.full

    window.limit(1, 1)
    take_all(window)
    assert window.full


def test_collector_lowers_limits_and_never_raises_them() -> None:
    window = Window(max_batch_records=2, max_batches=1)
    window.limit(1000, 0)
    window.add(records(4))

    assert take_all(window) == [0, 1]


def test_the_newest_batch_can_be_cut_and_its_rest_comes_next() -> None:
    window = Window(max_batch_records=5, max_batches=2)
    window.add(records(6))
    window.next_batch(flush=True)

    batch = window.halve_newest()

    assert [record.key.time_us for record in batch.records] == [0, 1]
    assert take_all(window) == [2, 3, 4, 5]
    window.acknowledge(1)
    window.acknowledge(2)
    assert window.empty
