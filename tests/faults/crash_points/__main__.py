"""Agent and collector killed at every call: ``python -m tests.faults.crash_points``.

Each line names a point that was tried and left something wrong; the last one sums up. Exit status 1
when anything was wrong. A point is tried alone with ``--only "agent state rename 3 kill"``.
"""

import argparse
import atexit
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.e2e.processes import end_all
from tests.faults.crash_points.cases import RECOVERY_SECONDS
from tests.faults.crash_points.points import Point
from tests.faults.crash_points.run import PROGRAMS, run_points
from tests.faults.crash_points.strace import refusal


def main() -> int:
    """Try points and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=200, help="how many to meet (default 200)")
    parser.add_argument("--program", choices=("agent", "collector"), help="only this one")
    parser.add_argument("--jobs", type=int, default=3, help="at the same time (default 3)")
    parser.add_argument("--seed", type=int, default=1, help="which points are chosen")
    parser.add_argument(
        "--recovery", type=float, default=RECOVERY_SECONDS, metavar="SECONDS", help="(default 10)"
    )
    parser.add_argument("--only", metavar="POINT", help="this one, as it was printed")
    options = parser.parse_args()
    if why := refusal():
        print(why, file=sys.stderr)
        return 1
    atexit.register(end_all)

    programs = [options.program] if options.program else PROGRAMS

    def wanted(point: Point) -> bool:
        return not options.only or str(point) == options.only

    fired: Counter[str] = Counter()
    wrong = tried = 0
    with tempfile.TemporaryDirectory(prefix="crash-", ignore_cleanup_errors=True) as name:
        for outcome in run_points(
            Path(name),
            options.points,
            jobs=options.jobs,
            seed=options.seed,
            programs=programs,
            wanted=wanted,
            recovery_seconds=options.recovery,
        ):
            tried += 1
            area = outcome.point.area
            fired[f"{area.program} {area.name}"] += outcome.fired
            if outcome.wrong:
                wrong += 1
                print(f"{outcome.point}: {len(outcome.wrong)} wrong, first {outcome.wrong[0]}")
            if sys.stderr.isatty():
                print(f"\r{tried} of {options.points}", end="\r", file=sys.stderr)
    for area_name, times in sorted(fired.items()):
        print(f"{area_name:<24}{times:>5} met")
    print(f"{tried} points tried, {fired.total()} met, {wrong} wrong")
    return 1 if wrong or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
