"""Why a message exists: one class from all that is known about it.

Gives     The class from what was said at acceptance, from links and from probes, and the child that
          a link means. Pure functions, independent of the order in which the facts came in.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mailtally_collector.terms import LinkKind, TrafficClass

LINK_WINDOW_US = 60_000_000

# A class further down is the more telling one: a notice that is forwarded stays a notice.
RANK: dict[int, int] = {
    TrafficClass.UNSPECIFIED: 0,
    TrafficClass.MAIL: 1,
    TrafficClass.FORWARD: 2,
    TrafficClass.NOTIFICATION: 3,
    TrafficClass.PROBE: 4,
}
LINK_CLASSES: dict[int, int] = {
    LinkKind.NOTIFICATION: TrafficClass.NOTIFICATION,
    LinkKind.FORWARD: TrafficClass.FORWARD,
}


@dataclass(frozen=True, slots=True)
class Child:
    """A message that has the queue id which a link names; ``ended_us`` None while it is queued."""

    id: int
    first_us: int
    arrival_us: int
    ended_us: int | None


def combine(*classes: int) -> int:
    """Return the most telling class; one that this version does not know ranks last."""
    return max(classes, key=lambda one: (RANK.get(one, -1), one))


def choose_child(link_us: int, children: Iterable[Child]) -> Child | None:
    """Find the message that a link of this moment means; queue ids are used again.

    It is the one that arrived nearest, if that was within 60 s or it was in the queue then.
    """
    nearest = min(
        children,
        key=lambda child: (abs(child.arrival_us - link_us), child.first_us, child.id),
        default=None,
    )
    if nearest is None or abs(nearest.arrival_us - link_us) <= LINK_WINDOW_US:
        return nearest
    ended = nearest.ended_us is not None and nearest.ended_us < link_us
    return None if ended or nearest.first_us > link_us else nearest


def link_classes(links: Iterable[tuple[int, int]], children: list[Child]) -> dict[int, int]:
    """Map the id of each child to the class that links, each (time_us, kind), give it, or 0."""
    classes = {child.id: int(TrafficClass.UNSPECIFIED) for child in children}
    for link_us, kind in links:
        child = choose_child(link_us, children)
        if child is not None:
            given = LINK_CLASSES.get(kind, TrafficClass.UNSPECIFIED)
            classes[child.id] = combine(classes[child.id], given)
    return classes
