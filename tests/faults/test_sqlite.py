"""The database file fails: nothing is acknowledged that is not stored, and it says what is wrong.

Whatever happens to the file, the totals equal the ledger when it has healed, by itself or by what
the documentation says to do.
"""

import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import grpc
import pytest

from tests.corpus.bundled import BUNDLED
from tests.e2e.processes import (
    BIN,
    Agent,
    Collector,
    bundled_log,
    date_like_bundled,
    ledger_by_state,
    run,
)
from tests.e2e.slow_log import write_slowly
from tests.faults.injection import failing

SECONDS = 40.0


def until(holds: Callable[[], bool], collector: Collector) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, collector.output.read_text()[-3_000:]
        time.sleep(0.05)


def said(collector: Collector, words: str) -> bool:
    return words in collector.output.read_text()


def totals(collector: Collector) -> dict[str, int]:
    query = collector.query()
    with closing(query):
        return query.by_state()


def equals_the_ledger(collector: Collector) -> bool:
    with suppress(grpc.RpcError):
        return totals(collector) == ledger_by_state()
    return False


def database_of(collector: Collector) -> Path:
    return collector.folder / "collector.db"


def ended(collector: Collector) -> int:
    """Exit status of a collector that ends by itself."""
    assert collector.process is not None
    return collector.process.wait(SECONDS)


def last_line(collector: Collector) -> str:
    return collector.output.read_text().splitlines()[-1]


