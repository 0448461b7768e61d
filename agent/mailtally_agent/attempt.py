"""What a delivery line does to its message: an attempt, and a link to where it led.

Gives     deliver(), the transition of every delivery agent's lines (transition.py).
Mirrors   postfix src/global/log_adhoc.c, src/local/forward.c.
"""

from typing import Final

from mailtally_agent.correlate import Correlator, inherit
from mailtally_agent.line_key import Line
from mailtally_agent.message import Message
from mailtally_agent.origin import Origin
from mailtally_agent.postfix.delivery import parse_delivery
from mailtally_agent.postfix.queue_line import is_queue_id
from mailtally_agent.record import Attempt, MessageLink, Record
from mailtally_agent.terms import Direction, Link, TrafficClass

_PROBED: Final = frozenset({"deliverable", "undeliverable", "undeliverable-but-not-cached"})
_FORWARDED = "forwarded as "
_QUEUED = "queued as "
# A named tuple made without its own __new__ takes a quarter of the time; there are millions.
_new = tuple.__new__


def deliver(state: Correlator, origin: Origin, queue_id: str, rest: str, line: Line) -> bool:
    """One try for one recipient; False when the line cannot be read."""
    delivery = parse_delivery(rest)
    if delivery is None:
        return False
    time_us = line[0]
    occurrence = state.occurrences.count(time_us, line[2])
    message = origin.opened.get(queue_id)
    if message is None:
        message = state.begin(origin, queue_id, line, occurrence)
        message.arrival_us = time_us - delivery.measured.delay_us
    message.last_us = time_us
    if delivery.status in _PROBED:
        message.traffic_class = TrafficClass.PROBE
    direction = state.rules.direction(origin.daemon, delivery)
    tls = origin.use_tls(queue_id, delivery) if origin.tls is not None else None
    attempt = _new(Attempt, (origin.daemon, direction, message.traffic_class, tls, delivery))
    state.records.append(_new(Record, (line, occurrence, message, attempt)))
    tail = delivery.tail
    if (_QUEUED in tail or tail.startswith(_FORWARDED)) and delivery.status == "sent":
        link = _link(state, origin, message, attempt)
        if link is not None:
            state.records.append(_new(Record, (line, occurrence, message, link)))
    return True


def _link(
    state: Correlator, origin: Origin, parent: Message, attempt: Attempt
) -> MessageLink | None:
    """Where a successful attempt led: ``forwarded as Q`` here, or ``queued as Q`` at the next hop.

    A stranger's next hop names no message of ours; the collector knows which are.
    """
    tail = attempt.delivery.tail
    if attempt.direction is Direction.LOCAL:
        child_queue_id = tail.removeprefix(_FORWARDED).rstrip(")")
        if not is_queue_id(child_queue_id):
            return None
        inherit(origin.opened.get(child_queue_id), TrafficClass.FORWARD)
        return MessageLink(Link.FORWARD, child_queue_id)
    child_queue_id = tail.rpartition(_QUEUED)[2].rstrip(")")
    if not is_queue_id(child_queue_id):
        return None
    if attempt.direction is Direction.INTERNAL_HOP:
        inherit(state.elsewhere(child_queue_id, origin, parent), parent.traffic_class)
    return _new(MessageLink, (Link.HOP, child_queue_id))
