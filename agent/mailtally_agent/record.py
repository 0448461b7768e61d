"""Records: what the agent reports of one log line.

The values mirror mailtally/v1/record.proto; wire.py turns them into its messages, and only then
works out what follows from a text. Text that came from a log is ``str`` decoded with
``surrogateescape``, so that every byte survives.
"""

from typing import NamedTuple

from mailtally_agent.line_key import Line, RecordKey, line_key
from mailtally_agent.message import Message
from mailtally_agent.postfix.event import DeliveryLogged, TlsLine
from mailtally_agent.terms import Change, Direction, Link, TrafficClass

_ADDRESS_VERIFIER = "double-bounce"
_AFTER = len(_ADDRESS_VERIFIER)


class MessageAccepted(NamedTuple):
    """Sender, size and number of recipients of a message in the queue.

    client      the text ``client=…`` of its origin, empty for none
    submit_uid  user id of a local submission, -1 for none
    """

    envelope_sender: str
    size_bytes: int
    recipient_count: int
    message_id: str
    client: str
    submit_uid: int

    @property
    def traffic_class(self) -> TrafficClass:
        """Class as far as the sender tells; links and probe outcomes correct it later."""
        sender = self.envelope_sender
        if not sender:
            return TrafficClass.NOTIFICATION
        verifies = sender.startswith(_ADDRESS_VERIFIER) and sender[_AFTER : _AFTER + 1] in {"", "@"}
        return TrafficClass.PROBE if verifies else TrafficClass.MAIL


class Attempt(NamedTuple):
    """One try for one recipient, as logged, and where it led.

    traffic_class   of the message, as far as lines above this one tell
    tls             what the log told of the connection's TLS session, None for nothing
    """

    delivery_agent: str
    direction: Direction
    traffic_class: TrafficClass
    tls: TlsLine | None
    delivery: DeliveryLogged


class MessageChanged(NamedTuple):
    """Something happened to the message as a whole."""

    change: Change


class MessageLink(NamedTuple):
    """The message led to another one: on this instance, or at the next hop (Link.HOP)."""

    kind: Link
    child_queue_id: str


class SpamScore(NamedTuple):
    """What a spam filter thought of the message; None for what it did not tell."""

    scanner: str
    score: float | None
    required: float | None
    verdict: str


What = MessageAccepted | Attempt | MessageChanged | MessageLink | SpamScore


class Record(NamedTuple):
    """One log line's worth of news about one message."""

    line: Line
    occurrence: int
    message: Message
    what: What

    @property
    def time_us(self) -> int:
        """Moment of the line."""
        return self.line[0]

    @property
    def key(self) -> RecordKey:
        """What names the record."""
        return line_key(self.line, self.occurrence)
