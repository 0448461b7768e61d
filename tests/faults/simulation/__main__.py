"""Run schedules: many, or one again by its seed.

python -m tests.faults.simulation --schedules 10000
python -m tests.faults.simulation --seed 4711
"""

import argparse
import logging
import os
import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.faults.simulation.many import be_quiet, outcomes
from tests.faults.simulation.outcome import Total, outcome_of_schedule
from tests.faults.simulation.plan import Schedule
from tests.faults.simulation.reduce import reduced
from tests.faults.simulation.schedule import schedule_of


def main() -> int:
    """Run what was asked for; 1 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.simulation", description=__doc__)
    parser.add_argument("--schedules", type=int, default=1_000, metavar="N", help="how many to run")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first")
    parser.add_argument(
        "--seed", type=int, metavar="SEED", help="run this one, reduced if it fails"
    )
    parser.add_argument("--verbose", action="store_true", help="with --seed: what the product logs")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    asked = parser.parse_args()
    _make_repeatable()
    if asked.seed is not None:
        return _run_one(schedule_of(asked.seed), verbose=asked.verbose)
    return _run_many(range(asked.first, asked.first + asked.schedules), quiet=asked.quiet)


def _make_repeatable() -> None:
    """Sets of texts have another order in each process unless their hashes are fixed."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        command = [sys.executable, "-m", "tests.faults.simulation", *sys.argv[1:]]
        os.execve(sys.executable, command, environment)  # noqa: S606 - ourselves


def _run_many(seeds: range, *, quiet: bool) -> int:
    total = Total()
    columns = (TextColumn("schedules"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    hidden = quiet or not console.is_terminal
    with Progress(*columns, console=console, disable=hidden) as bar:
        task = bar.add_task("", total=len(seeds))
        for outcome in outcomes(seeds):
            total.add(outcome)
            bar.advance(task)
    print(total.report())
    return 1 if total.bad else 0


def _run_one(schedule: Schedule, *, verbose: bool) -> int:
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s")
    else:
        be_quiet()
    faults = outcome_of_schedule(schedule).verdict.faults
    if faults and not verbose:
        schedule = reduced(schedule, lambda one: bool(outcome_of_schedule(one).verdict.faults))
        faults = outcome_of_schedule(schedule).verdict.faults
    for machine in schedule.machines:
        print(machine)
    print(*schedule.steps, sep="\n")
    print(*faults or ["nothing is wrong"], sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
