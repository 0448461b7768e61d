"""The messages that are open, and how further lines find them.

Theory of operation
    Postfix names a message by its queue id, and uses short ids again. A message's life on this host
    is therefore a *generation* of (instance, queue id): it begins with ``client=`` or ``uid=`` (or,
    for mail that Postfix makes itself and when reading starts in mid-life, with the first line of
    that id) and ends with ``removed`` or a refusal by cleanup. Lines in between only add to it; the
    table of transition.py says what. Everything is a function of the lines read so far, so that
    reading again from a checkpoint makes the same records.
Limits
    Generations that never end (Postfix logs no ``removed`` for some refusals) are dropped when
    nothing was heard of them for longer than Postfix keeps mail, or a day when they never reached
    the queue.
"""

from collections.abc import Iterator
from itertools import islice

from mailtally_agent.direction import DirectionRules
from mailtally_agent.line_key import Line, Occurrences
from mailtally_agent.message import Message
from mailtally_agent.origin import Origin
from mailtally_agent.record import Record, What
from mailtally_agent.terms import TrafficClass

DAY_US = 86_400 * 1_000_000
# Postfix gives up after maximal_queue_lifetime, 5 days by default; a day on top for held mail.
KEEP_OPEN_US = 6 * DAY_US
_KEEP_UNACCEPTED_US = DAY_US
_SWEEP_EVERY_US = 3_600 * 1_000_000
# Messages among which a Message-ID is looked for: those of the last seconds.
_RECENT = 1_000
# A named tuple made without its own __new__ takes a quarter of the time; there are millions.
_new = tuple.__new__


class Correlator:
    """Open messages, and the records that were made of the lines so far."""

    def __init__(self, rules: DirectionRules) -> None:
        """Start with no message open."""
        self.rules = rules
        self.occurrences = Occurrences()
        self.records: list[Record] = []
        # Instance, then queue id.
        self.open: dict[str, dict[str, Message]] = {}
        self.dropped = 0
        self.swept_us = 0

    def take_records(self) -> list[Record]:
        """The records made since the last call."""
        records, self.records = self.records, []
        return records

    def instance(self, name: str) -> dict[str, Message]:
        """Messages of an instance that are open, by queue id."""
        return self.open.setdefault(name, {})

    def begin(self, origin: Origin, queue_id: str, line: Line, occurrence: int) -> Message:
        """Begin a generation with this line."""
        message = origin.opened[queue_id] = Message(origin.instance, queue_id, line, occurrence)
        return message

    def report(self, origin: Origin, queue_id: str, line: Line, what: What) -> Message:
        """Make a record about the message of that queue id, which begins here if none is open."""
        occurrence = self.occurrences.count(line[0], line[2])
        message = origin.opened.get(queue_id)
        if message is None:
            message = self.begin(origin, queue_id, line, occurrence)
        message.last_us = line[0]
        self.records.append(_new(Record, (line, occurrence, message, what)))
        return message

    def report_on(self, message: Message, line: Line, what: What) -> None:
        """Make a record about an open message that the line names in another way."""
        occurrence = self.occurrences.count(line[0], line[2])
        self.records.append(Record(line, occurrence, message, what))

    def elsewhere(self, queue_id: str, origin: Origin, but: Message | None) -> Message | None:
        """The open message of that queue id, of the origin's instance if possible; not ``but``."""
        message = origin.opened.get(queue_id)
        if message is not None and message is not but:
            return message
        others = (message for message in self._named(queue_id) if message is not but)
        return next(others, None)

    def find(self, queue_id: str, message_id: str) -> Message | None:
        """The open message of that queue id; without one, a late one of that Message-ID."""
        if queue_id:
            return next(self._named(queue_id), None)
        for opened in self.open.values():
            for message in islice(reversed(opened.values()), _RECENT):
                if message.message_id == message_id:
                    return message
        return None

    def oldest(self, count: int) -> list[Message]:
        """So many open messages, those that arrived first; they lie in the order of their lines."""
        few = [
            message for opened in self.open.values() for message in islice(opened.values(), count)
        ]
        return sorted(few, key=lambda message: message.arrival_us)[:count]

    def sweep(self, now_us: int) -> None:
        """Drop generations of which nothing was heard for too long; looks once an hour."""
        if now_us - self.swept_us <= _SWEEP_EVERY_US:
            return
        self.swept_us = now_us
        for opened in self.open.values():
            silent = [queue_id for queue_id, one in opened.items() if _is_over(one, now_us)]
            for queue_id in silent:
                del opened[queue_id]
            self.dropped += len(silent)

    def _named(self, queue_id: str) -> Iterator[Message]:
        return (opened[queue_id] for opened in self.open.values() if queue_id in opened)


def inherit(child: Message | None, traffic_class: TrafficClass) -> None:
    """Mark a message, if it is open, with the class of traffic that it carries on."""
    if child is not None and child.traffic_class is TrafficClass.MAIL:
        child.traffic_class = traffic_class


def _is_over(message: Message, now_us: int) -> bool:
    keep_us = KEEP_OPEN_US if message.accepted else _KEEP_UNACCEPTED_US
    return now_us - message.last_us > keep_us
