"""Two collectors store for the same servers at the same time: the rows are those of one."""

import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby, pairwise

import pytest

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.ingest_codec import decode_record
from mailtally_collector.recount_file import recount_file
from mailtally_collector.store.database import open_for_writing
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.location import Location, location_of
from mailtally_collector.store.recount import recount, span_of_rows
from mailtally_collector.store.write_batch import Batch, BatchStore
from mailtally_collector.store.writer import Writer
from tests.conftest import TEMPLATE
from tests.faults.how_many import seeds
from tests.integration.collector.dump import dump
from tests.integration.collector.fleet import Reported, fleet, on
from tests.integration.collector.reports import story
from tests.integration.collector.tables import NOW, Tables
from tests.postgres.server import PostgresServer

REPORTED = fleet() + on("mx1", *story()) + on("relay", *story())
RULES = CurrentRules(None)


@contextmanager
def empty_database(server: PostgresServer) -> Iterator[Location]:
    uri = server.new_database(TEMPLATE)
    yield location_of(uri)
    server.drop(uri)


def batches_of(generator: random.Random) -> list[Batch]:
    """Everything in some order, cut anywhere, some of it again."""
    again = generator.choices(REPORTED, k=generator.randrange(20))
    reported: Reported = [*REPORTED, *again]
    generator.shuffle(reported)
    cuts = generator.choices(range(len(reported)), k=generator.choice((4, 12, 40)))
    bounds = [0, *sorted(cuts), len(reported)]
    batches = []
    for first, last in pairwise(bounds):
        piece = sorted(reported[first:last], key=lambda one: one[0])
        for name, records in groupby(piece, key=lambda one: one[0]):
            decoded = [decode_record(record, NOW) for _, record in records]
            batches.append(Batch(name, decoded, secrets.token_bytes(16), NOW))
    return batches


class Collector:
    """What a collector stores with: a connection, a thread, a memory of its own."""

    def __init__(self, location: Location) -> None:
        self.database = open_for_writing(location)
        self.writer = Writer(self.database, BatchStore(self.database, RULES))
        self.quarantined = 0
        self.writer.start()

    def store(self, batches: list[Batch], generator: random.Random) -> None:
        for batch in batches:
            self.quarantined += self.writer.batch(batch).result(60).quarantined
            time.sleep(generator.choice((0, 0, 0.002, 0.005)))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What one collector makes of it, on SQLite, where links are resolved in the batch."""
    with closing(Tables(tmp_path_factory.mktemp("alone") / "c.db")) as tables:
        for name, records in groupby(REPORTED, key=lambda one: one[0]):
            tables.store([record for _, record in records], name)
        return tables.dump()


@pytest.mark.parametrize("seed", seeds(8))
def test_two_at_once_store_what_one_does(
    postgres: PostgresServer, alone: list[str], seed: int
) -> None:
    generator = random.Random(seed)  # noqa: S311 - repeatable
    batches = batches_of(generator)
    with empty_database(postgres) as location:
        collectors = [Collector(location), Collector(location)]
        shares: list[list[Batch]] = [[], []]
        for batch in batches:
            generator.choice(shares).append(batch)
        threads = [
            threading.Thread(target=collector.store, args=(share, random.Random(seed)))  # noqa: S311
            for collector, share in zip(collectors, shares, strict=True)
        ]
        for thread in threads:
            thread.start()
        wrong = Counter[str]()
        while any(thread.is_alive() for thread in threads):
            wrong += recount_file(location, repair=True, quiet=True)
        for collector in collectors:
            collector.writer.close()

        assert not wrong
        assert [collector.quarantined for collector in collectors] == [0, 0]
        sql = sql_for(open_for_writing(location))
        with closing(sql.database):
            assert dump(sql) == alone
            assert not recount(sql, *span_of_rows(sql), repair=False)
