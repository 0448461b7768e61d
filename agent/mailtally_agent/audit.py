"""``mailtally-agent audit``: shows whether every accepted recipient has exactly one state.

Gives     Balance: records in, the sum of states and the messages that do not balance out.
Limits    A message whose beginning or end lies outside the log is told apart, not called wrong.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from mailtally_agent.life import MessageLife
from mailtally_agent.message import Message
from mailtally_agent.record import Record
from mailtally_agent.terms import TrafficClass

_MAIL = frozenset({TrafficClass.MAIL, TrafficClass.FORWARD})
# States that are counted where the message went on, or of which the log tells nothing.
_ELSEWHERE = frozenset({"requeued", "unknown"})


class Imbalance(NamedTuple):
    """A message whose recipients do not add up, and why."""

    message: Message
    why: str


class Balance:
    """Adds up what the records of one log say; keeps the messages that are still in the queue."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._lives: dict[Message, MessageLife] = {}
        self._states: Counter[tuple[str, str]] = Counter()
        self._imbalances: list[Imbalance] = []
        self._over = 0

    def add(self, records: Iterable[Record]) -> None:
        """Take in records, in log order."""
        for record in records:
            message = record.message
            life = self._lives.get(message)
            if life is None:
                life = self._lives[message] = MessageLife(message)
            life.add(record)
            if life.over:
                del self._lives[message]
                self._over += 1
                self._states += _states(life)
                self._imbalances += _imbalances(life)

    def messages(self) -> int:
        """Messages that the log speaks of."""
        return self._over + len(self._lives)

    def states(self) -> Counter[tuple[str, str]]:
        """Recipients by (direction, state); notifications and probes have a direction of their own.

        Requeued recipients are left out: they are counted where they went on.
        """
        return sum(map(_states, self._lives.values()), self._states)

    def imbalances(self) -> list[Imbalance]:
        """Messages that do not balance, oldest first."""
        found = [one for life in self._lives.values() for one in _imbalances(life)]
        return sorted(self._imbalances + found, key=lambda one: one.message.first_line)


def _states(life: MessageLife) -> Counter[tuple[str, str]]:
    mail = life.message.traffic_class in _MAIL
    states: Counter[tuple[str, str]] = Counter()
    for (direction, state), count in life.states().items():
        if state not in _ELSEWHERE:
            states[direction.value if mail else "notification", state] += count
    return states


def _imbalances(life: MessageLife) -> list[Imbalance]:
    why = life.imbalance()
    return [Imbalance(life.message, why)] if why else []
