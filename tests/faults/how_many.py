"""How long the tests of faults look: some seconds each, or as many seeds as are asked for."""

import os

SEEDS = int(os.environ.get("FAULT_SEEDS", "0"))


def seeds(usual: int) -> range:
    """Return the seeds to try: as many as are usual, or as FAULT_SEEDS says."""
    return range(SEEDS or usual)
