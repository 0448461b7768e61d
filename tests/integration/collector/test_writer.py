"""The writer thread: what fails is rolled back, forgotten, and does not drag others along."""

import threading
from functools import partial
from pathlib import Path

import pytest
from peewee import OperationalError

from mailtally_collector.ingest_codec import decode_record
from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.write_batch import BatchStore
from mailtally_collector.store.writer import StoreUnavailableError, Writer
from tests.integration.collector.reports import story
from tests.integration.collector.tables import NOW, Tables


def test_a_batch_that_failed_leaves_nothing_behind_and_can_be_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(tmp_path / "c.db")
    database = open_for_writing(tmp_path / "c.db")
    batches = BatchStore(database)
    writer = Writer(database, batches.forget)
    writer.start()
    records = [decode_record(record, NOW) for record in story()]

    def full(*_: object) -> None:
        raise OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("mailtally_collector.store.write_batch.store_token", full)
        failed = writer.submit(lambda: batches.store("mx1", records, b"1", NOW))
        with pytest.raises(StoreUnavailableError, match="disk is full"):
            failed.result(10)
    stored = writer.submit(lambda: batches.store("mx1", records, b"2", NOW)).result(10)
    writer.close()

    assert (stored.stored, stored.known, stored.quarantined) == (len(records), 0, 0)
    again, direct = Tables(tmp_path / "c.db"), Tables(tmp_path / "direct.db")
    direct.store(story())
    assert again.dump() == direct.dump()
    again.close()
    direct.close()


def test_a_piece_that_fails_does_not_fail_its_group(tmp_path: Path) -> None:
    migrate(tmp_path / "c.db")
    database = open_for_writing(tmp_path / "c.db")
    sql = Sql(database)
    forgotten: list[bool] = []
    writer = Writer(database, lambda: forgotten.append(True))
    gate = threading.Event()
    writer.start()
    writer.submit(gate.wait)

    def insert(name: bytes) -> int:
        return sql.insert("domain", {"name": name})

    first = writer.submit(lambda: insert(b"a"))
    bad = writer.submit(lambda: insert(b"a"))
    last = writer.submit(lambda: insert(b"b"))
    gate.set()

    assert first.result(10) == 1
    with pytest.raises(StoreUnavailableError):
        bad.result(10)
    assert last.result(10) > 1
    assert forgotten
    writer.close()


def test_closing_does_what_is_queued_and_refuses_more(tmp_path: Path) -> None:
    migrate(tmp_path / "c.db")
    database = open_for_writing(tmp_path / "c.db")
    sql = Sql(database)
    writer = Writer(database, lambda: None)
    writer.start()
    queued = [
        writer.submit(partial(sql.insert, "domain", {"name": b"%d" % number}))
        for number in range(100)
    ]
    writer.close()

    assert [future.result(0) for future in queued] == list(range(1, 101))
    with pytest.raises(StoreUnavailableError, match="stopping"):
        writer.submit(lambda: None).result(0)
