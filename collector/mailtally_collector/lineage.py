"""Which message a link leads to, and which of the links to a message tells where it comes from.

Gives     ``choose_child`` and ``choose_origin``, pure functions of facts and independent of the
          order in which the facts came in; ties are broken by what the logs say, never by row ids.
Limits    The queue id of a hop was written by the next hop, which may be a stranger
          (docs/decisions/0012-hops-across-hosts.md). Links may form loops, so that whoever follows
          them counts: chains longer than DEPTH_MAX are not followed to their end.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mailtally_collector.terms import LinkKind

DEPTH_MAX = 8
# The next hop logs its first line before it answers, but its clock may differ from ours.
HOP_BEFORE_US = 3_600_000_000
HOP_AFTER_US = 300_000_000
# The arrival of a message whose origin was not seen is an estimate.
ARRIVAL_TOLERANCE_US = 2_000_000
NOTICE_WINDOW_US = 60_000_000
# What cleanup logs of a message that has none.
NO_MESSAGE_IDS = (b"", b"<>")
LOCAL_KINDS = (int(LinkKind.NOTIFICATION), int(LinkKind.FORWARD), int(LinkKind.REQUEUE))


@dataclass(frozen=True, slots=True)
class Kin:
    """A message as parent or child; ``ended_us`` None while it is queued."""

    id: int
    server: str
    instance: str
    first_us: int
    first_hash: int
    origin_seen: bool
    arrival_us: int
    ended_us: int | None
    sender_id: int | None
    message_id: bytes


@dataclass(frozen=True, slots=True)
class Incoming:
    """A link that leads to a message; ``server`` is the one that logged it."""

    kind: int
    time_us: int
    line_hash: int
    server: str
    parent_id: int


def choose_child(kind: int, link_us: int, parent: Kin, candidates: Iterable[Kin]) -> Kin | None:
    """Find the message that a link means among those that have its queue id."""
    others = [one for one in candidates if one.id != parent.id]
    if kind == LinkKind.HOP:
        return _child_of_hop(link_us, parent, others)
    if kind not in LOCAL_KINDS:
        return None
    place = (parent.server, parent.instance)
    return _child_here(link_us, [one for one in others if (one.server, one.instance) == place])


def choose_origin(server: str, links: Iterable[Incoming]) -> Incoming | None:
    """Find the link that tells what a message on ``server`` continues.

    What our own Postfix said of it outranks what a next hop answered; then the earliest link.
    """
    return min(
        links,
        key=lambda link: (
            *(link.kind == LinkKind.HOP, link.time_us, link.line_hash),
            *(link.server != server, link.server),
        ),
        default=None,
    )


def _child_of_hop(link_us: int, parent: Kin, candidates: list[Kin]) -> Kin | None:
    """Choose the message that began nearest to the answer, on any server."""
    return min(
        (one for one in candidates if _can_be_hop(link_us, parent, one)),
        key=lambda one: (
            *(abs(one.first_us - link_us), one.server != parent.server),
            *(one.instance != parent.instance, one.first_us, one.first_hash),
            *(one.server, one.instance),
        ),
        default=None,
    )


def _can_be_hop(link_us: int, parent: Kin, child: Kin) -> bool:
    """Whether the message may be what the parent became at the next hop.

    1. It began shortly before the answer.
    2. On the same server, with the same clock, it began after the parent.
    3. Its Message-ID is the parent's. A filter may add a missing one, and it may not be known yet:
       then only a message of the same server will do, from the same sender.
    """
    if not link_us - HOP_BEFORE_US <= child.first_us <= link_us + HOP_AFTER_US:
        return False
    is_here = child.server == parent.server
    slack_us = 0 if parent.origin_seen else ARRIVAL_TOLERANCE_US
    if is_here and child.first_us < parent.arrival_us - slack_us:
        return False
    if parent.message_id in NO_MESSAGE_IDS or child.message_id in NO_MESSAGE_IDS:
        senders = {parent.sender_id, child.sender_id} - {None}
        return is_here and len(senders) < 2
    return child.message_id == parent.message_id


def _child_here(link_us: int, candidates: list[Kin]) -> Kin | None:
    """Choose the message that arrived nearest, if that was within 60 s or it was queued then."""
    nearest = min(
        candidates,
        key=lambda one: (abs(one.arrival_us - link_us), one.first_us, one.first_hash),
        default=None,
    )
    if nearest is None or abs(nearest.arrival_us - link_us) <= NOTICE_WINDOW_US:
        return nearest
    ended = nearest.ended_us is not None and nearest.ended_us < link_us
    return None if ended or nearest.first_us > link_us else nearest
