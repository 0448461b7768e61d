"""The process: what it says and how it exits when it cannot start, and when it is told to stop."""

import asyncio
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from playhouse.schema_diff import diff_models  # type: ignore[import-untyped]

from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.models import TABLES
from mailtally_collector.store.schema_version import NewerDatabaseError
from tests.integration.collector.conftest import collector, port_in
from tests.integration.collector.reports import story
from tests.integration.collector.wire import agent_at

PARTIAL_INDEXES = {
    *("message_untried", "message_origin", "link_child"),
    *("delivery_original", "message_untried_domain", "failure_not_bounced"),
}
COLLECTOR = Path(sys.executable).parent / "mailtally-collector"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COLLECTOR, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def newer(database: Path) -> bytes:
    migrate(database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01')"
        )
        connection.commit()
        connection.execute("PRAGMA journal_mode = delete")
    return database.read_bytes()


def test_a_newer_database_is_refused_untouched(tmp_path: Path) -> None:
    database = tmp_path / "c.db"
    before = newer(database)
    with pytest.raises(NewerDatabaseError):
        migrate(database)
    finished = run("run", "--database", database, "--listen", "127.0.0.1:0")

    assert finished.returncode == 1
    assert finished.stderr == (
        f"{database} was written by a newer version of mailtally-collector (it has migration"
        " 9999_later); install that version again. Nothing was changed.\n"
    )
    assert database.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["c.db"]


def test_a_file_that_is_no_database_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("This is not a database. " * 100)
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE other (id INTEGER)")
    for name, words in (("text.db", "not a database"), ("other.db", "another program")):
        finished = run("run", "--database", tmp_path / name, "--listen", "127.0.0.1:0")
        assert (finished.returncode, finished.stderr.count("\n")) == (1, 1)
        assert words in finished.stderr


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        finished = run("run", "--insecure", "--database", tmp_path / "c.db", "--listen", address)
        checked = run("check", "--insecure", "--database", tmp_path / "c.db", "--listen", address)

    assert finished.returncode == 1
    assert f"{address} cannot be listened on" in finished.stderr.splitlines()[-1]
    assert "Traceback" not in finished.stderr
    assert checked.returncode == 1
    assert f"FAIL  port: {address}: Address already in use" in checked.stdout


async def test_two_collectors_do_not_share_a_port(tmp_path: Path) -> None:
    async with collector(tmp_path / "one.db") as address:
        finished = await asyncio.to_thread(
            run, "run", "--insecure", "--database", tmp_path / "two.db", "--listen", address
        )
        checked = await asyncio.to_thread(
            run, "check", "--insecure", "--database", tmp_path / "one.db", "--listen", address
        )
    assert finished.returncode == 1
    assert "cannot be listened on" in finished.stderr
    assert checked.returncode == 0
    assert f"ok  port: a collector answers on {address}" in checked.stdout


def test_a_bad_configuration_exits_78(tmp_path: Path) -> None:
    config = tmp_path / "collector.toml"
    config.write_text('[listen]\nadress = "x"\n')
    finished = run("run", "--config", config)
    assert finished.returncode == 78
    assert finished.stderr == (
        f"{config}:2: listen.adress: unknown key; did you mean listen.address?\n"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_0_and_what_was_acknowledged_is_there(
    tmp_path: Path, number: signal.Signals
) -> None:
    database, port_file = tmp_path / "new" / "c.db", tmp_path / "port"
    command: list[str | Path] = [
        COLLECTOR,
        "run",
        "--insecure",
        "--database",
        database,
        "--listen",
        "127.0.0.1:0",
    ]
    process = await asyncio.create_subprocess_exec(
        *command, "--port-file", port_file, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    async with agent_at(f"127.0.0.1:{await port_in(port_file)}") as agent:
        await agent.hello()
        assert (await agent.store(story())).stored == len(story())
        began = time.monotonic()
        process.send_signal(number)
        _, output = await process.communicate()
    assert process.returncode == 0, output
    assert time.monotonic() - began < 4
    assert b"listening address=127.0.0.1:" in output
    assert b"Traceback" not in output
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT sum(attempts) FROM delivery").fetchone() == (10,)
    assert database.parent.stat().st_mode & 0o777 == 0o700
    assert database.stat().st_mode & 0o777 == 0o600


def test_a_missing_extra_is_one_line() -> None:
    program = (
        "import sys; sys.modules['peewee'] = None; sys.modules['typer'] = None\n"
        "from mailtally_collector.entry import collector; collector()"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert finished.stderr == (
        "mailtally-collector needs the extra: pip install 'mailtally[collector]'\n"
    )


def test_version_and_migrate(tmp_path: Path) -> None:
    assert run("--version").stdout.startswith("mailtally-collector ")
    database = tmp_path / "c.db"
    assert run("migrate", "--database", database).stdout == (
        f"applied 0001_initial\n{database} is up to date\n"
    )
    assert run("migrate", "--database", database).stdout == f"{database} is up to date\n"
    assert run("check", "--database", database, "--listen", "127.0.0.1:0").returncode == 0


def test_a_damaged_database_is_found_by_check(tmp_path: Path) -> None:
    database = tmp_path / "c.db"
    migrate(database)
    content = bytearray(database.read_bytes())
    content[8192:12288] = b"\x55" * 4096
    database.write_bytes(content)
    finished = run("check", "--database", database, "--listen", "127.0.0.1:0")
    assert finished.returncode == 1
    assert "FAIL" in finished.stdout
    assert "Traceback" not in finished.stderr


def test_migrations_make_what_the_models_say(tmp_path: Path) -> None:
    migrate(tmp_path / "c.db")
    database = open_for_writing(tmp_path / "c.db")
    with database.connection_context(), database.bind_ctx(list(TABLES)):
        difference = diff_models(database, list(TABLES))
    # Models cannot express partial indexes.
    assert {index.name for index in difference.drop_indexes} == PARTIAL_INDEXES
    assert not difference._replace(drop_indexes=[])


def test_two_that_migrate_at_once_take_turns(tmp_path: Path) -> None:
    command: list[str | Path] = [COLLECTOR, "migrate", "--database", tmp_path / "c.db"]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    finished = [(process.communicate(timeout=60), process.returncode) for process in started]
    assert [code for _, code in finished] == [0, 0, 0, 0], finished
    applied = [output for (output, _), _ in finished if "applied" in output]
    assert len(applied) == 1
