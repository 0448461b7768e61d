"""What the records of one message add up to: one state for each of its recipients.

Gives     MessageLife: records of a message in, states, tries and what does not balance out. A pure
          function of the records; the collector's own sums do not pass through here.
"""

from collections import Counter
from dataclasses import dataclass

from mailtally_agent.message import Message
from mailtally_agent.record import (
    Attempt,
    MessageAccepted,
    MessageChanged,
    MessageLink,
    Record,
    SpamScore,
)
from mailtally_agent.terms import Change, Direction, Link

# Postfix's words for an end (src/global/sent.c, bounce.c; of probes: verify.c).
_FINAL = {
    "sent": "delivered",
    "bounced": "bounced",
    "deliverable": "delivered",
    "undeliverable": "bounced",
    "undeliverable-but-not-cached": "bounced",
}
# What becomes of recipients without a final outcome; the first that happened counts.
_ENDS = (
    (Change.EXPIRED, "expired"),
    (Change.REMOVED, "removed"),
    (Change.DISCARDED, "discarded"),
    (Change.REQUEUED, "requeued"),
)
# After these no line about the message follows; after "requeued" one does, with its new queue id.
_OVER = frozenset({Change.COMPLETED, Change.REMOVED})


@dataclass(slots=True)
class Recipient:
    """How the delivery to one recipient stands. Moments: microseconds since 1970."""

    status: str
    direction: Direction
    first_try_us: int
    last_try_us: int
    attempts: int = 0
    discarded: bool = False


class MessageLife:
    """The records of one message, added up in log order."""

    def __init__(self, message: Message) -> None:
        """Begin with none."""
        self.message = message
        self.accepted: MessageAccepted | None = None
        self.recipients: dict[tuple[str, str], Recipient] = {}
        self.changes: set[Change] = set()
        self.links: list[MessageLink] = []
        self.spam_score: SpamScore | None = None
        self.held = False

    def add(self, record: Record) -> None:
        """Take in the next record of this message."""
        what = record.what
        if isinstance(what, Attempt):
            self._try(what, record.time_us)
        elif isinstance(what, MessageAccepted):
            self.accepted = what
        elif isinstance(what, MessageLink):
            self.links.append(what)
        elif isinstance(what, SpamScore):
            self.spam_score = what
        elif isinstance(what, MessageChanged):
            self.changes.add(what.change)
            if what.change in {Change.HELD, Change.RELEASED}:
                self.held = what.change is Change.HELD

    def _try(self, attempt: Attempt, time_us: int) -> None:
        delivery = attempt.delivery
        name = (delivery.recipient, delivery.orig_to)
        one = self.recipients.get(name)
        if one is None:
            one = Recipient("", attempt.direction, time_us, time_us)
            self.recipients[name] = one
        one.attempts += 1
        one.last_try_us = time_us
        if one.status not in _FINAL:
            one.status, one.direction = delivery.status, attempt.direction
            one.discarded = attempt.delivery_agent == "discard"

    def attempts_of(self, attempt: Attempt) -> int:
        """How often this recipient was tried so far."""
        return self.recipients[attempt.delivery.recipient, attempt.delivery.orig_to].attempts

    @property
    def over(self) -> bool:
        """Whether the last line about the message was read."""
        went_on = any(link.kind is Link.REQUEUE for link in self.links)
        return went_on or not _OVER.isdisjoint(self.changes)

    @property
    def untried(self) -> int:
        """Accepted recipients of which no line speaks."""
        return max(
            0, (self.accepted.recipient_count if self.accepted else 0) - len(self.recipients)
        )

    def open_state(self) -> str:
        """State of the recipients without a final outcome."""
        for change, state in _ENDS:
            if change in self.changes:
                return state
        if Change.COMPLETED in self.changes:
            return "unknown"
        return "held" if self.held else "pending"

    def states(self) -> Counter[tuple[Direction, str]]:
        """Recipients by direction and state; untried ones were meant for outside."""
        states: Counter[tuple[Direction, str]] = Counter()
        for one in self.recipients.values():
            final = "discarded" if one.discarded else _FINAL.get(one.status)
            states[one.direction, final or self.open_state()] += 1
        if self.untried:
            states[Direction.OUTBOUND, self.open_state()] += self.untried
        return states

    def imbalance(self) -> str:
        """Why the recipients do not add up; empty when they do."""
        if self.accepted is None:
            seen = self.message.origin_seen
            why = "its acceptance is missing" if seen else "it began before this log"
            return why if self.recipients else ""
        if Change.COMPLETED not in self.changes or self.open_state() in {"expired", "requeued"}:
            return ""
        count, known = self.accepted.recipient_count, len(self.recipients)
        deferred = sum(one.status not in _FINAL for one in self.recipients.values())
        if known < count:
            return f"it was completed with {known} of {count} recipients accounted for"
        if deferred:
            return f"it was completed while {deferred} of {count} recipients were deferred"
        return ""
