"""Points, some at the same time; what came of each as it ends."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from random import Random

from tests.faults.crash_points.cases import Bench, Outcome, count, try_point
from tests.faults.crash_points.points import (
    AGENT_AREAS,
    COLLECTOR_AREAS,
    Point,
    chosen,
    points_of,
)


def run_points(
    folder: Path,
    limit: int,
    *,
    jobs: int,
    seed: int,
    wanted: Callable[[Point], bool] = lambda _: True,
    patches: Path | None = None,
) -> Iterator[Outcome]:
    """Try so many of the points that are wanted, chosen by the seed."""
    bench = Bench.made(folder, patches)
    try:
        with ThreadPoolExecutor(jobs) as threads:
            areas = (*AGENT_AREAS, *COLLECTOR_AREAS)
            counts = threads.map(lambda area: count(bench, area), areas)
            points = [
                point
                for area, times in zip(areas, counts, strict=True)
                for point in points_of(area, times)
                if wanted(point)
            ]
            random = Random(seed)  # noqa: S311 - repeatable
            taken = chosen(points, limit, random)
            for done in as_completed(threads.submit(try_point, bench, one) for one in taken):
                yield done.result()
    finally:
        bench.close()
