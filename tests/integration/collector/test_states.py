"""What a chain of records makes of recipients: states, classes, recipients never tried."""

from collections.abc import Sequence
from itertools import permutations

import pytest

from mailtally.v1 import record_pb2 as pb
from mailtally_collector.query.filters import Filter
from mailtally_collector.records import Record
from mailtally_collector.store.write_batch import Part
from mailtally_collector.terms import DeliveryState, TrafficClass
from tests.integration.collector.reports import accepted, attempt, changed, link, ref
from tests.integration.collector.tables import Tables

M = ref("4F", 0, 1)
SENT, DEFERRED = pb.ATTEMPT_OUTCOME_SENT, pb.ATTEMPT_OUTCOME_DEFERRED
FORWARDS = Filter(traffic_classes=(TrafficClass.FORWARD,))


def test_recipients_never_tried_are_pending_until_the_message_ends(tables: Tables) -> None:
    tables.store([accepted(M, 0, 2, recipients=5)])
    assert tables.states() == {DeliveryState.PENDING: 5}
    tables.store([attempt(M, 1, 3, SENT), attempt(M, 1, 4, SENT, to=b"b@example.org")])
    assert tables.states() == {DeliveryState.PENDING: 3, DeliveryState.DELIVERED: 2}
    tables.store([changed(M, 2, 5, pb.MESSAGE_CHANGE_COMPLETED)])
    assert tables.states() == {DeliveryState.DELIVERED: 2}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ([pb.MESSAGE_CHANGE_HELD], DeliveryState.HELD),
        ([pb.MESSAGE_CHANGE_HELD, pb.MESSAGE_CHANGE_RELEASED], DeliveryState.PENDING),
        ([pb.MESSAGE_CHANGE_REMOVED], DeliveryState.REMOVED),
        ([pb.MESSAGE_CHANGE_EXPIRED, pb.MESSAGE_CHANGE_COMPLETED], DeliveryState.EXPIRED),
        ([pb.MESSAGE_CHANGE_HELD, pb.MESSAGE_CHANGE_REMOVED], DeliveryState.REMOVED),
        ([pb.MESSAGE_CHANGE_DISCARDED], DeliveryState.DISCARDED),
    ],
)
def test_open_recipients_follow_their_message(
    tables: Tables, changes: list[pb.MessageChange.ValueType], state: DeliveryState
) -> None:
    records = [changed(M, 10 + at, 10 + at, change) for at, change in enumerate(changes)]
    tables.store([accepted(M, 0, 2, recipients=3), attempt(M, 1, 3, DEFERRED), *records])
    tables.store([attempt(M, 1, 4, SENT, to=b"b@example.org")])

    assert tables.states() == {state: 2, DeliveryState.DELIVERED: 1}


def test_a_late_deferral_does_not_undo_a_delivery(tables: Tables) -> None:
    tables.store([accepted(M, 0, 2), attempt(M, 5, 3, SENT), attempt(M, 9, 4, DEFERRED)])
    assert tables.states() == {DeliveryState.DELIVERED: 1}
    assert tables.column("SELECT attempts FROM delivery") == [2]
    assert tables.column("SELECT last_try_us - first_try_us FROM delivery") == [4_000_000]


CHILD = ref("4G", 10, 20)
LINKED = (
    [accepted(M, 0, 2), link(M, 11, 5, pb.LINK_KIND_FORWARD, "4G")],
    [accepted(CHILD, 10, 21), attempt(CHILD, 12, 22, SENT)],
)


@pytest.mark.parametrize("halves", list(permutations(LINKED)))
def test_a_forward_is_told_by_its_link_before_or_after(
    tables: Tables, halves: tuple[list[pb.Record], ...]
) -> None:
    for half in halves:
        tables.store(half)
    assert tables.states() == {DeliveryState.PENDING: 1}  # the parent
    assert tables.states(FORWARDS) == {DeliveryState.DELIVERED: 1}


