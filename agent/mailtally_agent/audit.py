"""``mailtally-agent audit``: shows whether every accepted recipient has exactly one state.

Gives     Balance: records in, the sum of states and the messages that do not balance out. A pure
          function of the records; the collector's own sums do not pass through here.
Limits    A message whose beginning or end lies outside the log is told apart, not called wrong.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from mailtally_agent.record import (
    Attempt,
    Change,
    Direction,
    MessageAccepted,
    MessageChanged,
    MessageRef,
    Record,
    TrafficClass,
)

_FINAL = {"sent": "delivered", "bounced": "bounced"}
# What becomes of recipients without a final outcome; the first that happened counts.
_ENDS = (
    (Change.EXPIRED, "expired"),
    (Change.REMOVED, "removed"),
    (Change.DISCARDED, "discarded"),
    (Change.REQUEUED, "requeued"),
)


class Imbalance(NamedTuple):
    """A message whose recipients do not add up, and why."""

    message: MessageRef
    why: str


class _Life:
    """What the log says of one message."""

    def __init__(self) -> None:
        self.accepted: MessageAccepted | None = None
        self.outcomes: dict[tuple[str, str], tuple[str, Direction]] = {}
        self.changes: set[Change] = set()
        self.held = False

    def add(self, what: object) -> None:
        """Take in one record of this message."""
        if isinstance(what, MessageAccepted):
            self.accepted = what
        elif isinstance(what, Attempt):
            recipient = (what.delivery.recipient, what.delivery.orig_to)
            if self.outcomes.get(recipient, ("", None))[0] not in _FINAL:
                self.outcomes[recipient] = (what.delivery.status, what.direction)
        elif isinstance(what, MessageChanged):
            self.changes.add(what.change)
            self.held = what.change is Change.HELD or (
                self.held and what.change is not Change.RELEASED
            )

    def open_state(self) -> str:
        """State of recipients without a final outcome."""
        for change, state in _ENDS:
            if change in self.changes:
                return state
        if Change.COMPLETED in self.changes:
            return "unknown"
        return "held" if self.held else "pending"

    def untried(self) -> int:
        """Accepted recipients that no line speaks of."""
        return max(0, (self.accepted.recipient_count if self.accepted else 0) - len(self.outcomes))


class Balance:
    """Adds up what the records of one log say."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._lives: dict[MessageRef, _Life] = {}

    def add(self, records: Iterable[Record]) -> None:
        """Take in records, in log order."""
        for record in records:
            self._lives.setdefault(record.message, _Life()).add(record.what)

    def messages(self) -> int:
        """Messages that the log speaks of."""
        return len(self._lives)

    def states(self) -> Counter[tuple[str, str]]:
        """Recipients by (direction, state); notifications and probes have a direction of their own.

        Requeued recipients are left out: they are counted where they went on.
        """
        states: Counter[tuple[str, str]] = Counter()
        for life in self._lives.values():
            mail = life.accepted is None or life.accepted.traffic_class is TrafficClass.MAIL
            for status, direction in life.outcomes.values():
                state = _FINAL.get(status) or life.open_state()
                if state != "requeued":
                    states[direction.value if mail else "notification", state] += 1
            if life.untried() and life.open_state() not in {"requeued", "unknown"}:
                kind = Direction.OUTBOUND.value if mail else "notification"
                states[kind, life.open_state()] += life.untried()
        return states

    def imbalances(self) -> list[Imbalance]:
        """Messages that do not balance, oldest first."""
        return [
            Imbalance(ref, why)
            for ref, life in sorted(self._lives.items(), key=lambda item: item[0].first_line)
            if (why := _why(ref, life))
        ]


def _why(ref: MessageRef, life: _Life) -> str:
    """Why a message does not balance; empty when it does."""
    if life.accepted is None:
        seen = "its acceptance is missing" if ref.origin_seen else "it began before this log"
        return seen if life.outcomes else ""
    if Change.COMPLETED not in life.changes or life.open_state() in {"expired", "requeued"}:
        return ""
    count, known = life.accepted.recipient_count, len(life.outcomes)
    deferred = sum(status not in _FINAL for status, _ in life.outcomes.values())
    if known < count:
        return f"it was completed with {known} of {count} recipients accounted for"
    if deferred:
        return f"it was completed while {deferred} of {count} recipients were deferred"
    return ""
