"""The writer thread: what fails is rolled back, forgotten, and does not drag others along."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from peewee import OperationalError

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.ingest_codec import decode_record
from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.write_batch import BatchStore
from mailtally_collector.store.writer import StoreUnavailableError, Writer
from tests.integration.collector.reports import story
from tests.integration.collector.tables import NOW, Tables


class Store:
    """A writer with what it writes to."""

    def __init__(self, path: Path) -> None:
        migrate(path)
        database = open_for_writing(path)
        self.path = path
        self.sql = Sql(database)
        self.batches = BatchStore(database, CurrentRules(None))
        self.forgotten = 0
        self.writer = Writer(database, self.forget)
        self.writer.start()

    def forget(self) -> None:
        self.forgotten += 1
        self.batches.forget()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "c.db")
    yield opened
    opened.writer.close()


def test_a_batch_that_failed_leaves_nothing_behind_and_can_be_sent_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [decode_record(record, NOW) for record in story()]

    def full(*_: object) -> None:
        raise OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("mailtally_collector.store.write_batch.store_token", full)
        failed = store.writer.submit(lambda: store.batches.store("mx1", records, b"1", NOW))
        with pytest.raises(StoreUnavailableError, match="disk is full"):
            failed.result(10)
    again = store.writer.submit(lambda: store.batches.store("mx1", records, b"2", NOW)).result(10)

    assert (again.stored, again.known, again.quarantined) == (len(records), 0, 0)
    stored, direct = Tables(store.path), Tables(tmp_path / "direct.db")
    direct.store(story())
    assert stored.dump() == direct.dump()
    stored.close()
    direct.close()


def test_a_piece_that_fails_does_not_fail_its_group(store: Store) -> None:
    gate = threading.Event()
    store.writer.submit(gate.wait)
    first, bad, last = (
        store.writer.submit(partial(store.sql.insert, "domain", {"name": name}))
        for name in (b"a", b"a", b"b")
    )
    gate.set()

    assert first.result(10) == 1
    with pytest.raises(StoreUnavailableError):
        bad.result(10)
    assert last.result(10) > 1
    assert store.forgotten


def test_closing_does_what_is_queued_and_refuses_more(store: Store) -> None:
    queued = [
        store.writer.submit(partial(store.sql.insert, "domain", {"name": b"%d" % number}))
        for number in range(100)
    ]
    store.writer.close()

    assert [future.result(0) for future in queued] == list(range(1, 101))
    with pytest.raises(StoreUnavailableError, match="stopping"):
        store.writer.submit(lambda: None).result(0)
