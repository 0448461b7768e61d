"""An attempt is counted once, wherever its row lies by now."""

from contextlib import closing

from mailtally.v1 import record_pb2 as pb
from mailtally_collector.query.trace import Sought, trace
from mailtally_collector.store.location import Location
from mailtally_collector.terms import DeliveryState
from tests.integration.collector.reports import accepted, attempt, ref
from tests.integration.collector.tables import EVERYTHING, Tables

M = ref("4KNOWN", 0, 1)
SENT, DEFERRED = pb.ATTEMPT_OUTCOME_SENT, pb.ATTEMPT_OUTCOME_DEFERRED
FIRST = attempt(M, 2, 3, SENT, text=b"250 first", code=250)


def moments(tables: Tables) -> list[bytes]:
    sought = Sought(queue_id="4KNOWN", message_id="", recipient="", servers=())
    (message,) = trace(tables.reader, EVERYTHING, sought, 1).messages
    (delivery,) = message.deliveries
    return [told.reply_text for _, told in delivery.attempts]


def test_a_success_before_the_last_try_is_known(tables: Tables) -> None:
    """A final outcome outranks a later deferral, so that it is not dated by the last try."""
    tables.store([accepted(M, 0, 2), FIRST, attempt(M, 50, 4, DEFERRED, text=b"later", code=450)])
    again = tables.store([FIRST])

    assert (again.stored, again.known) == (0, 1)
    assert tables.column("SELECT attempts FROM delivery") == [2]
    assert moments(tables) == [b"250 first", b"later"]
    assert tables.states() == {DeliveryState.DELIVERED: 1}


def test_a_success_that_another_outranked_is_kept_and_known(tables: Tables) -> None:
    tables.store([accepted(M, 0, 2), FIRST])
    tables.store([attempt(M, 5, 4, SENT, text=b"250 second", code=250)])
    again = tables.store([FIRST])

    assert (again.stored, again.known) == (0, 1)
    assert tables.column("SELECT attempts FROM delivery") == [2]
    assert moments(tables) == [b"250 first", b"250 second"]


def test_a_new_message_does_not_hide_an_older_one_of_its_queue_id(location: Location) -> None:
    """A collector that begins with what is new for sure has not looked at what is stored."""
    with closing(Tables(location)) as tables:
        tables.store([accepted(M, 0, 2), FIRST])
    again = ref("4KNOWN", 500, 9)
    with closing(Tables(location)) as tables:
        tables.store([accepted(again, 500, 10)])
        stored = tables.store([accepted(M, 0, 2), FIRST])

        assert (stored.stored, stored.known) == (0, 2)
        assert tables.column("SELECT COUNT(*) FROM message") == [2]
        assert tables.states() == {DeliveryState.DELIVERED: 1, DeliveryState.PENDING: 1}
