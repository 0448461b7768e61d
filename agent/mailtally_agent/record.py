"""Records: what the agent reports of one log line.

The values mirror mailtally/v1/record.proto field by field; wire.py turns them into its messages.
Text that came from a log is ``str`` decoded with ``surrogateescape``, so that every byte survives.
"""

from enum import Enum
from typing import NamedTuple

from mailtally_agent.postfix.event import DeliveryLogged


class TrafficClass(Enum):
    """What kind of mail a message is."""

    MAIL = "mail"
    NOTIFICATION = "notification"
    PROBE = "probe"
    FORWARD = "forward"


class Direction(Enum):
    """Where a delivery attempt leads; decided by direction.py."""

    OUTBOUND = "outbound"
    LOCAL = "local"
    INTERNAL_HOP = "internal_hop"


class Change(Enum):
    """What happened to a message as a whole."""

    COMPLETED = "completed"
    EXPIRED = "expired"
    REMOVED = "removed"
    HELD = "held"
    RELEASED = "released"
    DISCARDED = "discarded"
    REQUEUED = "requeued"


class Link(Enum):
    """How one message led to another."""

    NOTIFICATION = "notification"
    FORWARD = "forward"
    HOP = "hop"
    REQUEUE = "requeue"


class RecordKey(NamedTuple):
    """Names a log line: moment (microseconds since 1970) and 63 bits of its hash."""

    time_us: int
    line_hash: int


class MessageRef(NamedTuple):
    """Names a message by the first line of it that was seen (docs/decisions/0002)."""

    instance: str
    queue_id: str
    first_line: RecordKey
    origin_seen: bool
    arrival_us: int


class MessageAccepted(NamedTuple):
    """Sender, size and number of recipients of a message in the queue; submit_uid -1 if none."""

    envelope_sender: str
    size_bytes: int
    recipient_count: int
    message_id: str
    client_name: str
    client_address: str
    sasl_method: str
    sasl_username: str
    submit_uid: int
    traffic_class: TrafficClass


class Attempt(NamedTuple):
    """One try for one recipient, as logged, and where it led."""

    delivery_agent: str
    direction: Direction
    delivery: DeliveryLogged


class MessageChanged(NamedTuple):
    """Something happened to the message as a whole."""

    change: Change


class MessageLink(NamedTuple):
    """The message led to another one on this host and instance."""

    kind: Link
    child_queue_id: str


class Record(NamedTuple):
    """One log line's worth of news about one message."""

    key: RecordKey
    message: MessageRef
    what: MessageAccepted | Attempt | MessageChanged | MessageLink
