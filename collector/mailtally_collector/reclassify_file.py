"""``mailtally-collector reclassify``: the verdicts of a database follow the rules, by hand.

Limits    Safe beside a running collector: each step is one short transaction. An interrupted run
          leaves done what was done.
"""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.dialect import sql_for, writing
from mailtally_collector.store.location import Location
from mailtally_collector.store.reclassify import count_old, reclassify_some
from mailtally_collector.store.sql import Sql


def reclassify_file(location: Location, rules: CurrentRules, *, quiet: bool) -> int:
    """Judge again what other rules judged; how many replies. Raises DatabaseRefusedError."""
    migrate(location)
    database = open_for_writing(location)
    columns = (TextColumn("replies"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        database.connection_context(),
        Progress(*columns, console=Console(stderr=True), disable=quiet) as bar,
    ):
        sql = sql_for(database)
        task = bar.add_task("", total=count_old(sql, rules.rules))
        done = 0
        while some := _step(sql, rules):
            done += some
            bar.update(task, advance=some)
    return done


def _step(sql: Sql, rules: CurrentRules) -> int:
    with writing(sql.database):
        return reclassify_some(sql, rules.rules)
