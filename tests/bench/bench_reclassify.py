"""How long stored failures take to follow new rules: ``make bench-reclassify``.

Imports so many refused deliveries into a new database, adds rules of an operator's, and judges the
stored replies again. What is quoted is that time, beside the number of deliveries and of replies.
"""

import argparse
import tempfile
import time
from pathlib import Path

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.store.reclassify import reclassify_some
from mailtally_collector.store.sql import Sql
from tests.integration.collector.test_reclassify import by_reason, imported, operator_rules


def main() -> None:
    """Print deliveries, replies and seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        tables = imported(Path(folder, "c.db"), CurrentRules(None), options.deliveries)
        print(
            f"imported {options.deliveries:,} deliveries in {time.perf_counter() - started:.1f} s"
        )
        new = operator_rules(Path(folder, "rules.d"))
        sql = Sql(tables.database)
        started = time.perf_counter()
        replies = 0
        while some := _step(sql, new):
            replies += some
        print(f"judged {replies:,} replies again in {time.perf_counter() - started:.3f} s")
        for reason, provider, rule, _, count in by_reason(tables):
            print(f"{reason!s:26} {provider!s:10} {rule!s:12} {count:>9,}")
        tables.close()


def _step(sql: Sql, rules: CurrentRules) -> int:
    with sql.database.connection_context(), sql.database.atomic("IMMEDIATE"):
        return reclassify_some(sql, rules.rules)


if __name__ == "__main__":
    main()
