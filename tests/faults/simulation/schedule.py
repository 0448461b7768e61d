"""From a seed to a schedule: traffic, and faults of every kind at any moment."""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from mailtally_agent.syslog import epoch_us
from tests.faults.simulation.chance import chance
from tests.faults.simulation.database import FULL, LOCKED
from tests.faults.simulation.plan import MachinePlan, Schedule, Step

SECONDS = 12.0
# A whole evening, so that retention finds messages that are old enough to go.
EVENING = epoch_us(datetime(2026, 5, 5, 21, 0, tzinfo=UTC))
NIGHT_RATE = 1_800.0
FAULTS_MAX = 8
# Most faults come together: what happens while something is away already is what breaks things.
IN_A_STORM = 0.7
DAY_US = 86_400_000_000
# Clocks start some seconds before days and years end, too.
STARTS = tuple(
    epoch_us(datetime.fromisoformat(text).replace(tzinfo=UTC))
    for text in ("2026-03-01T10:00:00", "2026-06-30T23:59:57", "2026-12-31T23:59:56")
)

How = dict[str, Any]


def _down(random: Random) -> float:
    """How long something is away: mostly not long."""
    return round(random.choice((0.05, 0.5, 2.0, 5.0)) * (1 - random.random() ** 2), 3)


def _calls(random: Random) -> int:
    """After how many system calls or statements something happens."""
    return random.choice((1, 3, 10, 30, 100)) * random.randint(1, 5)


# What can happen, how often compared to others, and what has to be drawn for it.
FAULTS: dict[str, tuple[int, Callable[[Random], How]]] = {
    "rotate": (10, lambda r: {"times": r.choice((1, 1, 1, 2, 3))}),
    "copytruncate": (6, lambda r: {"times": r.choice((1, 1, 2))}),
    "delete-oldest": (3, lambda _: {}),
    "truncate": (2, lambda _: {}),
    "replace": (2, lambda _: {}),
    "flush": (2, lambda _: {}),
    "power-cut": (5, lambda r: {"down": _down(r), "draw": r.randrange(1 << 30)}),
    "kill-agent": (8, lambda r: {"down": _down(r), "after": _calls(r)}),
    "stop-agent": (3, lambda r: {"down": _down(r)}),
    "unreadable": (2, lambda r: {"for": _down(r)}),
    "state-full": (2, lambda r: {"for": _down(r)}),
    "old-checkpoint": (2, lambda _: {}),
    "no-checkpoint": (1, lambda _: {}),
    "torn-checkpoint": (2, lambda r: {"at": r.random()}),
    "kill-collector": (6, lambda r: {"down": _down(r), "after": _calls(r)}),
    "stop-collector": (2, lambda r: {"down": _down(r)}),
    "database-fault": (4, lambda r: {"fault": r.choice((FULL, LOCKED)), "after": _calls(r)}),
    "unknown-commit": (3, lambda _: {}),
    "backup": (4, lambda _: {}),
    "restore": (6, lambda r: {"down": _down(r)}),
    "cut": (8, lambda r: {"stale": round(r.choice((0, 0.1, 3)) * r.random(), 3)}),
    "unreachable": (4, lambda r: {"for": _down(r)}),
    "silent": (1, lambda r: {"for": _down(r)}),
    "replay": (3, lambda r: {"draw": r.randrange(1 << 30)}),
    "clock": (2, lambda r: {"by_us": r.choice((-3, 86_400, 3_600)) * 1_000_000}),
    "retention": (2, lambda _: {}),
}


def schedule_of(seed: int) -> Schedule:
    """Return the schedule of a seed: always the same."""
    random = chance("schedule", seed)
    count = random.choice((1, 1, 1, 2))
    start_us = random.choice(STARTS)
    rate = random.choice((1.0, 4.0, 30.0))
    is_evening = random.randrange(8) == 0
    if is_evening:
        start_us, rate = EVENING, NIGHT_RATE
    machines = tuple(_machine(random, number, start_us, rate) for number in range(count))
    steps = [step for number in range(count) for step in _writes(random, number)]
    kinds = list(FAULTS)
    weights = [weight for weight, _ in FAULTS.values()]
    # One schedule in sixteen is a quiet day: then nothing may look like a loss.
    faults = 0 if random.randrange(16) == 0 else random.randint(1, FAULTS_MAX)
    storms = [random.random() * SECONDS for _ in range(random.choice((1, 1, 2)))]
    for kind in random.choices(kinds, weights, k=faults):
        at = random.random() * SECONDS
        if random.random() < IN_A_STORM:
            at = min(SECONDS, abs(random.gauss(random.choice(storms), 0.5)))
        machine, how = random.randrange(count), FAULTS[kind][1](random)
        if kind == "clock" and machines[machine].dated:
            # Dates of rotated files would not tell their order any more, to nobody.
            how["by_us"] = abs(how["by_us"])
        steps.append(Step(round(at, 3), kind, machine, how))
    if is_evening and faults:
        steps += _after_midnight(random, count)
    slowest = random.choice((0.001, 0.02, 0.3))
    return Schedule(seed, machines, tuple(sorted(steps, key=lambda step: step.at)), slowest)


def _after_midnight(random: Random, count: int) -> list[Step]:
    """Old messages are deleted; their lines are read again."""
    retained = SECONDS * (0.55 + 0.2 * random.random())
    again = retained + (SECONDS - retained) * random.random()
    kind = random.choice(("no-checkpoint", "old-checkpoint", "restore", "cut"))
    machine = random.randrange(count)
    return [
        Step(round(retained, 3), "retention", machine),
        Step(round(again, 3), kind, machine, FAULTS[kind][1](random)),
    ]


def _machine(random: Random, number: int, start_us: int, rate: float) -> MachinePlan:
    return MachinePlan(
        server=f"mx{number + 1}",
        iso=random.random() < 0.5,
        rate=rate,
        start_us=start_us,
        keep=random.choice((1, 2, 4, 10)),
        dated=random.random() < 0.3,
        packing=random.choice(("", "", "", ".gz", ".bz2", ".xz", ".zst")),
        batch_records=random.choice((1, 2, 5, 20)),
        batches_in_flight=random.choice((1, 2, 4)),
    )


def _writes(random: Random, machine: int) -> list[Step]:
    """Some lines now and then; sometimes the last one comes in two parts."""
    steps = []
    at = random.random()
    while at < SECONDS:
        part = round(random.random(), 3) if random.random() < 0.15 else 1.0
        how = {"lines": random.choice((1, 2, 3, 8)), "part": part}
        steps.append(Step(round(at, 3), "write", machine, how))
        at += random.choice((0.1, 0.5, 1.5)) * random.random() + 0.01
    return steps
