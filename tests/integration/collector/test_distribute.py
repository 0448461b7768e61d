"""``migrate --distribute`` where it cannot be done; what it does is in tests/citus."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mailtally_collector.distribute_tables import distribute_tables
from mailtally_collector.store.database import migrate
from mailtally_collector.store.distribution import COPIED, DISTRIBUTED, KEPT
from mailtally_collector.store.location import location_of
from mailtally_collector.store.models import TABLES
from mailtally_collector.store.schema_version import DatabaseRefusedError
from tests.postgres.citus import has_citus
from tests.postgres.server import PostgresServer

COLLECTOR = Path(sys.executable).parent / "mailtally-collector"


def test_a_file_is_refused_and_not_made(tmp_path: Path) -> None:
    database = tmp_path / "c.db"
    finished = subprocess.run(
        [COLLECTOR, "migrate", "--distribute", "--database", database],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == (
        f"{database} is a SQLite file; only tables of PostgreSQL can be distributed."
        " Nothing was changed.\n"
    )
    assert not database.exists()


def test_a_server_without_the_extension_is_refused_and_left_as_it_is(
    postgres: PostgresServer,
) -> None:
    location = location_of(postgres.new_database())
    reason = "cannot be made: .*shared_preload_libraries.* No table was changed"
    if not has_citus(postgres):
        reason = r"has no extension citus\. Install .* Nothing was changed"
        with pytest.raises(DatabaseRefusedError, match=reason):
            distribute_tables(location, quiet=True)
        assert migrate(location)  # not even the tables were made
        return
    with pytest.raises(DatabaseRefusedError, match=reason):
        distribute_tables(location, quiet=True)


def test_every_table_has_its_place() -> None:
    tables: dict[str, Any] = {model._meta.table_name: model._meta for model in TABLES}  # noqa: SLF001

    assert sorted([*COPIED, *DISTRIBUTED, *KEPT]) == sorted(tables)
    for table, key in DISTRIBUTED.items():
        told = tables[table].primary_key
        names = getattr(told, "field_names", (told.name,))
        assert "server_id" in tables[table].columns
        assert (key or names) == (*names, *(("server_id",) if key else ()))
        assert "server_id" in (key or names)
