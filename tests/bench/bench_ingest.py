"""Records a second from the wire to the commit, and how long an acknowledgement takes.

What      A collector process of its own, mutual TLS, a stream for each of eight servers, batches of
          1,000 records encoded before the clock starts; commits wait for the disk; with
          classification, indexes and roll-ups. Client, collector and PostgreSQL share the machine.
Beside    The rows of messages and deliveries again, into tables without indexes: by executemany
          into SQLite, by COPY into PostgreSQL, in one process.
Paced     With ``--rate`` records are sent at that pace, in batches of what comes in a quarter of a
          second; the acknowledgements are timed.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import grpc

from mailtally.v1 import ingest_pb2, ingest_pb2_grpc
from mailtally_collector.store.database import close_reading, open_for_reading, open_for_writing
from mailtally_collector.store.dialect import is_postgres, sql_for
from mailtally_collector.store.location import Location, location_of
from mailtally_collector.store.postgres_sql import COLUMN_TYPES
from tests.bench.fleet_records import SERVERS, FleetRecords
from tests.integration.collector.test_tls import certificate, credentials, openssl
from tests.postgres.server import PostgresServer

WINDOW = 8
Batches = dict[str, list[ingest_pb2.ReportRequest]]


def prepared(deliveries: int, size: int) -> tuple[Batches, int]:
    """Requests by server, and how many records they hold."""
    by_server: Batches = defaultdict(list)
    records = 0
    for server, part in FleetRecords(deliveries).batches(size):
        batch = ingest_pb2.Batch(sequence=len(by_server[server]) + 1, records=part)
        by_server[server].append(ingest_pb2.ReportRequest(batch=batch))
        records += len(part)
    return by_server, records


async def stream(
    folder: Path,
    port: int,
    server: str,
    requests: list[ingest_pb2.ReportRequest],
    pause_seconds: float,
) -> list[float]:
    """Send all batches of one server; how long each acknowledgement took, in seconds.

    WINDOW batches are unacknowledged at most; with ``pause_seconds`` one is sent so often.
    """
    slots = asyncio.Semaphore(WINDOW)
    sent_at: list[float] = []
    waits: list[float] = []

    async def sent() -> AsyncIterator[ingest_pb2.ReportRequest]:
        hello = ingest_pb2.Hello(
            server=server, agent_version="bench", protocol_min=1, protocol_max=1
        )
        yield ingest_pb2.ReportRequest(hello=hello)
        due = time.perf_counter()
        for request in requests:
            await slots.acquire()
            due += pause_seconds
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sent_at.append(time.perf_counter())
            yield request

    async with grpc.aio.secure_channel(f"localhost:{port}", credentials(folder, server)) as channel:
        stub: Any = ingest_pb2_grpc.IngestServiceStub(channel)
        async for response in stub.Report(sent()):
            if response.WhichOneof("kind") == "acknowledgement":
                waits.append(time.perf_counter() - sent_at[len(waits)])
                slots.release()
    return waits


async def all_streams(
    folder: Path, port: int, by_server: Batches, pause_seconds: float
) -> list[float]:
    """Send everything; all waits."""
    waits = await asyncio.gather(
        *(stream(folder, port, name, by_server[name], pause_seconds) for name in by_server)
    )
    return sorted(chain.from_iterable(waits))


def collector(folder: Path, database: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a collector with certificates of its own; the process and its port."""
    new_key = ("-newkey", "rsa:2048", "-nodes", "-keyout", folder / "ca.key")
    openssl("req", "-x509", *new_key, "-subj", "/CN=ca", "-days", "2", "-out", folder / "ca.pem")
    for name in ("localhost", *(f"mx{one}" for one in range(SERVERS))):
        certificate(folder, name)
    config, port_file = folder / "collector.toml", folder / "port"
    config.write_text(
        f'[listen]\naddress = "127.0.0.1:0"\n[storage]\ndatabase = "{database}"\n[tls]\n'
        f'certificate_file = "{folder}/localhost.pem"\nkey_file = "{folder}/localhost.key"\n'
        f'client_ca_file = "{folder}/ca.pem"\n[log]\nlevel = "warning"\n'
    )
    program = Path(sys.executable).parent / "mailtally-collector"
    process = subprocess.Popen([program, "run", "--config", config, "--port-file", port_file])
    while not port_file.exists():
        time.sleep(0.05)
    return process, int(port_file.read_text())


