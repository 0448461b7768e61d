"""CPU a record of collector and database servers: ``make bench-distributed``.

What      The same records into one PostgreSQL and into a coordinator with two workers, from one
          process with the store's own threads. All share the machine, so that CPU time is told
          beside the wall clock; partitions are made before the clock starts.
Limits    fsync is on; there is no network between the servers.
"""

import argparse
import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.ingest_codec import decode_record
from mailtally_collector.records import Poison, Record
from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.location import Location, location_of
from mailtally_collector.store.partitions import Partitions
from mailtally_collector.store.store import Store
from tests.bench.fleet_records import FleetRecords
from tests.postgres.citus import CitusCluster
from tests.postgres.server import PostgresServer

WINDOW = 8
TICKS_A_SECOND = 100
OPTIONS = ("-c", "fsync=on", "-c", "max_connections=200", "-c", "max_wal_size=2GB")
SHARDS = ("-c", "citus.shard_count=32")
Batches = dict[str, list[list[Record | Poison]]]


def prepared(deliveries: int, size: int) -> Batches:
    """Decoded batches by server."""
    given = list(FleetRecords(deliveries).batches(size))
    now_us = max(record.key.time_us for _, part in given for record in part)
    by_server: Batches = defaultdict(list)
    for server, part in given:
        by_server[server].append([decode_record(record, now_us) for record in part])
    return by_server


def cpu_seconds(server: PostgresServer) -> float:
    """CPU time of a server's processes, those that ended too."""
    main = (server.data / "postmaster.pid").read_text().splitlines()[0]
    spent = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if main in (stat.parent.name, fields[1]):
            ended = 4 if stat.parent.name == main else 2
            spent += sum(map(int, fields[11 : 11 + ended]))
    return spent / TICKS_A_SECOND


async def all_streams(store: Store, by_server: Batches) -> None:
    """Store everything, WINDOW batches of a server at once."""

    async def stream(server: str) -> None:
        slots = asyncio.Semaphore(WINDOW)

        async def one(batch: Sequence[Record | Poison]) -> None:
            async with slots:
                await store.batch(server, batch, secrets.token_bytes(16))

        await asyncio.gather(*map(one, by_server[server]))

    await asyncio.gather(*map(stream, by_server))


def measure(name: str, location: Location, servers: list[PostgresServer], given: Batches) -> None:
    """Store and print."""
    records = sum(len(part) for parts in given.values() for part in parts)
    now_us = max(one.key.time_us for one in _records(given))
    with (database := open_for_writing(location)).connection_context():
        arrivals = {one.message.arrival_us for one in _records(given)}
        Partitions(sql_for(database)).make_sure(arrivals, now_us)
    store = Store(location, lambda: now_us, CurrentRules(None))
    store.start()
    before = [cpu_seconds(server) for server in servers]
    own, started = time.process_time(), time.perf_counter()
    asyncio.run(all_streams(store, given))
    spent = time.perf_counter() - started
    own = time.process_time() - own
    each = [cpu_seconds(server) - was for server, was in zip(servers, before, strict=True)]
    store.close()
    told = " + ".join(f"{seconds / records * 1e6:.0f}" for seconds in each)
    print(
        f"{name}: {records / spent:,.0f} records/s; CPU us a record: collector"
        f" {own / records * 1e6:.0f}, servers {told}"
    )


def _records(given: Batches) -> list[Record]:
    return [
        one for parts in given.values() for part in parts for one in part if isinstance(one, Record)
    ]


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=40_000)
    parser.add_argument("--batch", type=int, default=2_000, help="records in a batch")
    options = parser.parse_args()
    given = prepared(options.deliveries, options.batch)
    server = PostgresServer(*OPTIONS)
    server.create()
    server.start()
    location = location_of(server.new_database())
    migrate(location)
    measure("one PostgreSQL", location, [server], given)
    server.remove()
    cluster = CitusCluster(*OPTIONS, *SHARDS)
    cluster.start()
    with cluster.distributed() as location:
        measure("coordinator + 2 workers", location, cluster.nodes, given)
    cluster.remove()


if __name__ == "__main__":
    main()
