"""Words of the records, as the contract has them."""

from enum import StrEnum


class TrafficClass(StrEnum):
    """What kind of mail a message is."""

    MAIL = "mail"
    NOTIFICATION = "notification"
    PROBE = "probe"
    FORWARD = "forward"


class Direction(StrEnum):
    """Where a delivery attempt leads; decided by direction.py."""

    OUTBOUND = "outbound"
    LOCAL = "local"
    INTERNAL_HOP = "internal_hop"


class Change(StrEnum):
    """What happened to a message as a whole."""

    COMPLETED = "completed"
    EXPIRED = "expired"
    REMOVED = "removed"
    HELD = "held"
    RELEASED = "released"
    DISCARDED = "discarded"
    REQUEUED = "requeued"


class Link(StrEnum):
    """How one message led to another."""

    NOTIFICATION = "notification"
    FORWARD = "forward"
    HOP = "hop"
    REQUEUE = "requeue"
