"""The writer thread: what fails is rolled back, forgotten, and does not drag others along."""

import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest
from peewee import OperationalError

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.ingest_codec import decode_record
from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.location import Location
from mailtally_collector.store.write_batch import Batch, BatchStore
from mailtally_collector.store.writer import StoreUnavailableError, Writer
from tests.integration.collector.conftest import NewLocation
from tests.integration.collector.reports import story
from tests.integration.collector.tables import NOW, Tables


class Store:
    """A writer with what it writes to."""

    def __init__(self, location: Location) -> None:
        migrate(location)
        database = open_for_writing(location)
        self.location = location
        self.sql = sql_for(database)
        self.batches = BatchStore(database, CurrentRules(None))
        self.writer = Writer(database, self.batches)
        self.writer.start()


@pytest.fixture
def store(location: Location) -> Iterator[Store]:
    opened = Store(location)
    yield opened
    opened.writer.close()


def test_a_batch_that_failed_leaves_nothing_behind_and_can_be_sent_again(
    store: Store, new_location: NewLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [decode_record(record, NOW) for record in story()]

    def full(*_: object) -> None:
        raise OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("mailtally_collector.store.write_batch.store_token", full)
        failed = store.writer.batch(Batch("mx1", records, b"1", NOW))
        with pytest.raises(StoreUnavailableError, match="disk is full"):
            failed.result(10)
    again = store.writer.batch(Batch("mx1", records, b"2", NOW)).result(10)

    assert (again.stored, again.known, again.quarantined) == (len(records), 0, 0)
    with (
        new_location() as other,
        closing(Tables(store.location)) as stored,
        closing(Tables(other)) as direct,
    ):
        direct.store(story())
        assert stored.dump() == direct.dump()


def test_a_piece_that_fails_does_not_fail_its_group(store: Store) -> None:
    gate = threading.Event()
    store.writer.submit(gate.wait)
    first, bad, last = (
        store.writer.submit(partial(store.sql.insert, "domain", {"name": name, "provider_id": 0}))
        for name in (b"a", b"a", b"b")
    )
    gate.set()

    assert first.result(10) >= 1
    with pytest.raises(StoreUnavailableError):
        bad.result(10)
    assert last.result(10) > 1


def test_closing_does_what_is_queued_and_refuses_more(store: Store) -> None:
    queued = [
        store.writer.submit(partial(store.sql.insert, "provider", {"name": str(number)}))
        for number in range(100)
    ]
    store.writer.close()

    assert [future.result(0) for future in queued] == list(range(1, 101))
    with pytest.raises(StoreUnavailableError, match="stopping"):
        store.writer.submit(lambda: None).result(0)
