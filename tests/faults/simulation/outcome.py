"""What came of schedules: run one by its seed, add up many.

Gives     ``outcome_of`` a schedule, picklable; ``Total``.
"""

from collections import Counter
from dataclasses import dataclass, field

from tests.faults.simulation.oracle import Verdict, judge
from tests.faults.simulation.plan import Schedule
from tests.faults.simulation.play import play
from tests.faults.simulation.schedule import schedule_of


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one schedule."""

    seed: int
    kinds: frozenset[str]
    verdict: Verdict


def outcome_of(seed: int) -> Outcome:
    """Run the schedule of a seed."""
    return outcome_of_schedule(schedule_of(seed))


def outcome_of_schedule(schedule: Schedule) -> Outcome:
    """Run a schedule."""
    kinds = frozenset(step.kind for step in schedule.faults)
    return Outcome(schedule.seed, kinds, judge(play(schedule)))


@dataclass(slots=True)
class Total:
    """Of many. ``kinds``: in how many schedules a kind of fault was; ``bad`` are the failures."""

    schedules: int = 0
    lines: int = 0
    attempts: int = 0
    lost: int = 0
    twice: int = 0
    ghosts: int = 0
    silent: int = 0
    in_gaps: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    bad_kinds: Counter[str] = field(default_factory=Counter)
    bad: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        verdict = outcome.verdict
        self.schedules += 1
        self.lines += verdict.lines
        self.attempts += verdict.attempts
        self.lost += verdict.lost
        self.twice += verdict.twice
        self.ghosts += verdict.ghosts
        self.silent += verdict.silent
        self.in_gaps += verdict.in_gaps
        self.kinds.update(outcome.kinds or {"none"})
        if verdict.faults:
            self.bad.append(outcome)
            self.bad_kinds.update(outcome.kinds or {"none"})

    def report(self) -> str:
        """One line for each kind of fault, then the totals, then what failed."""
        told = [f"{'fault':<18}{'schedules':>10}{'failed':>8}"]
        for kind, count in sorted(self.kinds.items()):
            told.append(f"{kind:<18}{count:>10,}{self.bad_kinds[kind]:>8,}")
        told.append(
            f"schedules {self.schedules:,}  lines {self.lines:,}  deliveries {self.attempts:,}"
            f"  (in reported gaps {self.in_gaps:,})"
        )
        told.append(
            f"lost {self.lost}  twice {self.twice}  ghosts {self.ghosts}"
            f"  silent gaps {self.silent}  failed schedules {len(self.bad)}"
        )
        told += [f"seed {outcome.seed}: {outcome.verdict.faults[0]}" for outcome in self.bad]
        return "\n".join(told)
