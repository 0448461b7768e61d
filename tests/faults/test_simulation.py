"""Simulated schedules of faults, and that the simulation sees what it should.

``make faults-simulation`` runs 10,000 schedules, ``make mutants`` all mutants.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faults.how_many import seeds
from tests.faults.mutants import by_simulation
from tests.faults.simulation.happenings import HAPPENINGS
from tests.faults.simulation.mutants import MUTANTS
from tests.faults.simulation.outcome import Total, outcome_of, outcome_of_schedule
from tests.faults.simulation.plan import HARMLESS, Schedule, Step
from tests.faults.simulation.play import play
from tests.faults.simulation.reduce import reduced
from tests.faults.simulation.schedule import FAULTS, schedule_of
from tests.faults.simulation.world import World

# Those that few schedules show.
QUICK = (
    "checkpoint before acknowledgement",
    "half a line is a line",
    "acknowledgement before commit",
    "greedy status",
    "new key at each reading",
    "late outcome not moved",
)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Warnings of thousands of faults are not what is looked at."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_nothing_is_lost_or_counted_twice_or_invented() -> None:
    total = Total()
    for seed in seeds(100):
        total.add(outcome_of(seed))

    assert [f"seed {one.seed}: {one.verdict.faults[0]}" for one in total.bad] == []
    assert (total.lost, total.twice, total.ghosts, total.silent) == (0, 0, 0, 0)
    assert total.lines > 100 * total.schedules


def test_every_kind_of_fault_is_drawn() -> None:
    kinds = Counter(step.kind for seed in range(500) for step in schedule_of(seed).faults)

    assert set(FAULTS) == set(kinds) == set(HAPPENINGS) - HARMLESS


def sent(world: World) -> list[bytes]:
    """Everything that agents sent, in order."""
    network = world.network
    return [message for stream in (*network.old, *network.streams) for message in stream.sent]


def test_a_seed_runs_in_the_same_way_each_time() -> None:
    once, again = play(schedule_of(17)), play(schedule_of(17))

    assert sent(once) == sent(again)
    assert once.storage.connection.serialize() == again.storage.connection.serialize()


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_of_the_product_is_seen(name: str) -> None:
    found = by_simulation(name, 60)

    assert found is not None


def test_a_schedule_that_fails_is_reduced_to_what_it_takes() -> None:
    def fails(schedule: Schedule) -> bool:
        return bool(outcome_of_schedule(schedule).verdict.faults)

    rotated = Step(6.0, "rotate", 0, {"times": 1})
    killed = Step(3.0, "kill-collector", 0, {"down": 0.1, "after": 5})
    stopped = Step(5.5, "stop-agent", 0, {"down": 2.0})
    quiet = next(one for one in map(schedule_of, range(500)) if not one.faults)
    steps = sorted((*quiet.steps, rotated, killed, stopped), key=lambda step: step.at)
    schedule = replace(
        quiet, machines=quiet.machines[:1], steps=tuple(step for step in steps if step.machine == 0)
    )
    with MUTANTS["rotated files ignored"]():
        assert fails(schedule)
        smaller = reduced(schedule, fails)
        assert fails(smaller)

    assert killed not in smaller.steps
    assert rotated in smaller.steps
    assert len(smaller.steps) < len(schedule.steps) / 2