def rows_of(database: Location) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of messages and deliveries."""
    opened = open_for_reading(database)
    with opened.connection_context():
        sql = sql_for(opened)
        rows = {
            table: sql.run(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - a constant
            for table in ("message", "delivery")
        }
    close_reading(opened)
    return rows


def bare(database: Location, folder: Path) -> tuple[float, int]:
    """Seconds to write the rows of messages and deliveries again into tables without indexes."""
    tables = rows_of(database)
    spent = 0.0
    target = open_for_writing(folder / "bare.db" if isinstance(database, Path) else database)
    with target.connection_context():
        for table, rows in tables.items():
            name = f"bare_{table}"
            columns = COLUMN_TYPES[table]
            made = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            sql_for(target).run(f"CREATE TABLE {name} ({made})")
            spent += _write(target, name, rows, list(columns.values()))
    return spent, sum(map(len, tables.values()))


def _write(target: Any, name: str, rows: list[tuple[Any, ...]], types: list[str]) -> float:
    """Seconds for the rows, a thousand in a transaction."""
    marks = ", ".join("?" * len(types))
    started = time.perf_counter()
    for at in range(0, len(rows), 1_000):
        with target.atomic():
            if not is_postgres(target):
                statement = f"INSERT INTO {name} VALUES ({marks})"  # noqa: S608 - a constant
                target.cursor().executemany(statement, rows[at : at + 1_000])
                continue
            with target.cursor().copy(f"COPY {name} FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(types)
                for row in rows[at : at + 1_000]:
                    copy.write_row(row)
    return time.perf_counter() - started


def size_of(database: Location) -> int:
    """Bytes of all tables with their indexes."""
    if isinstance(database, Path):
        return database.stat().st_size
    opened = open_for_reading(database)
    with opened.connection_context():
        row = sql_for(opened).run("SELECT pg_database_size(current_database())").fetchone()
    close_reading(opened)
    return int(row[0])


@contextmanager
def located(kind: str, folder: Path) -> Iterator[tuple[Location, str]]:
    """Where to store, and how a configuration names it."""
    if kind == "sqlite":
        yield folder / "c.db", str(folder / "c.db")
        return
    server = PostgresServer("-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB")
    server.create()
    server.start()
    try:
        uri = server.new_database()
        yield location_of(uri), uri
    finally:
        server.remove()


def main() -> None:
    """Print records, deliveries and rows a second, and bytes a delivery."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=1_000, help="records in a batch")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--rate", type=int, default=0, help="records a second; 0 for all it takes")
    options = parser.parse_args()
    size = options.batch
    pause_seconds = 0.0
    if options.rate:
        pause_seconds = 0.25
        size = max(1, int(options.rate * pause_seconds / SERVERS))
    by_server, records = prepared(options.deliveries, size)
    with (
        tempfile.TemporaryDirectory() as name,
        located(options.database, folder := Path(name)) as (location, named),
    ):
        process, port = collector(folder, named)
        started = time.perf_counter()
        waits = asyncio.run(all_streams(folder, port, by_server, pause_seconds))
        spent = time.perf_counter() - started
        process.terminate()
        process.wait()
        print(f"{records:,} records, {options.deliveries:,} deliveries in {spent:.1f} s")
        print(f"{records / spent:,.0f} records/s, {options.deliveries / spent:,.0f} deliveries/s")
        middle, tail = waits[len(waits) // 2], waits[int(len(waits) * 0.95)]
        print(f"acknowledged after {1_000 * middle:.0f} ms (p50), {1_000 * tail:.0f} ms (p95)")
        print(f"{size_of(location) / options.deliveries:.0f} bytes a delivery")
        if not options.rate:
            seconds, rows = bare(location, folder)
            how = "executemany" if isinstance(location, Path) else "COPY"
            print(f"bare {how} of its {rows:,} rows: {seconds:.1f} s; ratio {seconds / spent:.2f}")


if __name__ == "__main__":
    main()
