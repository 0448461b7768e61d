"""The invented fleet, stored the real way: what bench_data.py multiplies.

Gives     ``store_base``: a SQLite file as a collector would have written it, and the same one for
          the same number of deliveries.
"""

from collections.abc import Callable
from pathlib import Path

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.ingest_codec import decode_record
from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.dialect import sql_for, writing
from mailtally_collector.store.write_batch import Batch, BatchStore
from tests.bench.fleet_records import END_US, FleetRecords

RECORDS_AT_ONCE = 10_000


def store_base(path: Path, deliveries: int, progress: Callable[[int], None]) -> None:
    """Store so many deliveries; ``progress`` is told how many records each batch had."""
    migrate(path)
    database = open_for_writing(path)
    batches = BatchStore(database, CurrentRules(None))
    with database.connection_context():
        sql_for(database).run("PRAGMA synchronous = off")
        for number, (server, records) in enumerate(
            FleetRecords(deliveries).batches(RECORDS_AT_ONCE)
        ):
            decoded = [decode_record(record, END_US) for record in records]
            batch = Batch(server, decoded, number.to_bytes(16), END_US)
            with writing(database):
                batches.store([batch])
            progress(len(records))
        sql_for(database).run("PRAGMA wal_checkpoint(truncate)")
