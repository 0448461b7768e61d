"""What became of a recipient: the one place that decides it.

Gives     The attempt that decides, the end of a message, the state of a delivery and of recipients
          that were never tried. Pure functions of facts, independent of the order in which the
          facts came in.
Limits    A message that left the queue while a recipient had only deferrals and nobody logged an
          expiry counts as removed: the log does not say more.
"""

from collections.abc import Iterable
from typing import NamedTuple

from mailtally_collector.terms import AttemptOutcome, DeliveryState, MessageChange

FINAL_STATES: dict[int, DeliveryState] = {
    AttemptOutcome.SENT: DeliveryState.DELIVERED,
    AttemptOutcome.DELIVERABLE: DeliveryState.DELIVERED,
    AttemptOutcome.BOUNCED: DeliveryState.BOUNCED,
    AttemptOutcome.UNDELIVERABLE: DeliveryState.BOUNCED,
    AttemptOutcome.DISCARDED: DeliveryState.DISCARDED,
}
END_STATES: dict[int, DeliveryState] = {
    MessageChange.EXPIRED: DeliveryState.EXPIRED,
    MessageChange.REMOVED: DeliveryState.REMOVED,
    MessageChange.DISCARDED: DeliveryState.DISCARDED,
    MessageChange.REQUEUED: DeliveryState.REQUEUED,
    MessageChange.COMPLETED: DeliveryState.REMOVED,
}
# Of several ends the first of these counts: the queue manager logs "removed" after each of them.
END_ORDER = (
    MessageChange.EXPIRED,
    MessageChange.REMOVED,
    MessageChange.DISCARDED,
    MessageChange.REQUEUED,
    MessageChange.COMPLETED,
)


class Deciding(NamedTuple):
    """Rank of an attempt among those of its delivery; the greatest one decides.

    A final outcome outranks a later deferral: after it the recipient is not tried again, so a later
    deferral can only be a line that was read twice or forged.
    """

    is_final: bool
    time_us: int
    line_hash: int


class MessageEnd(NamedTuple):
    """How a message stands: ``change`` 0 and ``ended_us`` None while it is in the queue."""

    change: int
    ended_us: int | None
    held: bool


IN_QUEUE = MessageEnd(change=0, ended_us=None, held=False)


def is_final(outcome: int) -> bool:
    """Whether a recipient with this outcome is not tried again."""
    return outcome in FINAL_STATES


def is_probe(outcome: int) -> bool:
    """Whether only an address was verified and no mail delivered."""
    return outcome in (AttemptOutcome.DELIVERABLE, AttemptOutcome.UNDELIVERABLE)


def message_end(changes: Iterable[tuple[int, int, int]]) -> MessageEnd:
    """Fold the changes of one message, each (time_us, line_hash, change), in any order.

    The end is the first of END_ORDER that happened; it is dated by the newest end, because lines of
    the message may be logged until then. Held is what the newest of HELD and RELEASED says.
    """
    ordered = sorted(changes)
    if len(ordered) == 1 and ordered[0][2] == MessageChange.COMPLETED:
        return MessageEnd(change=int(MessageChange.COMPLETED), ended_us=ordered[0][0], held=False)
    seen = {change for _, _, change in ordered}
    ends = [time_us for time_us, _, change in ordered if change in END_STATES]
    if ends:
        change = next(change for change in END_ORDER if change in seen)
        return MessageEnd(change=change, ended_us=ends[-1], held=False)
    holds = [
        change for _, _, change in ordered if change in (MessageChange.HELD, MessageChange.RELEASED)
    ]
    return MessageEnd(change=0, ended_us=None, held=holds[-1:] == [MessageChange.HELD])


def delivery_state(outcome: int, end: MessageEnd) -> DeliveryState:
    """State of a delivery from the outcome of its deciding attempt and its message's end.

    An outcome that this version does not know decides nothing: such a delivery is pending.
    """
    return FINAL_STATES.get(outcome) or END_STATES.get(end.change) or _queued(end)


def untried_state(end: MessageEnd) -> DeliveryState | None:
    """State of recipients without any attempt; None when they are not counted.

    A completed message has an outcome for every recipient, so that what is missing are recipients
    that aliases merged, or lines that were lost. Those of a requeued one count where it goes on.
    """
    if end.change in (MessageChange.COMPLETED, MessageChange.REQUEUED):
        return None
    return END_STATES.get(end.change) or _queued(end)


def _queued(end: MessageEnd) -> DeliveryState:
    return DeliveryState.HELD if end.held else DeliveryState.PENDING
