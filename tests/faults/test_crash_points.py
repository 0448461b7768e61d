"""Agent and collector killed at some of their system calls; ``make faults-crash`` tries 200."""

from pathlib import Path

import pytest

from tests.faults.crash_points.run import run_points
from tests.faults.crash_points.strace import refusal
from tests.faults.process_mutants import MUTANTS

POINTS = 10
JOBS = 3
RECOVERY_SECONDS = 40.0


@pytest.fixture(autouse=True)
def _tracing_is_allowed() -> None:
    if why := refusal():
        pytest.fail(why)


def test_nothing_is_lost_or_doubled_wherever_a_program_dies(tmp_path: Path) -> None:
    outcomes = list(
        run_points(tmp_path, POINTS, jobs=JOBS, seed=5, recovery_seconds=RECOVERY_SECONDS)
    )

    assert [f"{one.point}: {wrong}" for one in outcomes for wrong in one.wrong] == []
    assert sum(one.fired for one in outcomes) == POINTS


def test_a_checkpoint_that_is_not_replaced_as_a_whole_is_found(tmp_path: Path) -> None:
    """The layer sees what it is there to see."""
    (mutant,) = [one for one in MUTANTS if one.name == "checkpoint written in place"]
    outcomes = run_points(
        tmp_path,
        POINTS,
        jobs=JOBS,
        seed=1,
        programs=("agent",),
        wanted=lambda point: point.call == "write" and point.area.name == "state",
        recovery_seconds=RECOVERY_SECONDS,
        mutant=mutant,
    )

    assert any(outcome.wrong for outcome in outcomes)
