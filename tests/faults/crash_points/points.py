"""Where a program is killed or meets an error: the n-th call of a kind, on some of its files.

Gives     Area: what is looked at together; ``points_of`` all of its points, ``shuffled`` all of
          them in an order in which any beginning has as many of every kind as can be.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from tests.faults.crash_points.strace import KILL

NUMBER_MAX = 50
# What may be said of these calls, and is worth trying at every one of them.
ERRORS = {
    "openat": ("EIO", "ENOSPC"),
    "write": ("ENOSPC", "EIO"),
    "pwrite64": ("ENOSPC", "EIO"),
    "pread64": ("EIO",),
    "fsync": ("EIO",),
    "fdatasync": ("EIO",),
    "ftruncate": ("EIO",),
    "rename": ("EIO", "ENOSPC"),
}


@dataclass(frozen=True, slots=True)
class Area:
    """Calls of a program on one kind of its files, or on the network."""

    program: str
    name: str
    calls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One try; ``effect`` is KILL or the name of an error."""

    area: Area
    call: str
    number: int
    effect: str

    def __str__(self) -> str:
        return f"{self.area.program} {self.area.name} {self.call} {self.number} {self.effect}"


AGENT_AREAS = (
    Area("agent", "state", ("mkdir", "openat", "write", "fsync", "rename", "close")),
    Area("agent", "log", ("openat", "pread64", "newfstatat", "getdents64", "close")),
    Area("agent", "network", ("socket", "connect", "sendmsg", "recvmsg")),
)
_OF_SQLITE = ("openat", "pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "close")
COLLECTOR_AREAS = (
    Area("collector", "new database", _OF_SQLITE),
    Area("collector", "database", _OF_SQLITE),
    Area("collector", "network", ("accept4", "sendmsg", "recvmsg")),
)


def points_of(area: Area, counts: Counter[str]) -> list[Point]:
    """Every point of an area whose calls were counted so."""
    return [
        Point(area, call, number, effect)
        for call in area.calls
        for number in range(1, min(counts[call], NUMBER_MAX) + 1)
        for effect in (KILL, *(() if area.name == "network" else ERRORS.get(call, ())))
    ]


def shuffled(points: Iterable[Point], random: Random) -> list[Point]:
    """Give all of them, in turn one of each area, call and effect."""
    kinds: dict[tuple[str, ...], list[Point]] = {}
    for point in points:
        key = (point.area.program, point.area.name, point.call, point.effect)
        kinds.setdefault(key, []).append(point)
    waiting = [random.sample(kind, len(kind)) for kind in kinds.values()]
    random.shuffle(waiting)
    order: list[Point] = []
    while waiting:
        order += [kind.pop() for kind in waiting]
        waiting = [kind for kind in waiting if kind]
    return order
