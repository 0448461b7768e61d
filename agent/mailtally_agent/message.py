"""A message on this host, from the first line that speaks of it to its removal from the queue."""

from typing import Any

from mailtally_agent.line_key import Line, RecordKey, line_key
from mailtally_agent.terms import TrafficClass

# One message in a checkpoint: a list in the order of to_state().
State = list[Any]


class Message:
    """What names a message, and what later lines need to know of earlier ones.

    first_line      names it, with instance and queue_id (docs/decisions/0002-content-keys.md)
    origin_seen     whether that is the line of its origin
    arrival_us      best known moment of arrival, microseconds since 1970
    last_us         moment of the newest line about it
    submit_uid      user id that submitted it on this host, -1 for none
    accepted        whether it was reported as being in the queue
    traffic_class   as far as its sender and the links to it tell
    """

    __slots__ = (
        "_client",
        "_first",
        "_occurrence",
        "accepted",
        "arrival_us",
        "instance",
        "last_us",
        "message_id",
        "origin_seen",
        "queue_id",
        "submit_uid",
        "traffic_class",
    )

    def __init__(
        self, instance: str, queue_id: str, first: Line | RecordKey, occurrence: int
    ) -> None:
        """Begin at a line, which is the first, second … of its kind at that moment."""
        self.instance = instance
        self.queue_id = queue_id
        self._first = first
        self._occurrence = occurrence
        self.origin_seen = False
        self.last_us = self.arrival_us = first[0]
        self._client = ""
        self.submit_uid = -1
        self.message_id = ""
        self.accepted = False
        self.traffic_class = TrafficClass.MAIL

    @property
    def first_line(self) -> RecordKey:
        """Key of the line that it began with; worked out when it is first asked for."""
        first = self._first
        if not isinstance(first, RecordKey):
            self._client = self.client
            first = self._first = line_key(first, self._occurrence)
        return first

    @property
    def client(self) -> str:
        """The text ``client=…`` of its origin; empty when there was none."""
        first = self._first
        if self.origin_seen and not isinstance(first, RecordKey):
            # Most messages have one; the first line holds it already.
            client = first[2].partition(": ")[2]
            return client if client.startswith("client=") else self._client
        return self._client

    def continue_from(self, earlier: "Message") -> None:
        """This is what is left of a requeued message: it arrived when and where that one did."""
        self.arrival_us = earlier.arrival_us
        self._client = earlier.client
        self.submit_uid = earlier.submit_uid

    def to_state(self) -> State:
        """Plain values for the checkpoint."""
        return [
            self.instance,
            self.queue_id,
            *self.first_line,
            self.origin_seen,
            self.arrival_us,
            self.last_us,
            self.accepted,
            self.traffic_class,
            self.submit_uid,
            self.message_id,
            self.client,
        ]

    @classmethod
    def from_state(cls, state: State) -> "Message":
        """Inverse of to_state(); raises ValueError or TypeError on values of another shape."""
        instance, queue_id, first_us, first_hash, *rest = state
        message = cls(instance, queue_id, RecordKey(first_us, first_hash), 1)
        message.origin_seen, message.arrival_us, message.last_us, message.accepted, *rest = rest
        traffic_class, message.submit_uid, message.message_id, message._client = rest
        message.traffic_class = TrafficClass(traffic_class)
        return message
