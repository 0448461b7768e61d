"""What links do to deliveries and classes, also when they are forged or form loops."""

import sqlite3
from itertools import pairwise
from pathlib import Path

import pytest

from mailtally.v1 import record_pb2 as pb
from mailtally_collector.lineage import DEPTH_MAX
from mailtally_collector.query.filters import Filter
from mailtally_collector.query.trace import Sought, trace
from mailtally_collector.terms import DeliveryState, Direction, TrafficClass
from tests.integration.collector.fleet import fleet, through_a_filter
from tests.integration.collector.reports import (
    accepted,
    attempt,
    changed,
    handed_on,
    link,
    ref,
    scored,
)
from tests.integration.collector.tables import EVERYTHING, Tables

NAME = b"<same@example.com>"
# Tables of a few rows, or of the rows of the statement itself.
FEW = ("SCAN server", "SCAN instance", "SCAN allotment", "SCAN CONSTANT ROW", "SCAN wanted")
PARENT, CHILD = ref("4P", 0, 1), ref("4C", 1, 10)
HOPS = Filter(directions=(Direction.INTERNAL_HOP,))
DIRECTIONS = "SELECT direction FROM delivery ORDER BY message_id, number"


def test_a_strangers_queue_id_stays_an_ordinary_delivery(tables: Tables) -> None:
    tables.store([accepted(PARENT, 0, 2), *handed_on(PARENT, 2, 3, "4C")])
    assert tables.states() == {DeliveryState.DELIVERED: 1}
    assert tables.column("SELECT child_id FROM message_link") == [None]


def test_a_stranger_that_answers_with_a_queue_id_of_ours_changes_nothing(tables: Tables) -> None:
    tables.store([accepted(CHILD, 1, 11), attempt(CHILD, 2, 12, pb.ATTEMPT_OUTCOME_BOUNCED)])
    tables.store([accepted(PARENT, 0, 2), *handed_on(PARENT, 2, 3, "4C")])
    assert tables.states() == {DeliveryState.DELIVERED: 1, DeliveryState.BOUNCED: 1}
    assert tables.column("SELECT origin_id FROM message") == [None, None]


def test_a_link_is_taken_back_when_the_message_id_turns_out_to_be_another(tables: Tables) -> None:
    tables.store([accepted(PARENT, 0, 2), *handed_on(PARENT, 2, 3, "4C")])
    tables.store([attempt(CHILD, 2, 12, pb.ATTEMPT_OUTCOME_BOUNCED)])
    assert tables.states() == {DeliveryState.BOUNCED: 1}
    tables.store([accepted(CHILD, 1, 11)])
    assert tables.states() == {DeliveryState.DELIVERED: 1, DeliveryState.BOUNCED: 1}
    assert tables.column("SELECT origin_kind FROM message ORDER BY id") == [0, 0]


def test_a_hop_only_concerns_the_delivery_of_its_line_and_only_success(tables: Tables) -> None:
    name = b"4P@example.com"
    deferred = attempt(PARENT, 3, 4, pb.ATTEMPT_OUTCOME_DEFERRED, to=b"b@example.net")
    tables.store(
        [
            accepted(PARENT, 0, 2, recipients=3, message_id=name),
            *handed_on(PARENT, 2, 3, "4C", to=b"a@example.net"),
            *(deferred, link(PARENT, 3, 4, pb.LINK_KIND_HOP, "4C")),
            attempt(PARENT, 4, 5, pb.ATTEMPT_OUTCOME_SENT, to=b"c@example.net"),
            accepted(CHILD, 1, 11, message_id=name),
        ]
    )
    hop, outbound = Direction.INTERNAL_HOP, Direction.OUTBOUND
    assert tables.column(DIRECTIONS) == [hop, outbound, outbound]
    # Read again from its beginning: the deciding line is known, the link leads where it led.
    tables.store([deferred, *handed_on(PARENT, 2, 3, "4C", to=b"a@example.net")])
    assert tables.column(DIRECTIONS) == [hop, outbound, outbound]


def test_a_later_attempt_decides_anew(tables: Tables) -> None:
    first = handed_on(PARENT, 2, 3, "4C")
    tables.store([accepted(PARENT, 0, 2, message_id=NAME), accepted(CHILD, 1, 11, message_id=NAME)])
    tables.store(first)
    assert tables.column(DIRECTIONS) == [Direction.INTERNAL_HOP]
    tables.store([attempt(PARENT, 5, 9, pb.ATTEMPT_OUTCOME_SENT)])
    assert tables.column(DIRECTIONS) == [Direction.OUTBOUND]


def test_a_link_before_its_attempt_counts(tables: Tables) -> None:
    sent, hop = handed_on(PARENT, 2, 3, "4C")
    tables.store([accepted(PARENT, 0, 2, message_id=NAME), accepted(CHILD, 1, 11, message_id=NAME)])
    tables.store([hop])
    tables.store([sent])
    assert tables.column(DIRECTIONS) == [Direction.INTERNAL_HOP]


def test_a_link_before_its_attempt_that_did_not_succeed_changes_nothing(tables: Tables) -> None:
    tables.store([accepted(PARENT, 0, 2, message_id=NAME), accepted(CHILD, 1, 11, message_id=NAME)])
    tables.store([link(PARENT, 2, 3, pb.LINK_KIND_HOP, "4C")])
    tables.store([attempt(PARENT, 2, 3, pb.ATTEMPT_OUTCOME_DEFERRED)])
    assert tables.column(DIRECTIONS) == [Direction.OUTBOUND]