def half_a_log(folder: Path) -> Path:
    """The first half of the bundled log, in whole lines."""
    log = folder / "mail.log"
    content = BUNDLED.log.read_bytes()
    log.write_bytes(content[: content.index(b"\n", len(content) // 2) + 1])
    date_like_bundled(log)
    return log


def write_the_rest(log: Path) -> None:
    with log.open("ab") as file:
        file.write(BUNDLED.log.read_bytes()[log.stat().st_size :])
    date_like_bundled(log)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("ENOSPC", "database or disk is full"),
        ("EDQUOT", "disk I/O error"),
        ("EROFS", "disk I/O error"),
        ("EIO", "disk I/O error"),
    ],
)
def test_nothing_can_be_written_for_a_while(
    collector: Collector, tmp_path: Path, error: str, words: str
) -> None:
    log = half_a_log(tmp_path)
    agent = Agent(tmp_path, collector.address, log)
    agent.run_until_end()
    before = totals(collector)
    assert collector.process is not None
    with failing(collector.process.pid, "pwrite64", error):
        write_the_rest(log)
        agent.start()
        until(lambda: said(collector, words), collector)
        time.sleep(1)
        assert totals(collector) == before
    line = next(one for one in collector.output.read_text().splitlines() if words in one)
    assert f"write failed database={database_of(collector)}" in line
    until(lambda: equals_the_ledger(collector), collector)
    assert collector.process.poll() is None


def test_another_program_holds_the_lock_for_longer_than_it_is_waited_for(
    collector: Collector, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    with closing(sqlite3.connect(database_of(collector), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        agent.start()
        until(lambda: said(collector, "database is locked"), collector)
        assert totals(collector) == {}
        other.execute("ROLLBACK")
    until(lambda: equals_the_ledger(collector), collector)


def test_a_file_that_may_not_be_written(collector: Collector, tmp_path: Path) -> None:
    """Root may write all files, unless it gave that right away."""
    collector.end()
    database = database_of(collector)
    database.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
        command += [
            str(BIN / "mailtally-collector"),
            "run",
            "--insecure",
            "--database",
            str(database),
        ]
        done = subprocess.run(
            [*command, "--listen", "127.0.0.1:0"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        tmp_path.chmod(0o700)
        database.chmod(0o600)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{database} cannot be ")
    assert done.stderr.count("\n") == 1
    collector.start()
    Agent(tmp_path, collector.address, bundled_log(tmp_path)).run_until_end()
    assert equals_the_ledger(collector)


def test_a_damaged_file_ends_the_collector_and_a_new_one_is_filled_again(
    collector: Collector, tmp_path: Path
) -> None:
    log = half_a_log(tmp_path)
    agent = Agent(tmp_path, collector.address, log)
    agent.run_until_end()
    collector.end()
    database = database_of(collector)
    with closing(sqlite3.connect(database)) as connection:
        pages = [
            page
            for (page,) in connection.execute(
                "SELECT rootpage FROM sqlite_master WHERE tbl_name IN ('server', 'message')"
            )
        ]
    content = bytearray(database.read_bytes())
    for page in pages:
        content[(page - 1) * 4096 : page * 4096] = b"\x55" * 4096
    database.write_bytes(content)
    collector.start()
    write_the_rest(log)
    agent.start()
    assert ended(collector) == 1
    assert last_line(collector) == (
        f"{database} is damaged (database disk image is malformed); restore it from a backup"
    )
    assert "Traceback" not in collector.output.read_text()
    for name in ("collector.db", "collector.db-wal", "collector.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    collector.start()
    until(lambda: equals_the_ledger(collector), collector)


@pytest.mark.parametrize("fate", ["deleted", "replaced"])
def test_a_file_that_loses_its_name_ends_the_collector(
    collector: Collector, tmp_path: Path, fate: str
) -> None:
    log = half_a_log(tmp_path)
    agent = Agent(tmp_path, collector.address, log)
    agent.run_until_end()
    database, older = database_of(collector), tmp_path / "older.db"
    assert (
        run("mailtally-collector", "backup", str(older), "--database", str(database)).returncode
        == 0
    )
    write_the_rest(log)
    if fate == "deleted":
        database.unlink()
    else:
        older.rename(database)
    agent.start()
    assert ended(collector) == 1
    expected = "was deleted or moved" if fate == "deleted" else "was replaced by another file"
    assert last_line(collector) == f"{database} {expected} while it was in use"
    for name in ("collector.db-wal", "collector.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    collector.start()
    until(lambda: equals_the_ledger(collector), collector)


def test_a_disk_that_does_not_keep_what_it_was_given_ends_the_collector(
    collector: Collector, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    assert collector.process is not None
    with failing(collector.process.pid, "fdatasync,fsync", "EIO"):
        agent.start()
        assert ended(collector) == 1
    database = database_of(collector)
    assert last_line(collector).startswith(
        f"{database}: the disk did not keep what was written (disk I/O error)"
    )
    collector.start()
    until(lambda: equals_the_ledger(collector), collector)


@pytest.mark.parametrize("seed", range(3))
def test_an_older_backup_is_restored_and_agents_report_the_rest_again(
    collector: Collector, tmp_path: Path, seed: int
) -> None:
    """The backup is made while the agent reports what is being written."""
    random = Random(seed)  # noqa: S311
    log = tmp_path / "mail.log"
    agent = Agent(tmp_path, collector.address, log)
    agent.start()
    writer = threading.Thread(
        target=write_slowly,
        args=(log, BUNDLED.log.read_bytes(), Random(seed), 8, date_like_bundled),  # noqa: S311
    )
    writer.start()
    until(lambda: bool(totals(collector)), collector)
    time.sleep(random.uniform(0, 1))
    database, copy = database_of(collector), tmp_path / "copy.db"
    made = run("mailtally-collector", "backup", str(copy), "--database", str(database))
    assert made.returncode == 0, made.stderr
    writer.join()
    until(lambda: equals_the_ledger(collector), collector)
    agent.end()
    collector.end()
    for name in ("collector.db", "collector.db-wal", "collector.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    copy.rename(database)
    collector.start()
    assert 0 < sum(totals(collector).values()) < sum(ledger_by_state().values())
    agent.start()
    until(lambda: equals_the_ledger(collector), collector)
    command = ["check", "--insecure", "--deep", "--database", str(database)]
    command += ["--listen", collector.address]
    assert "ok  roll-ups: equal to the rows" in run("mailtally-collector", *command).stdout
