"""``mailtally-collector check --deep``: roll-ups and failures of a database against its rows.

Limits    Safe beside a running collector: a day at a time, each in one short transaction.
          An interrupted repair leaves put right what was.
"""

from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.dialect import sql_for, writing
from mailtally_collector.store.location import Location
from mailtally_collector.store.recount import recount, span_of_rows


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
            with writing(database) if repair else database.atomic():
                wrong += recount(sql, day, day + 1, repair=repair)
            bar.update(task, advance=1)
    return wrong
