"""A PostgreSQL server for benchmarks: settings of a small real one, its data kept in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.postgres.server import PostgresServer

SETTINGS = {
    "shared_buffers": "1GB",
    "effective_cache_size": "8GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "fsync": "on",
}


@contextmanager
def cluster(folder: Path) -> Iterator[PostgresServer]:
    """Run the server whose data lies in the folder; it is made at first, and kept."""
    options = (word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}"))
    server = PostgresServer(*options, folder=folder)
    if not server.data.exists():
        server.create()
    if (server.data / "postmaster.pid").exists():
        with suppress(RuntimeError):  # it does not run: its machine went down
            server.stop()  # it does: a benchmark was killed
    server.start()
    try:
        yield server
    finally:
        server.stop()
