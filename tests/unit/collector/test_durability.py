"""A commit is on disk when it returns: what the writer's connection is set to."""

from pathlib import Path

import pytest

from mailtally_collector.store.database import migrate, open_for_writing


@pytest.mark.parametrize(
    ("pragma", "value"), [("synchronous", 2), ("journal_mode", "wal"), ("foreign_keys", 1)]
)
def test_writer_is_durable(pragma: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "collector.db"
    migrate(path)
    database = open_for_writing(path)

    with database.connection_context():
        assert getattr(database, pragma) == value


def test_database_is_for_the_collector_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "collector.db"
    migrate(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
