"""A PostgreSQL that cannot be used: a sentence that says why, at the start and from check."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mailtally_collector.store import postgres_fitness
from mailtally_collector.store.database import applied_migrations, migrate
from mailtally_collector.store.location import location_of
from mailtally_collector.store.schema_version import DatabaseRefusedError, known_migrations
from tests.conftest import TEMPLATE
from tests.e2e.processes import run
from tests.integration.collector.reports import story
from tests.integration.collector.tables import Tables
from tests.postgres.server import PostgresServer

Made = Callable[[PostgresServer], str]


def wrong_password(server: PostgresServer) -> str:
    """All connections of this role need a password; the tests' other roles are trusted."""
    server.psql("postgres", "CREATE ROLE careful LOGIN PASSWORD 'right'")
    rules = server.data / "pg_hba.conf"
    rules.write_text("local all careful scram-sha-256\n" + rules.read_text())
    server.psql("postgres", "SELECT pg_reload_conf()")
    return server.new_database(TEMPLATE).replace("postgres@", "careful:wrong@")


def no_such_database(server: PostgresServer) -> str:
    return server.uri("nowhere")


def no_such_role(server: PostgresServer) -> str:
    return server.new_database(TEMPLATE).replace("postgres@", "nobody@")


def no_rights(server: PostgresServer) -> str:
    server.psql("postgres", "CREATE ROLE weak LOGIN")
    return server.new_database().replace("postgres@", "weak@")


def tables_of_another_role(server: PostgresServer) -> str:
    server.psql("postgres", "CREATE ROLE stranger LOGIN")
    uri = server.new_database(TEMPLATE)
    server.ask(uri, "GRANT ALL ON SCHEMA public TO stranger")
    return uri.replace("postgres@", "stranger@")


def another_program(server: PostgresServer) -> str:
    uri = server.new_database()
    server.ask(uri, "CREATE TABLE tickets (id int)")
    return uri


def newer_schema(server: PostgresServer) -> str:
    uri = server.new_database(TEMPLATE)
    server.ask(
        uri,
        "CREATE TEMP TABLE one AS SELECT * FROM schema_migration LIMIT 1;"
        " UPDATE one SET id = 9999, name = '9999_future';"
        " INSERT INTO schema_migration SELECT * FROM one",
    )
    return uri


def read_only(server: PostgresServer) -> str:
    uri = server.new_database(TEMPLATE)
    name = server.ask(uri, "SELECT current_database()")
    server.psql("postgres", f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    return uri


def other_encoding(server: PostgresServer) -> str:
    server.psql(
        "postgres",
        "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    return server.uri("ascii")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (wrong_password, 'password authentication failed for user "careful"'),
        (no_such_database, 'database "nowhere" does not exist'),
        (no_such_role, 'role "nobody" does not exist'),
        (no_rights, "lets the role weak make no tables"),
        (tables_of_another_role, "has tables of the role postgres"),
        (another_program, "has tables of another program"),
        (newer_schema, "written by a newer version"),
        (read_only, "is read-only"),
        (other_encoding, "is not encoded in UTF8"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused_in_one_line(
    postgres: PostgresServer, made: Made, words: str
) -> None:
    location = location_of(made(postgres))
    for look in (migrate, applied_migrations):
        with pytest.raises(DatabaseRefusedError) as refused:
            look(location)
        assert words in str(refused.value)
        assert "\n" not in str(refused.value)
        assert "wrong" not in str(refused.value)


def test_a_role_needs_no_more_than_to_own_the_database(postgres: PostgresServer) -> None:
    postgres.psql("postgres", "CREATE ROLE mailtally LOGIN")
    postgres.psql("postgres", "CREATE DATABASE owned OWNER mailtally TEMPLATE template0")
    location = location_of(postgres.uri("owned").replace("postgres@", "mailtally@"))
    with closing(Tables(location)) as tables:
        assert tables.store(story()).stored == len(story())
    assert applied_migrations(location) == known_migrations()


def test_start_and_check_say_it_and_exit_1(tmp_path: Path) -> None:
    nobody = "postgresql://mailtally:secret@/mailtally?host=/nonexistent"
    config = tmp_path / "c.toml"
    config.write_text(
        f"[storage]\ndatabase = {json.dumps(nobody)}\n[listen]\naddress='[::1]:0'\ninsecure=true\n"
    )
    for command in ("run", "check", "migrate"):
        done = run("mailtally-collector", command, "--config", str(config))
        told = done.stdout + done.stderr
        assert done.returncode == 1, told
        (line,) = [line for line in told.splitlines() if "/nonexistent" in line]
        assert "Traceback" not in told
        assert "secret" not in told
        assert "No such file" in line


def test_a_server_that_is_too_old_is_refused(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest that is taken is made a future one: no older server can be had."""
    monkeypatch.setattr(postgres_fitness, "OLDEST_VERSION", 990_000)
    with pytest.raises(DatabaseRefusedError, match="or newer is needed"):
        migrate(location_of(postgres.new_database()))


@pytest.fixture
def standby(cluster: PostgresServer) -> Iterator[PostgresServer]:
    follower = PostgresServer("-c", "fsync=off")
    follower.create_standby(cluster)
    follower.start()
    yield follower
    follower.remove()


def test_a_standby_is_refused(standby: PostgresServer) -> None:
    for look in (migrate, applied_migrations):
        with pytest.raises(DatabaseRefusedError, match="is a standby"):
            look(location_of(standby.uri("postgres")))
