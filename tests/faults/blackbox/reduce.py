"""The fewest faults of a schedule with which it still fails."""

from collections.abc import Callable, Sequence

from tests.faults.blackbox.plan import Plan

TRIES = 3


def reduced(plan: Plan, fails: Callable[[Plan], bool]) -> list[int]:
    """Leave out one fault after the other as long as it fails; the numbers of those that are left.

    Processes take their own time: a schedule passes when it has not failed in TRIES tries.
    """
    left = list(range(len(plan.faults)))
    at = 0
    while at < len(left):
        fewer = left[:at] + left[at + 1 :]
        if _fails(plan, fewer, fails):
            left = fewer
        else:
            at += 1
    return left


def _fails(plan: Plan, numbers: Sequence[int], fails: Callable[[Plan], bool]) -> bool:
    return any(fails(plan.only(numbers)) for _ in range(TRIES))
