"""The window: order, limits, and what a new stream gets."""

import pytest

from mailtally_agent.batch_codec import MESSAGE_BYTES_MAX, encode_batch
from mailtally_agent.line_key import RecordKey
from mailtally_agent.message import Message
from mailtally_agent.record import MessageAccepted, MessageChanged, Record
from mailtally_agent.ship import BATCH_BYTES, OutOfOrderError, Window
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


def long_records(count: int, text_bytes: int) -> list[Record]:
    """Records of long lines."""
    return [
        record._replace(line=(record.line[0], record.line[1], "x" * text_bytes))
        for record in records(count)
    ]


def test_window_is_bounded_by_bytes_and_batches_too() -> None:
    window = Window(max_batch_records=1_000, max_batches=2)
    window.add(long_records(20, BATCH_BYTES // 4))

    assert window.full
    batches = [window.next_batch(flush=False), window.next_batch(flush=False)]
    assert [len(batch.records) for batch in batches if batch] == [4, 4]
    assert window.next_batch(flush=True) is None
    window.acknowledge(1)
    window.acknowledge(2)
    assert take_all(window) == list(range(8, 16))
    assert not window.full
    assert not window.empty

    window.reconnect()
    assert window.full
    window.clear()
    assert not window.full


def test_batch_that_is_too_large_for_a_message_is_cut_and_nothing_is_lost() -> None:
    window = Window(max_batch_records=8, max_batches=3)
    window.add(records(9))
    batch = window.next_batch(flush=True)
    assert batch is not None

    cut = window.cut(window.cut(batch))

    assert [record.key.time_us for record in cut.records] == [0, 1]
    assert cut.sequence == 1
    assert take_all(window) == list(range(2, 9))
    for sequence in (1, 2):
        window.acknowledge(sequence)
    assert window.empty


def test_messages_stay_within_what_a_collector_takes() -> None:
    """A sender and a Message-ID stand in earlier lines, so that a short line may mean much."""
    window = Window(max_batch_records=500, max_batches=3)
    accepted = MessageAccepted("s" * 2_000, 1, 1, "m" * 2_000, "", -1)
    window.add([record._replace(what=accepted) for record in records(500)])

    sizes, moments = [], []
    while batch := window.next_batch(flush=True):
        encoded = encode_batch(window, batch)
        sizes.append(encoded.ByteSize())
        moments += [record.key.time_us for record in encoded.records]
        window.acknowledge(encoded.sequence)

    assert moments == list(range(500))
    assert max(sizes) <= MESSAGE_BYTES_MAX
    assert window.empty
