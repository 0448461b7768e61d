"""What is to happen in one schedule, drawn from a seed: data only, so that it can be repeated.

Gives     ``plan_of`` a seed; ``Plan.only`` the same with some of its faults.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

SECONDS = 4.0
FAULTS = (2, 3, 4, 5, 6, 7)
SQLITE, POSTGRES = "sqlite", "postgres"
# One in so many is on PostgreSQL, one in so many has no fault, one in so many may lose lines.
POSTGRES_EVERY, QUIET_EVERY, LOSSY_EVERY = 6, 15, 5


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault: how long it lasts at least and at most, and where it can happen."""

    name: str
    shortest: float = 0.0
    longest: float = 0.0
    database: str = ""
    needs_root: bool = False
    weight: int = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; moments in seconds from the beginning. ``target`` chooses whom it hits."""

    kind: str
    at: float
    seconds: float
    target: int
    seed: int

    def __str__(self) -> str:
        return f"{self.at:5.2f} s  {self.kind} for {self.seconds:.2f} s at {self.target}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One schedule."""

    seed: int
    database: str
    servers: int
    rfc3339: bool
    lines_per_second: float
    faults: tuple[Fault, ...]

    def only(self, numbers: Iterable[int]) -> "Plan":
        """The same with the faults of these numbers, from 0."""
        return replace(self, faults=tuple(self.faults[number] for number in numbers))

    def __str__(self) -> str:
        stamps = "RFC 3339" if self.rfc3339 else "traditional"
        head = f"seed {self.seed}: {self.database}, {self.servers} servers, {stamps} time stamps"
        return "\n".join([head, *(f"{at:>3}  {fault}" for at, fault in enumerate(self.faults))])


KINDS = (
    Kind("agent killed", 0.0, 1.5, weight=4),
    Kind("agent restarted", 0.0, 0.5),
    Kind("agent stopped", 0.2, 2.0),
    Kind("collector killed", 0.0, 1.0, weight=4),
    Kind("collector restarted", 0.0, 0.5),
    Kind("collector stopped", 0.2, 2.0),
    Kind("connection cut"),
    Kind("network held", 0.2, 2.0),
    Kind("network refuses", 0.2, 2.0),
    Kind("answers lost", 0.2, 1.0, weight=4),
    Kind("network slow", 0.5, 2.0),
    Kind("network late", 0.5, 2.0),
    Kind("log rotated", weight=6),
    Kind("log copied and truncated", weight=4),
    Kind("log folder away", 0.1, 1.0),
    Kind("state flipped", 0.0, 0.3),
    Kind("state cut", 0.0, 0.3),
    Kind("state gone", 0.0, 0.3),
    Kind("state gone while running", weight=1),
    Kind("agent disk full", 0.5, 2.0, needs_root=True),
    Kind("collector disk full", 0.5, 2.0, database=SQLITE, needs_root=True),
    Kind("older database", 0.5, 2.5, database=SQLITE, weight=3),
    Kind("agent clock", 0.5, 3.0),
    Kind("collector clock", 0.5, 3.0),
    Kind("other collector", database=POSTGRES, weight=6),
    Kind("database crashed", 0.0, 0.5, database=POSTGRES),
    Kind("connections ended", database=POSTGRES),
)
LOSSY = (
    Kind("log truncated while written"),
    Kind("logs deleted unread", 0.3, 1.0),
)


def plan_of(seed: int) -> Plan:
    """Draw a schedule."""
    random = Random(seed)  # noqa: S311 - repeatable
    database = SQLITE if seed % POSTGRES_EVERY else POSTGRES
    kinds = [
        kind
        for kind in KINDS
        if kind.database in {"", database} and not (kind.needs_root and os.geteuid())
    ]
    count = random.choice(FAULTS) if seed % QUIET_EVERY else 0
    drawn = random.choices(kinds, [kind.weight for kind in kinds], k=count)
    if count and seed % LOSSY_EVERY == 0:
        drawn[-1] = random.choice(LOSSY)
    faults = [
        Fault(
            kind.name,
            random.uniform(0.2, SECONDS),
            random.uniform(kind.shortest, kind.longest),
            random.randrange(2),
            random.randrange(1 << 30),
        )
        for kind in drawn
    ]
    return Plan(
        seed,
        database,
        servers=random.choice((1, 1, 2)),
        rfc3339=random.random() < 0.5,
        lines_per_second=random.choice((60, 150, 300)),
        faults=tuple(sorted(faults, key=lambda fault: fault.at)),
    )
