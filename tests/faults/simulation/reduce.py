"""From a schedule that fails to a smaller one that still fails.

How       Steps are left out, faults first, in blocks that become smaller, as long as something
          still fails.
"""

from collections.abc import Callable
from dataclasses import replace

from tests.faults.simulation.plan import HARMLESS, Schedule, Step


def reduced(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """Return the smallest schedule that was found to fail; ``fails`` holds for the given one."""
    for harmless in (False, True):
        size = max(1, len(schedule.steps) // 2)
        while size:
            smaller = _without_block(schedule, size, fails, harmless=harmless)
            if smaller is None:
                size //= 2
            else:
                schedule = smaller
    return schedule


def _without_block(
    schedule: Schedule, size: int, fails: Callable[[Schedule], bool], *, harmless: bool
) -> Schedule | None:
    may_go = [step for step in schedule.steps if (step.kind in HARMLESS) is harmless]
    for first in range(0, len(may_go), size):
        block: list[Step] = may_go[first : first + size]
        steps = tuple(step for step in schedule.steps if not any(step is one for one in block))
        smaller = replace(schedule, steps=steps)
        if fails(smaller):
            return smaller
    return None
