"""Whose family a message shows: a chain of hops, a forward and a notice across two senders."""

import pytest

from mailtally.v1 import record_pb2 as pb
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.trace import Sought, Traced, trace
from tests.integration.collector.reports import accepted, attempt, link, ref
from tests.integration.collector.tables import EVERYTHING, Tables

STRANGER, OURS = b"them@stranger.example", b"shop@example.com"
NAME = b"<1@example.com>"


@pytest.fixture
def stored(tables: Tables) -> Tables:
    """Mail of a stranger is forwarded in our name, passes a hop, and its notice goes to us.

    INCOMING (stranger) → FORWARD (ours) → HOP (ours) → NOTICE (null sender)
                                         → OTHER (stranger, as a list rewrites it)
    """
    incoming, forward, hop = ref("4IN", 0, 1), ref("4FORWARD", 1, 10), ref("4HOP", 2, 20)
    notice, other = ref("4NOTICE", 3, 30), ref("4OTHER", 4, 40)
    sent = pb.ATTEMPT_OUTCOME_SENT
    tables.store(
        [
            accepted(incoming, 0, 2, sender=STRANGER, client="mx.stranger.example"),
            link(incoming, 1, 3, pb.LINK_KIND_FORWARD, "4FORWARD"),
            accepted(forward, 1, 11, sender=OURS, message_id=NAME),
            link(forward, 2, 12, pb.LINK_KIND_HOP, "4HOP"),
            accepted(hop, 2, 21, sender=OURS, message_id=NAME, client="localhost"),
            attempt(hop, 3, 22, pb.ATTEMPT_OUTCOME_BOUNCED),
            link(hop, 3, 23, pb.LINK_KIND_NOTIFICATION, "4NOTICE"),
            link(hop, 4, 24, pb.LINK_KIND_FORWARD, "4OTHER"),
            accepted(notice, 3, 31, sender=b"", client=""),
            attempt(notice, 4, 32, sent, to=OURS),
            accepted(other, 4, 41, sender=STRANGER, client=""),
            attempt(other, 5, 42, sent, to=b"far@example.org"),
        ]
    )
    return tables


def traced(tables: Tables, scope: Scope, queue_id: str) -> Traced:
    return trace(tables.reader, scope, Sought(queue_id, "", "", ()), 20)


def test_who_sees_all_sees_the_whole_family(stored: Tables) -> None:
    family = [one.place.queue_id for one in traced(stored, EVERYTHING, "4HOP").messages]
    assert family == ["4IN", "4FORWARD", "4HOP", "4NOTICE", "4OTHER"]


def test_a_family_ends_where_mail_of_others_begins(stored: Tables) -> None:
    ours = Scope.of([b"example.com"])
    messages = traced(stored, ours, "4HOP").messages
    assert [one.place.queue_id for one in messages] == ["4FORWARD", "4HOP"]
    first, second = messages
    assert first.origin is None
    assert first.submitted[0].queue_id == "4FORWARD"
    assert second.origin is not None
    assert second.origin[2].queue_id == "4FORWARD"
    for hidden in ("4IN", "4NOTICE", "4OTHER"):
        assert traced(stored, ours, hidden).messages == []


def test_a_family_of_others_does_not_hold_ours(stored: Tables) -> None:
    theirs = Scope.of([b"stranger.example"])
    for queue_id in ("4IN", "4OTHER"):
        (message,) = traced(stored, theirs, queue_id).messages
        assert (message.place.queue_id, message.origin) == (queue_id, None)


@pytest.mark.parametrize(
    ("login", "told"),
    [(b"shop@Example.com", True), (b"thief@stranger.example", False), (b"shop", False)],
)
def test_a_login_of_somebody_else_is_not_told(tables: Tables, login: bytes, told: bool) -> None:  # noqa: FBT001
    message = ref("4LOGIN", 0, 1)
    record = accepted(message, 0, 2, sender=OURS)
    record.accepted.sasl_username = login
    tables.store([record])
    (mine,) = traced(tables, Scope.of([b"example.com"]), "4LOGIN").messages
    (whole,) = traced(tables, EVERYTHING, "4LOGIN").messages
    assert mine.accepted is not None
    assert whole.accepted is not None
    assert mine.accepted.sasl_username == (login if told else b"")
    assert whole.accepted.sasl_username == login
