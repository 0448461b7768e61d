"""Some random schedules of faults; ``make faults-blackbox`` plays 150."""

from tests.faults.blackbox.faults import FAULTS
from tests.faults.blackbox.plan import KINDS, LOSSY, Fault, Plan, plan_of
from tests.faults.blackbox.reduce import reduced
from tests.faults.blackbox.several import play_all

JOBS = 3
RECOVERY_SECONDS = 40.0
# Both databases, lossy ones, an older database, a full disk, and one without a fault.
SEEDS = (0, 3, 5, 12, 26, 34)


def test_answers_equal_the_ledger_after_all_that() -> None:
    plans = [plan_of(seed) for seed in SEEDS]
    played = list(play_all(plans, JOBS, RECOVERY_SECONDS))

    assert [f"seed {one.seed}: {wrong}" for one in played for wrong in one.wrong[:5]] == []
    assert {one.seed for one in played} == set(SEEDS)
    assert all(one.attempts > 50 for one in played)


def test_every_kind_of_fault_that_is_drawn_can_be_done() -> None:
    assert {kind.name for kind in (*KINDS, *LOSSY)} == set(FAULTS)


def test_a_seed_always_draws_the_same() -> None:
    assert plan_of(7) == plan_of(7)
    assert plan_of(7) != plan_of(8)


def test_of_a_schedule_that_fails_the_faults_that_matter_are_found() -> None:
    faults = tuple(Fault(str(number), float(number), 0.0, 0, 0) for number in range(6))
    plan = Plan(1, "sqlite", 1, rfc3339=True, lines_per_second=1.0, faults=faults)
    matter = {faults[1], faults[4]}

    assert reduced(plan, lambda one: matter <= set(one.faults)) == [1, 4]
