"""What a schedule consists of: how its machines are, and what happens when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class MachinePlan:
    """One mail host.

    iso        time stamps of RFC 3339 in its log, else of RFC 3164
    rate       how much faster its clock is than that of the network
    keep, dated, packing   how its log is rotated (syslog.Rotation)
    """

    server: str
    iso: bool
    rate: float
    start_us: int
    keep: int
    dated: bool
    packing: str
    batch_records: int
    batches_in_flight: int


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens at a moment (seconds) on a machine (its index)."""

    at: float
    kind: str
    machine: int = 0
    how: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        told = " ".join(f"{name}={value}" for name, value in self.how.items())
        return f"{self.at:7.3f} s  {self.kind} mx{self.machine + 1} {told}".rstrip()


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that a run follows from."""

    seed: int
    machines: tuple[MachinePlan, ...]
    steps: tuple[Step, ...]
    slowest: float

    @property
    def faults(self) -> tuple[Step, ...]:
        """The steps without those that write lines."""
        return tuple(step for step in self.steps if step.kind not in HARMLESS)


# What belongs to an ordinary day.
HARMLESS = frozenset({"write"})
