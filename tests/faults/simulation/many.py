"""Many schedules, in as many processes as there are cores."""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.faults.simulation.outcome import Outcome, outcome_of

AT_ONCE = 20


def outcomes(seeds: range) -> Iterator[Outcome]:
    """Run the schedules of these seeds; outcomes as they come."""
    blocks = [seeds[first : first + AT_ONCE] for first in range(0, len(seeds), AT_ONCE)]
    with ProcessPoolExecutor(os.cpu_count(), initializer=be_quiet) as pool:
        for block in pool.map(_of_block, blocks):
            yield from block


def be_quiet() -> None:
    """Log nothing: faults are what is looked for."""
    logging.disable(logging.CRITICAL)


def _of_block(seeds: range) -> list[Outcome]:
    return [outcome_of(seed) for seed in seeds]
