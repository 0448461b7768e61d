"""What became of a canary's lines: seen, lost or doubled, and after how long.

No I/O and no clock. A probe is three lines about one message that does not exist (canary_lines.py).
It is judged when all are seen, or when the collector could have shown them for the whole of the
time allowed: moments in which it did not answer do not count. Lines that were seen are looked for
once more when that time has passed, because what is sent twice comes late.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

LATENCIES_KEPT = 10_000
LOST_NAMED = 20

# How often each line of a probe was found, by its name.
Sightings = Mapping[str, int]


@dataclass(slots=True)
class Probe:
    """Lines that were written: when (monotonic seconds), and when each was seen first.

    ``waited``  seconds in which the collector answered.
    """

    queue_id: str
    lines: tuple[str, ...]
    written: float
    seen: dict[str, float] = field(default_factory=dict)
    waited: float = 0.0
    doubled: int = 0

    @property
    def is_seen(self) -> bool:
        """Whether all lines were."""
        return len(self.seen) == len(self.lines)

    @property
    def missing(self) -> list[str]:
        """Names of the lines that were not."""
        return [name for name in self.lines if name not in self.seen]

    @property
    def latency(self) -> float:
        """Seconds until the last of its lines was seen."""
        return max(self.seen.values(), default=self.written) - self.written

    def look(self, found: Sightings, now: float) -> None:
        """Note what the collector shows."""
        for name in self.lines:
            if found.get(name, 0):
                self.seen.setdefault(name, now)
        self.doubled = sum(max(0, found.get(name, 0) - 1) for name in self.lines)


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the lines of all probes that were judged; ``waiting`` were not.

    ``unanswered``       not seen, and the collector did not answer any more.
    ``unwritten``        could not be written.
    ``latency_seconds``  p50, p95 and max; empty when none was seen.
    """

    probes: int
    lines: int
    seen: int
    lost: int
    doubled: int
    unanswered: int
    unwritten: int
    waiting: int
    latency_seconds: dict[str, float]
    lost_queue_ids: list[str]


@dataclass(slots=True)
class Tally:
    """All probes of a run. Latencies are those of the last LATENCIES_KEPT lines."""

    probes: int = 0
    lines: int = 0
    seen: int = 0
    lost: int = 0
    doubled: int = 0
    unanswered: int = 0
    unwritten: int = 0
    lost_queue_ids: list[str] = field(default_factory=list)
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))

    @property
    def is_well(self) -> bool:
        """Whether every line that was judged came, once."""
        return not (self.lost or self.doubled or self.unanswered or self.unwritten)

    def judge(self, probe: Probe, *, is_answered: bool = True) -> None:
        """Count a probe whose time is over or that was seen."""
        self.probes += 1
        self.lines += len(probe.lines)
        self.seen += len(probe.seen)
        self.latencies.extend(moment - probe.written for moment in probe.seen.values())
        missing = len(probe.missing)
        if not is_answered:
            self.unanswered += missing
        elif missing:
            self.lost += missing
            if len(self.lost_queue_ids) < LOST_NAMED:
                self.lost_queue_ids.append(probe.queue_id)

    def report(self, waiting: int) -> Report:
        """Sum up; ``waiting`` lines were not judged."""
        ordered = sorted(self.latencies)
        names = ("probes", "lines", "seen", "lost", "doubled", "unanswered", "unwritten")
        return Report(
            **{name: getattr(self, name) for name in names},
            waiting=waiting,
            latency_seconds={
                name: round(ordered[-(-len(ordered) * percent // 100) - 1], 3)
                for name, percent in (("p50", 50), ("p95", 95), ("max", 100))
                if ordered
            },
            lost_queue_ids=list(self.lost_queue_ids),
        )
