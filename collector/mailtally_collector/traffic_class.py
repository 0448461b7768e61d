"""Why a message exists: one class from all that is known about it.

Gives     The order of classes, and what links say of the message that they lead to. Pure functions,
          independent of the order in which the facts came in.
"""

from functools import lru_cache

from mailtally_collector.terms import LinkKind, TrafficClass

# A class further down is the more telling one: a notice that is forwarded stays a notice.
RANK: dict[int, int] = {
    TrafficClass.UNSPECIFIED: 0,
    TrafficClass.MAIL: 1,
    TrafficClass.FORWARD: 2,
    TrafficClass.NOTIFICATION: 3,
    TrafficClass.PROBE: 4,
    TrafficClass.CANARY: 5,
}
LINK_CLASSES: dict[int, int] = {
    LinkKind.NOTIFICATION: TrafficClass.NOTIFICATION,
    LinkKind.FORWARD: TrafficClass.FORWARD,
}
# Under this instance `mailtally-agent canary` writes its lines: nobody's mail, whatever they say.
CANARY_INSTANCE = "mailtally-canary"
# A message of these kinds is its parent in another queue file, and of its class.
INHERITING = (int(LinkKind.HOP), int(LinkKind.REQUEUE))


@lru_cache(maxsize=1_024)
def combine(*classes: int) -> int:
    """Return the most telling class; one that this version does not know ranks last."""
    return max(classes, key=lambda one: (RANK.get(one, -1), one))


def class_of_links(kinds: list[int]) -> int:
    """Return the class that the links to a message give it, or 0."""
    given = (LINK_CLASSES.get(kind, TrafficClass.UNSPECIFIED) for kind in kinds)
    return combine(TrafficClass.UNSPECIFIED, *given)
