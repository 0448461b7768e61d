"""What the options of ``mailtally`` let one choose from.

Names     The member names are those of the contract's enums without their prefix.
"""

from enum import StrEnum


class StateOption(StrEnum):
    """States of a recipient, as DeliveryState of the contract names them."""

    PENDING = "pending"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    DISCARDED = "discarded"
    HELD = "held"
    REMOVED = "removed"


class DirectionOption(StrEnum):
    """Where deliveries lead."""

    OUTBOUND = "outbound"
    LOCAL = "local"
    INTERNAL_HOP = "internal-hop"


class ClassOption(StrEnum):
    """Why messages exist."""

    MAIL = "mail"
    NOTIFICATION = "notification"
    PROBE = "probe"
    FORWARD = "forward"
    CANARY = "canary"


class BasisOption(StrEnum):
    """By which moment a range selects."""

    ACCEPTED = "accepted"
    LAST_TRY = "last-try"


class BucketOption(StrEnum):
    """How a range is cut."""

    AUTO = "auto"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


class DimensionOption(StrEnum):
    """By what is counted."""

    SERVER = "server"
    DOMAIN = "domain"
    MAILBOX = "mailbox"
    PROVIDER = "provider"


class CountOption(StrEnum):
    """Which count comes first."""

    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    FAILED = "failed"
    DISCARDED = "discarded"
    HELD = "held"
    REMOVED = "removed"
    PENDING = "pending"
    MESSAGES = "messages"


class SortOption(StrEnum):
    """What events are sorted by."""

    LAST_TRY = "last-try"
    ACCEPTED = "accepted"
    ATTEMPTS = "attempts"
    SIZE = "size"


class CollectionOption(StrEnum):
    """How logs are collected."""

    CONTINUOUS = "continuous"
    INTERVAL = "interval"
    OFF = "off"


class FileFormat(StrEnum):
    """How an export is written."""

    CSV = "csv"
    NDJSON = "ndjson"


class ColorOption(StrEnum):
    """When to colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Form(StrEnum):
    """How an answer is written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