@pytest.mark.parametrize(
    ("seen_late", "origin_at", "before", "after"),
    [(400, 1, Direction.OUTBOUND, Direction.INTERNAL_HOP), (3, -5000, 3, 1)],
    ids=["too late, then in time", "in time, then too early"],
)
def test_a_child_that_adopts_an_earlier_line_is_looked_at_again(
    tables: Tables, seen_late: float, origin_at: float, before: int, after: int
) -> None:
    tables.store([accepted(PARENT, 0, 2, message_id=NAME), *handed_on(PARENT, 2, 3, "4C")])
    late = ref("4C", seen_late, 11, origin=False, arrival=origin_at)
    tables.store([accepted(late, seen_late, 11, message_id=NAME)], "relay")
    assert tables.column(DIRECTIONS) == [before]
    origin = ref("4C", origin_at, 10)
    held = changed(origin, origin_at + 1, 12, pb.MESSAGE_CHANGE_HELD)
    tables.store([held], "relay")
    assert tables.column(DIRECTIONS) == [after]


def test_a_forward_is_taken_back_when_its_child_turns_out_to_have_ended(tables: Tables) -> None:
    tables.store([accepted(CHILD, 1, 11), accepted(PARENT, 0, 2)])
    tables.store([link(PARENT, 200, 3, pb.LINK_KIND_FORWARD, "4C")])
    classes = "SELECT traffic_class FROM message WHERE queue_id = '4C'"
    assert tables.column(classes) == [TrafficClass.FORWARD]
    tables.store([changed(CHILD, 100, 12, pb.MESSAGE_CHANGE_COMPLETED)])
    assert tables.column(classes) == [TrafficClass.MAIL]


def test_a_score_that_is_known_is_not_stored_again(tables: Tables) -> None:
    told = scored(PARENT, 2, 5, 3.2)
    assert [tables.store([told]).stored for _ in range(2)] == [1, 0]


def test_a_class_is_handed_down_a_chain_whenever_it_changes(tables: Tables) -> None:
    """Of a chain longer than DEPTH_MAX those further down inherit no more."""
    chain = [ref(f"4CHAIN{at:02}", at, 100 + at) for at in range(DEPTH_MAX + 3)]
    for at, message in enumerate(chain):
        tables.store([accepted(message, at, 200 + at, message_id=NAME)])
    for at, (message, following) in enumerate(pairwise(chain)):
        tables.store(handed_on(message, at + 1, 300 + at, following.queue_id))
    classes = "SELECT traffic_class FROM message WHERE queue_id LIKE '4CHAIN%' ORDER BY queue_id"
    assert tables.column(classes) == [TrafficClass.MAIL] * len(chain)
    tables.store([accepted(PARENT, 0, 2), link(PARENT, 0, 3, pb.LINK_KIND_FORWARD, "4CHAIN00")])
    expected = [TrafficClass.FORWARD] * (DEPTH_MAX + 1) + [TrafficClass.MAIL] * 2
    assert tables.column(classes) == expected
    assert tables.column(
        "SELECT DISTINCT traffic_class FROM domain_hour WHERE recipients_00 > 0 ORDER BY 1"
    ) == [
        TrafficClass.MAIL,
        TrafficClass.FORWARD,
    ]


def test_the_same_log_of_two_servers_makes_two_families(tables: Tables) -> None:
    told = [record for server, record in through_a_filter() if server == "mx1"]
    tables.store(told, "mx2")
    tables.store(told, "mx1")
    kinship = "SELECT {} FROM message m JOIN message p ON p.id = m.origin_id"
    assert tables.column(kinship.format("m.server_id = p.server_id")) == [1] * 6


@pytest.mark.parametrize("length", [1, 2, 3, DEPTH_MAX + 2])
def test_loops_end(tables: Tables, length: int) -> None:
    """Every message says that it was handed on to the next, and the last to the first."""
    ring = [ref(f"4RING{at:02}", 0, 100 + at) for at in range(length)]
    for at, message in enumerate(ring):
        tables.store([accepted(message, 0, 200 + at, message_id=NAME)])
        following = ring[(at + 1) % length]
        tables.store(handed_on(message, 1, 300 + at, following.queue_id), "mx1")
    tables.store([changed(ring[0], 9, 999, pb.MESSAGE_CHANGE_COMPLETED)])
    first = attempt(ring[0], 2, 998, pb.ATTEMPT_OUTCOME_DELIVERABLE, to=b"probe@example.net")
    tables.store([first])

    reached = min(length, DEPTH_MAX + 1)
    probes = "SELECT count(*) FROM message WHERE traffic_class = ?"
    assert tables.column(probes, [int(TrafficClass.PROBE)]) == [reached]
    sought = Sought(queue_id="4RING00", message_id="", recipient="", servers=())
    traced = trace(tables.reader, EVERYTHING, sought, 20)
    assert len(traced.messages) == length
    (asked,) = (one for one in traced.messages if one.is_found)
    # Who came before it, as far back as is looked, or until the ring closes.
    assert asked.submitted[0].queue_id == f"4RING{max(length - DEPTH_MAX, 1) % length:02}"
    assert not traced.is_cut


def test_no_statement_reads_through_a_table(tmp_path: Path) -> None:
    """All that is asked while storing is found by an index that knows more than the server."""
    tables = Tables(tmp_path / "c.db")
    tables.store([])
    statements: list[str] = []
    connection: sqlite3.Connection = tables.database.connection()  # type: ignore[no-untyped-call]
    connection.set_trace_callback(statements.append)
    for server, record in fleet():
        tables.store([record], server)
    connection.set_trace_callback(None)
    asked = {one for one in statements if one.startswith(("SELECT", "UPDATE", "WITH"))}
    assert len(asked) > 150
    for statement in asked:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        slow = [one for one in plan if one.startswith("SCAN") or one.endswith("(server_id=?)")]
        assert not [one for one in slow if not one.startswith(FEW)], statement
