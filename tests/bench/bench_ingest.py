"""Records a second from the wire to the commit: ``make bench-ingest``.

What      A collector process of its own, mutual TLS, a stream for each of eight servers, batches of
          1,000 records encoded before the clock starts; synchronous=FULL, with classification,
          indexes and roll-ups. Client and collector share the machine.
Beside    The same number of rows of the same table, without indexes, by executemany in one process.
"""

import argparse
import asyncio
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc

from mailtally.v1 import ingest_pb2, ingest_pb2_grpc
from tests.bench.fleet_records import SERVERS, FleetRecords
from tests.integration.collector.test_tls import certificate, credentials, openssl

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
    folder: Path, port: int, server: str, requests: list[ingest_pb2.ReportRequest]
) -> None:
    """Send all batches of one server, WINDOW of them unacknowledged at most."""
    slots = asyncio.Semaphore(WINDOW)

    async def sent() -> AsyncIterator[ingest_pb2.ReportRequest]:
        hello = ingest_pb2.Hello(
            server=server, agent_version="bench", protocol_min=1, protocol_max=1
        )
        yield ingest_pb2.ReportRequest(hello=hello)
        for request in requests:
            await slots.acquire()
            yield request

    async with grpc.aio.secure_channel(f"localhost:{port}", credentials(folder, server)) as channel:
        stub: Any = ingest_pb2_grpc.IngestServiceStub(channel)
        async for response in stub.Report(sent()):
            if response.WhichOneof("kind") == "acknowledgement":
                slots.release()


async def all_streams(folder: Path, port: int, by_server: Batches) -> None:
    """Send everything."""
    await asyncio.gather(*(stream(folder, port, name, by_server[name]) for name in by_server))


def collector(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a collector with certificates of its own; the process and its port."""
    new_key = ("-newkey", "rsa:2048", "-nodes", "-keyout", folder / "ca.key")
    openssl("req", "-x509", *new_key, "-subj", "/CN=ca", "-days", "2", "-out", folder / "ca.pem")
    for name in ("localhost", *(f"mx{one}" for one in range(SERVERS))):
        certificate(folder, name)
    config, port_file = folder / "collector.toml", folder / "port"
    config.write_text(
        f'[listen]\naddress = "127.0.0.1:0"\n[storage]\ndatabase = "{folder}/c.db"\n[tls]\n'
        f'certificate_file = "{folder}/localhost.pem"\nkey_file = "{folder}/localhost.key"\n'
        f'client_ca_file = "{folder}/ca.pem"\n[log]\nlevel = "warning"\n'
    )
    program = Path(sys.executable).parent / "mailtally-collector"
    process = subprocess.Popen([program, "run", "--config", config, "--port-file", port_file])
    while not port_file.exists():
        time.sleep(0.05)
    return process, int(port_file.read_text())


def bare(database: Path, folder: Path) -> tuple[float, int]:
    """Seconds to write the rows of messages and deliveries again into tables without indexes."""
    spent, count = 0.0, 0
    source = sqlite3.connect(database)
    target = sqlite3.connect(folder / "bare.db")
    target.execute("PRAGMA journal_mode = wal")
    target.execute("PRAGMA synchronous = full")
    for table in ("message", "delivery"):
        rows = source.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - a constant
        target.execute(f"CREATE TABLE {table} ({', '.join(f'c{n}' for n in range(len(rows[0])))})")
        marks = ", ".join("?" * len(rows[0]))
        started = time.perf_counter()
        for at in range(0, len(rows), 1_000):
            with target:
                target.executemany(f"INSERT INTO {table} VALUES ({marks})", rows[at : at + 1_000])  # noqa: S608
        spent += time.perf_counter() - started
        count += len(rows)
    return spent, count


def main() -> None:
    """Print records, deliveries and rows a second, and bytes a delivery."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=1_000, help="records in a batch")
    options = parser.parse_args()
    by_server, records = prepared(options.deliveries, options.batch)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process, port = collector(folder)
        started = time.perf_counter()
        asyncio.run(all_streams(folder, port, by_server))
        spent = time.perf_counter() - started
        process.terminate()
        process.wait()
        size = (folder / "c.db").stat().st_size
        seconds, rows = bare(folder / "c.db", folder)
    print(f"{records:,} records, {options.deliveries:,} deliveries in {spent:.1f} s")
    print(f"{records / spent:,.0f} records/s, {options.deliveries / spent:,.0f} deliveries/s")
    print(f"{size / options.deliveries:.0f} bytes a delivery")
    print(f"bare executemany of its {rows:,} rows: {seconds:.1f} s; ratio {seconds / spent:.2f}")


if __name__ == "__main__":
    main()
