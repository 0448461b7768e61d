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


class GapCause(StrEnum):
    """Why lines of a log were not read."""

    # The file was deleted before it was read to its end.
    ROTATED_AWAY = "rotated_away"
    # The file was cut while lines were written to it.
    TRUNCATED = "truncated"
    # The syslog daemon or the journal says that it dropped lines.
    SYSLOG_DROPPED = "syslog_dropped"
    # The file cannot be read on.
    UNREADABLE = "unreadable"
    # The journal no longer has the entry that was read last.
    JOURNAL_GONE = "journal_gone"
    # The collector's database went back in time, and the log no longer holds what it forgot.
    FORGOTTEN = "forgotten"
