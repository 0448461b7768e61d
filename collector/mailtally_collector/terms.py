"""The words of the contract as integers: outcomes, changes, states, classes, directions.

Mirrors   the enums of proto/mailtally/v1; the numbers are equal (a test compares them), so that
          tables and wire speak of the same things.
Limits    Enums of proto3 are open: a newer agent may send a number that is not listed here. Such a
          number is stored as it came and means nothing to this version.
"""

from enum import IntEnum


class TrafficClass(IntEnum):
    """Why a message exists."""

    UNSPECIFIED = 0
    MAIL = 1
    NOTIFICATION = 2
    PROBE = 3
    FORWARD = 4
    CANARY = 5


class Direction(IntEnum):
    """Where a delivery leads."""

    UNSPECIFIED = 0
    OUTBOUND = 1
    LOCAL = 2
    INTERNAL_HOP = 3


class AttemptOutcome(IntEnum):
    """How one try for one recipient ended."""

    UNSPECIFIED = 0
    SENT = 1
    DEFERRED = 2
    BOUNCED = 3
    SOFT_BOUNCE = 4
    DELIVERABLE = 5
    UNDELIVERABLE = 6
    DISCARDED = 7


class MessageChange(IntEnum):
    """What happened to a message as a whole."""

    UNSPECIFIED = 0
    COMPLETED = 1
    EXPIRED = 2
    REMOVED = 3
    HELD = 4
    RELEASED = 5
    DISCARDED = 6
    REQUEUED = 7


class LinkKind(IntEnum):
    """How one message led to another."""

    UNSPECIFIED = 0
    NOTIFICATION = 1
    FORWARD = 2
    HOP = 3
    REQUEUE = 4


class DeliveryState(IntEnum):
    """What became of one recipient of one message; each has exactly one."""

    UNSPECIFIED = 0
    PENDING = 1
    DELIVERED = 2
    BOUNCED = 3
    EXPIRED = 4
    DISCARDED = 5
    HELD = 6
    REMOVED = 7
    REQUEUED = 8


class GapCause(IntEnum):
    """Why lines of a log are missing, or may be."""

    UNSPECIFIED = 0
    ROTATED_AWAY = 1
    TRUNCATED = 2
    SYSLOG_DROPPED = 3
    UNREADABLE = 4
    JOURNAL_GONE = 5
    FORGOTTEN = 6


class TimeBasis(IntEnum):
    """By which moment a range selects."""

    UNSPECIFIED = 0
    ACCEPTED = 1
    LAST_TRY = 2


class Bucket(IntEnum):
    """How a range is cut for a chart."""

    UNSPECIFIED = 0
    MINUTE = 1
    HOUR = 2
    DAY = 3
    WEEK = 4


class EventOrder(IntEnum):
    """What a list of events is sorted by."""

    UNSPECIFIED = 0
    LAST_TRY = 1
    ACCEPTED = 2
    ATTEMPTS = 3
    SIZE = 4


class Dimension(IntEnum):
    """By what recipients are counted."""

    UNSPECIFIED = 0
    SERVER = 1
    DOMAIN = 2
    MAILBOX = 3
    PROVIDER = 4


class CountOrder(IntEnum):
    """Which count rows are sorted by."""

    UNSPECIFIED = 0
    SENT = 1
    DELIVERED = 2
    BOUNCED = 3
    EXPIRED = 4
    DISCARDED = 5
    HELD = 6
    REMOVED = 7
    PENDING = 8
    MESSAGES = 9
    FAILED = 10
