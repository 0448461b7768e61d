"""``mailtally-collector check --deep``: roll-ups and failures of a database against its rows.

Limits    Safe beside a running collector: a day at a time, each in one short transaction.
          An interrupted repair leaves put right what was.
"""

from collections import Counter
from itertools import count

from peewee import Database, PeeweeException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.dialect import is_postgres, one_moment, sql_for, writing
from mailtally_collector.store.failures import is_conflict
from mailtally_collector.store.location import Location
from mailtally_collector.store.recount import recount, span_of_rows
from mailtally_collector.store.sql import Sql

TRIES = 20


def recount_file(location: Location, *, repair: bool, quiet: bool) -> Counter[str]:
    """Count wrong rows by table, and put them right with ``repair``.

    Raises DatabaseRefusedError and peewee.PeeweeException.
    """
    migrate(location)
    database = open_for_writing(location)
    columns = (TextColumn("days"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    wrong: Counter[str] = Counter()
    with (
        database.connection_context(),
        Progress(*columns, console=Console(stderr=True), disable=quiet) as bar,
    ):
        sql = sql_for(database)
        first, end = span_of_rows(sql)
        task = bar.add_task("", total=end - first)
        for day in range(first, end):
            wrong += _recount_day(database, sql, day, repair=repair)
            bar.update(task, advance=1)
    return wrong


def _recount_day(database: Database, sql: Sql, day: int, *, repair: bool) -> Counter[str]:
    """Recount in one transaction; from the beginning when another collector changed the same."""
    alone = repair and not is_postgres(database)
    for attempt in count(1):
        try:
            with writing(database) if alone else one_moment(database):
                return recount(sql, day, day + 1, repair=repair)
        except PeeweeException as error:
            if attempt == TRIES or not is_conflict(error):
                raise
    raise AssertionError
