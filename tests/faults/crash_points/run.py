"""Points, some at the same time; what came of each as it ends."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from random import Random

from tests.faults.crash_points.cases import (
    RECOVERY_SECONDS,
    Bench,
    Outcome,
    count,
    try_point,
)
from tests.faults.crash_points.points import (
    AGENT_AREAS,
    COLLECTOR_AREAS,
    Point,
    points_of,
    shuffled,
)
from tests.faults.patches import SOUND, Mutant

PROGRAMS = ("agent", "collector")


def run_points(
    folder: Path,
    limit: int,
    *,
    jobs: int,
    seed: int,
    programs: Sequence[str] = PROGRAMS,
    wanted: Callable[[Point], bool] = lambda _: True,
    recovery_seconds: float = RECOVERY_SECONDS,
    mutant: Mutant = SOUND,
) -> Iterator[Outcome]:
    """Try the points that are wanted, in the seed's order, until so many were met.

    Those that wait are given up with the iterator.
    """
    bench = Bench.made(folder, mutant)
    bench.recovery_seconds = recovery_seconds
    try:
        with ThreadPoolExecutor(jobs) as threads:
            areas = [area for area in (*AGENT_AREAS, *COLLECTOR_AREAS) if area.program in programs]
            counts = threads.map(lambda area: count(bench, area), areas)
            points = [
                point
                for area, times in zip(areas, counts, strict=True)
                for point in points_of(area, times)
                if wanted(point)
            ]
            random = Random(seed)  # noqa: S311 - repeatable
            left = iter(shuffled(points, random))
            met = 0
            try:
                while met < limit and (taken := list(islice(left, limit - met))):
                    running = [threads.submit(try_point, bench, one) for one in taken]
                    for done in as_completed(running):
                        met += done.result().fired
                        yield done.result()
            finally:
                threads.shutdown(cancel_futures=True)
    finally:
        bench.close()
