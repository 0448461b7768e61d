"""``mailtally-collector check --deep``: roll-ups and failures of a database against its rows.

Limits    Safe beside a running collector: a span of hours at a time, each in one short transaction.
          An interrupted repair leaves put right what was.
"""

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.recount import recount, span_of_rows
from mailtally_collector.store.sql import Sql

HOURS_AT_ONCE = 6


def recount_file(path: Path, *, repair: bool, quiet: bool) -> Counter[str]:
    """Count wrong rows by table, and put them right with ``repair``.

    Raises DatabaseRefusedError and peewee.PeeweeException.
    """
    migrate(path)
    database = open_for_writing(path)
    columns = (TextColumn("hours"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    wrong: Counter[str] = Counter()
    with (
        database.connection_context(),
        Progress(*columns, console=Console(stderr=True), disable=quiet) as bar,
    ):
        sql = Sql(database)
        first, end = span_of_rows(sql)
        task = bar.add_task("", total=end - first)
        for hour in range(first, end, HOURS_AT_ONCE):
            until = min(hour + HOURS_AT_ONCE, end)
            with database.atomic("IMMEDIATE" if repair else "DEFERRED"):
                wrong += recount(sql, hour, until, repair=repair)
            bar.update(task, advance=until - hour)
    return wrong
