"""A message whose life in the queue has begun and not ended yet."""

from typing import Any

from mailtally_agent.postfix.event import ClientConnected
from mailtally_agent.record import MessageRef, RecordKey

# One message in a checkpoint: a list in the order of to_state().
State = list[Any]


class OpenMessage:
    """What later lines of the same message need to know of earlier ones."""

    __slots__ = ("accepted", "client", "last_us", "message_id", "ref", "submit_uid")

    def __init__(self, ref: MessageRef) -> None:
        """Begin at the line that ref names."""
        self.ref = ref
        self.last_us = ref.first_line.time_us
        self.client: ClientConnected | None = None
        self.submit_uid = -1
        self.message_id = ""
        self.accepted = False

    def continue_from(self, earlier: "OpenMessage") -> None:
        """This is what is left of a requeued message: it arrived when that one did."""
        self.ref = self.ref._replace(arrival_us=earlier.ref.arrival_us)

    def forget_origin(self) -> None:
        """Give back what is only needed until the message is reported as accepted."""
        self.client = None
        self.message_id = ""

    def to_state(self) -> State:
        """Plain values for the checkpoint."""
        ref = self.ref
        return [
            ref.instance,
            ref.queue_id,
            *ref.first_line,
            ref.origin_seen,
            ref.arrival_us,
            self.last_us,
            self.accepted,
            self.submit_uid,
            self.message_id,
            None if self.client is None else list(self.client),
        ]

    @classmethod
    def from_state(cls, state: State) -> "OpenMessage":
        """Inverse of to_state(); raises ValueError or TypeError on values of another shape."""
        instance, queue_id, first_us, first_hash, origin_seen, arrival_us, *rest = state
        message = cls(
            MessageRef(instance, queue_id, RecordKey(first_us, first_hash), origin_seen, arrival_us)
        )
        message.last_us, message.accepted, message.submit_uid, message.message_id, client = rest
        message.client = None if client is None else ClientConnected(*client)
        return message
