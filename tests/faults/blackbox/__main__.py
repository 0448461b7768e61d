"""Random schedules of faults against real processes: ``python -m tests.faults.blackbox``.

Prints every schedule that fails, with its faults and what was wrong, and a sum. Exit status 1 when
one failed. ``--seed N`` plays one again; ``--faults 0,2`` only those of its faults, ``--reduce``
finds the fewest with which it fails, ``--keep FOLDER`` leaves logs and databases there.
"""

import argparse
import atexit
import sys
from functools import partial
from pathlib import Path
from statistics import median

from tests.e2e.processes import end_all
from tests.faults.blackbox.plan import Plan, plan_of
from tests.faults.blackbox.play import RECOVERY_SECONDS, Played, play
from tests.faults.blackbox.reduce import reduced
from tests.faults.blackbox.several import play_all, play_in_new_folder


def main() -> int:
    """Play schedules, or one, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schedules", type=int, default=150, help="how many (default 150)")
    parser.add_argument("--first", type=int, default=0, help="seed of the first (default 0)")
    parser.add_argument("--jobs", type=int, default=4, help="at the same time (default 4)")
    parser.add_argument("--recovery", type=float, default=RECOVERY_SECONDS, metavar="SECONDS")
    parser.add_argument("--each", action="store_true", help="a line for each that passes, too")
    parser.add_argument("--seed", type=int, help="play this one only")
    parser.add_argument("--faults", metavar="N,N", help="only these faults of it")
    parser.add_argument("--reduce", action="store_true", help="find the fewest faults that matter")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="a new folder for its files")
    options = parser.parse_args()
    atexit.register(end_all)
    if options.seed is None:
        seeds = range(options.first, options.first + options.schedules)
        plans = [plan_of(seed) for seed in seeds]
        return _several(plans, options.jobs, options.recovery, each=options.each)
    plan = plan_of(options.seed)
    if options.faults is not None:
        plan = plan.only(int(one) for one in options.faults.split(",") if one)
    print(plan, flush=True)
    playing = partial(play_in_new_folder, recovery_seconds=options.recovery)
    if options.reduce:
        left = reduced(plan, lambda one: bool(playing(one).wrong))
        print("it fails with --faults", ",".join(map(str, left)))
        return 0
    if options.keep is not None:
        options.keep.mkdir()
        played = play(plan, options.keep, recovery_seconds=options.recovery)
    else:
        played = playing(plan)
    for one in played.wrong[:40]:
        print(one)
    print(_sum(played))
    return 1 if played.wrong else 0


def _sum(played: Played) -> str:
    return (
        f"seed {played.seed}: {played.attempts} attempts, {len(played.wrong)} wrong, equal after"
        f" {played.recovered_seconds:.1f} s, {played.ended} ended by themselves,"
        f" {played.seconds:.1f} s in all"
    )


def _several(plans: list[Plan], jobs: int, recovery_seconds: float, *, each: bool) -> int:
    by_seed = {plan.seed: plan for plan in plans}
    done: list[Played] = []
    for played in play_all(plans, jobs, recovery_seconds):
        done.append(played)
        if each:
            print(_sum(played), flush=True)
        if played.wrong:
            print(by_seed[played.seed])
            print("\n".join(f"     {one}" for one in played.wrong[:10]), flush=True)
        if sys.stderr.isatty():
            print(f"\r{len(done)} of {len(plans)}", end="\r", file=sys.stderr)
    failed = [played for played in done if played.wrong]
    waits = [played.recovered_seconds for played in done]
    print(
        f"{len(done)} schedules, {sum(played.attempts for played in done):,} attempts,"
        f" {sum(len(plan.faults) for plan in plans)} faults, {len(failed)} failed;"
        f" equal after {median(waits):.1f} s (median), {max(waits):.1f} s (longest);"
        f" {sum(played.ended for played in done)} programs ended by themselves"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
