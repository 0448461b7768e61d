"""Seeded faults of the product, and after how many schedules the simulation sees each.

A harness that catches nothing proves nothing. Layers with real processes have mutants of their own
(process_mutants.py); ``make mutants`` tries both.

    python -m tests.faults.mutants                 all, with the number of tries that it took
    python -m tests.faults.mutants --mutant NAME   one

A mutant replaces a function in the process of a test; nothing of it is ever in the tree.
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.faults.simulation.many import be_quiet
from tests.faults.simulation.mutants import MUTANTS
from tests.faults.simulation.outcome import outcome_of

SCHEDULES = 3_000


@dataclass(frozen=True, slots=True)
class Caught:
    """By which layer, after how many tries, and what was seen there."""

    name: str
    layer: str
    tries: int
    seen: str


def by_simulation(name: str, schedules: int = SCHEDULES) -> Caught | None:
    """Run schedules with a mutant until one fails; None when none does."""
    be_quiet()
    with MUTANTS[name]():
        for seed in range(schedules):
            faults = outcome_of(seed).verdict.faults
            if faults:
                return Caught(name, "simulation", seed + 1, faults[0])
    return None


def caught(names: list[str]) -> Iterator[tuple[str, Caught | None]]:
    """Try mutants, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), context, max_tasks_per_child=1) as pool:
        yield from zip(names, pool.map(by_simulation, names), strict=True)


def main() -> int:
    """Try them; 1 when one is not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mutants", description=__doc__)
    parser.add_argument("--mutant", choices=sorted(MUTANTS), metavar="NAME", help="this one only")
    asked = parser.parse_args()
    missed = 0
    print(f"{'mutant':<36}{'caught by':<14}{'after':>6}  first seen")
    for name, found in caught([asked.mutant] if asked.mutant else list(MUTANTS)):
        if found is None:
            missed += 1
            print(f"{name:<36}{'NOTHING':<14}{SCHEDULES:>6}", flush=True)
        else:
            print(f"{name:<36}{found.layer:<14}{found.tries:>6}  {found.seen[:120]}", flush=True)
    print(f"{len(MUTANTS) if not asked.mutant else 1} mutants, {missed} not caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
