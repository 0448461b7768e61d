"""PostgreSQL's disk is full: nothing is acknowledged, and ingest goes on when there is room."""

import os
import pwd
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Collector
from tests.faults.exchange import HOSTS
from tests.faults.fleet import BUNDLED_SERVER, Fleet, answers
from tests.postgres.server import USER, PostgresServer

DISK_BYTES = 64 << 20
SMALL = "small"


@pytest.fixture
def disk(cluster: PostgresServer) -> Iterator[Path]:
    """A small file system of the server's, with a table space SMALL; needs root."""
    folder = cluster.folder / "disk"
    folder.mkdir()
    account = pwd.getpwnam(USER) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    options = f"size={DISK_BYTES},uid={account.pw_uid},gid={account.pw_gid},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    cluster.psql("postgres", f"CREATE TABLESPACE {SMALL} LOCATION '{folder}'")
    yield folder
    cluster.stop("immediate")
    subprocess.run(["umount", folder], check=True)


def fill(path: Path) -> None:
    """Take all room that is left."""
    with path.open("wb", buffering=0) as file:
        block = b"\0" * (1 << 20)
        while block:
            try:
                file.write(block)
            except OSError:
                block = block[: len(block) // 2] if len(block) > 1 else b""


def test_nothing_is_acknowledged_while_the_disk_is_full(
    cluster: PostgresServer, disk: Path, tmp_path: Path
) -> None:
    uri = cluster.new_database()
    name = cluster.ask(uri, "SELECT current_database()")
    collector = Collector(tmp_path, database=uri)
    cluster.psql("postgres", f"ALTER DATABASE {name} SET TABLESPACE {SMALL}")
    collector.start()
    ballast = disk / "ballast"
    fill(ballast)
    fleet = Fleet(tmp_path, 5, 200, dict.fromkeys((*HOSTS, BUNDLED_SERVER), collector.address))
    fleet.start()
    fleet.write(random.Random(5), 1.0)  # noqa: S311 - repeatable
    deadline = time.monotonic() + 20
    while "No space left on device" not in collector.output.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    assert cluster.ask(uri, "SELECT count(*) FROM ack_token") == "0"
    assert cluster.ask(uri, "SELECT count(*) FROM quarantine") == "0"
    assert answers(collector.address) is None

    ballast.unlink()
    fleet.finish()
    fleet.assert_equal(collector.address)
    assert cluster.ask(uri, "SELECT count(*) FROM quarantine") == "0"
