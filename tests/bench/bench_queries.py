"""How long questions take on many deliveries: ``make bench-queries``.

What      Each question 100 times in one warm process, with names and ranges drawn anew (seeded);
          bytes for each delivery. The data is made first when it is missing (bench_data.py).
Growth    With ``--compare`` the same questions go to a smaller database too, each right after the
          other; what is quoted is the ratio of the medians.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import quantiles

from peewee import Database

from mailtally_collector.store.database import close_reading, open_for_reading, open_for_writing
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.location import Location, location_of
from tests.bench.bench_data import HalfMadeError, add_arguments, make_data
from tests.bench.chosen_names import Names
from tests.bench.cluster import cluster
from tests.bench.questions import Question, questions

WARM_UP = 5
SEED = 5
GROWTH_MAX = 1.5
BYTES_MAX = {"SQLite": 250, "PostgreSQL": 400}
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of one question."""

    p50: float
    p95: float
    longest: float


def measure(question: Question, count: int, clock: Clock) -> Times:
    """Ask so many times."""
    spent = []
    for number in range(-WARM_UP, count):
        ask = question.draw()
        started = clock()
        ask()
        if number >= 0:
            spent.append((clock() - started) * 1_000)
    parts = quantiles(spent, n=20, method="inclusive")
    return Times(parts[9], parts[18], max(spent))


def bytes_of(location: Location) -> tuple[int, int]:
    """Return the size of the tables with their indexes, and how many deliveries they hold."""
    database = open_for_writing(location)
    with database.connection_context():
        sql = sql_for(database)
        if isinstance(location, Path):
            sql.run("PRAGMA wal_checkpoint(truncate)").fetchall()
            size = location.stat().st_size
        else:
            (size,) = sql.run(
                "SELECT SUM(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n"
                " ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = 'public'"
            ).fetchone()
        (deliveries,) = sql.run("SELECT COUNT(*) FROM delivery").fetchone()
    return int(size), int(deliveries)


@contextmanager
def asked(location: Location) -> Iterator[list[Question]]:
    """Give the questions to a database."""
    database: Database = open_for_reading(location)
    chance = Random(SEED)  # noqa: S311 - chance that can be repeated
    with database.connection_context():
        yield list(questions(database, Names(sql_for(database), chance), chance))
    close_reading(database)


def report(locations: list[Location], count: int, wanted: str, clock: Clock) -> bool:
    """Print the table; whether no bar was missed. The second location is the smaller one."""
    print(f"| question | p50 ms | p95 ms | max ms | bar |{' growth |' * (len(locations) - 1)} |")
    print(f"|---|--:|--:|--:|--:|{'--:|' * (len(locations) - 1)}---|")
    good = True
    with ExitStack() as stack:
        for same in zip(*(stack.enter_context(asked(one)) for one in locations), strict=True):
            if wanted not in same[0].name:
                continue
            times, *smaller = [measure(question, count, clock) for question in same]
            is_met = same[0].bar_ms is None or times.p95 <= same[0].bar_ms
            cells = [f"{value:.1f}" for value in (times.p50, times.p95, times.longest)]
            cells.append("" if same[0].bar_ms is None else f"{same[0].bar_ms:.0f}")
            cells += [f"{times.p50 / one.p50:.2f}" for one in smaller]
            good &= is_met
            row = (same[0].name, *cells, "ok" if is_met else "falls short")
            print(f"| {' | '.join(row)} |", flush=True)
    for location in locations:
        kind = "SQLite" if isinstance(location, Path) else "PostgreSQL"
        size, deliveries = bytes_of(location)
        is_met = size / deliveries <= BYTES_MAX[kind]
        print(
            f"\n{kind}: {deliveries:,} deliveries, {size / 1e9:.2f} GB:"
            f" {size / deliveries:.0f} bytes each, at most {BYTES_MAX[kind]}:"
            f" {'ok' if is_met else 'falls short'}"
        )
        good &= is_met
    return good


@contextmanager
def locations_of(options: argparse.Namespace) -> Iterator[list[tuple[Location, int | None]]]:
    """Give the databases to ask, with the deliveries that one is made of if it is missing."""
    if options.cluster is None:
        names = [options.database, options.compare]
        given = [location_of(name) for name in names if name]
        yield list(zip(given, [options.rows, None], strict=False))
        return
    rows = [options.rows, *([int(options.compare)] if options.compare else [])]
    with cluster(options.cluster) as server:
        yield [(location_of(server.database(f"bench{one}")), one) for one in rows]


def main() -> None:
    """Make what is missing, and ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument(
        *("--compare", "--smaller"),
        metavar="OTHER",
        help="a smaller database; with --cluster the number of its deliveries",
    )
    parser.add_argument("--times", type=int, default=100, help="how often each is asked")
    parser.add_argument("--only", default="", metavar="WORDS", help="questions with these words")
    parser.add_argument(
        "--cpu",
        action="store_true",
        help="count the time of this process, not of the clock: for SQLite on a busy machine",
    )
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    with locations_of(options) as locations:
        try:
            for location, rows in locations:
                if rows is not None:
                    make_data(location, rows)
        except HalfMadeError as error:
            sys.exit(str(error))
        places = [location for location, _ in locations]
        good = report(places, options.times, options.only, clock)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
