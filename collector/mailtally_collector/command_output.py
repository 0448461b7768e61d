"""What commands that change the database beside running collectors share: writing, and showing."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import typer
from peewee import PeeweeException

from mailtally_collector.command_line import EXIT_FAILED, fail
from mailtally_collector.config import Config
from mailtally_collector.durations import SECOND_US
from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.schema_version import DatabaseRefusedError
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.transact import transact_on

T = TypeVar("T")


def write(settings: Config, work: Callable[[Sql], T]) -> T:
    """Run the work in a transaction, or say why that cannot be and leave."""
    location = settings.storage.database
    try:
        migrate(location)
        database = open_for_writing(location)
        with database.connection_context():
            return transact_on(database)(work)
    except (DatabaseRefusedError, PeeweeException) as error:
        fail([f"{location}: {error}"], EXIT_FAILED)


def print_table(lines: Sequence[Sequence[str]]) -> None:
    """Print columns beside one another, the head first."""
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON object."""
    typer.echo(json.dumps(document))


def time_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000


def iso(moment_us: int) -> str:
    """For machines: RFC 3339."""
    return datetime.fromtimestamp(moment_us / SECOND_US, UTC).isoformat(timespec="seconds")


def shown(moment_us: int) -> str:
    """For people; a dash for 0."""
    if not moment_us:
        return "-"
    return f"{datetime.fromtimestamp(moment_us / SECOND_US, UTC):%Y-%m-%d %H:%M} UTC"