def test_a_link_means_the_message_that_arrived_nearest(tables: Tables) -> None:
    other_life = ref("4G", 2_000, 30)
    tables.store(
        [
            accepted(other_life, 2_000, 31),
            changed(other_life, 2_001, 32, pb.MESSAGE_CHANGE_COMPLETED),
        ]
    )
    tables.store([record for half in LINKED for record in half])

    assert tables.column("SELECT traffic_class FROM message ORDER BY first_us") == [
        TrafficClass.MAIL,
        TrafficClass.FORWARD,
        TrafficClass.MAIL,
    ]


def test_probes_are_kept_out(tables: Tables) -> None:
    tables.store([accepted(M, 0, 2), attempt(M, 1, 3, pb.ATTEMPT_OUTCOME_UNDELIVERABLE)])
    assert tables.states() == {}
    probes = Filter(traffic_classes=(TrafficClass.PROBE,))
    assert tables.states(probes) == {DeliveryState.BOUNCED: 1}


def test_the_sender_is_filled_in_when_acceptance_comes_last(tables: Tables) -> None:
    tables.store([attempt(M, 1, 3, SENT)])
    assert tables.states(Filter(domain="example.com")) == {}
    tables.store([accepted(M, 0, 2)])
    assert tables.states(Filter(domain="EXAMPLE.com")) == {DeliveryState.DELIVERED: 1}
    assert tables.states(Filter(mailbox="shop@example.com")) == {DeliveryState.DELIVERED: 1}
    assert tables.states(Filter(mailbox="other@example.com")) == {}


def test_two_lives_of_a_queue_id_are_two_messages(tables: Tables) -> None:
    again = ref("4F", 600, 50)
    tables.store([accepted(M, 0, 2), changed(M, 1, 3, pb.MESSAGE_CHANGE_COMPLETED)])
    tables.store([accepted(again, 600, 51), attempt(again, 601, 52, DEFERRED)])
    assert tables.column("SELECT count(*) FROM message") == [2]
    assert tables.states() == {DeliveryState.PENDING: 1}


def test_acceptance_said_twice_counts_once(tables: Tables) -> None:
    first = tables.store([accepted(M, 0, 2)])
    second = tables.store([accepted(M, 300, 9)])
    assert (first.stored, second.known) == (1, 1)
    assert tables.column("SELECT accepted_us - first_us FROM message") == [0]


def test_one_refused_record_of_many_is_found_in_few_tries(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = tables.batches
    original = batches._store_all  # noqa: SLF001
    tries = []

    def refuse_one(parts: Sequence[Part], now_us: int) -> list[int]:
        hashes = [record.key.line_hash for _, records in parts for record in records]
        tries.append(hashes)
        if 40 in hashes:
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return original(parts, now_us)

    monkeypatch.setattr(batches, "_store_all", refuse_one)
    result = tables.store([accepted(M, 0, 2), *(attempt(M, 1, n, DEFERRED) for n in range(3, 103))])

    assert (result.stored, result.known, result.quarantined) == (100, 0, 1)
    assert tables.column("SELECT attempts FROM delivery") == [99]
    assert len(tries) <= 2 * 7 + 1
    stored = [one for hashes in tries if 40 not in hashes for one in hashes]
    assert stored == [2, *range(3, 40), *range(41, 103)]


def test_a_record_that_the_database_refuses_is_quarantined_alone(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No input is known that passes the checks and is refused; so one is made up."""
    appliance = tables.batches._appliance  # noqa: SLF001
    original = appliance.apply

    def refuse_one(server_id: int, record: Record) -> bool:
        if record.key.line_hash == 666:
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return original(server_id, record)

    monkeypatch.setattr(appliance, "apply", refuse_one)
    result = tables.store([accepted(M, 0, 2), attempt(M, 1, 666, SENT), attempt(M, 1, 4, SENT)])

    assert (result.stored, result.known, result.quarantined) == (2, 0, 1)
    assert tables.column("SELECT attempts FROM delivery") == [1]
    assert tables.states() == {DeliveryState.DELIVERED: 1}
