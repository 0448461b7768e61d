"""What each kind of line does to the message that it names: the table of the state machine.

        line             none open   what it does                               record
        client=, uid=    begins one  even if one was open under that id; is
                                     linked to the message that it goes on from   Link
        message-id=      begins one  is remembered
        from=, size=     begins one  the first time only                          Accepted
        to=              begins one  tells where it led, if it says so (attempt)  Attempt, Link
        expired, held …  begins one                                               Changed
        notification: Q  begins one  marks Q as a notification                    Link
        removed          begins one  ends it                                      Changed
        refused          nothing     ends it: it never was in the queue

Gives     TRANSITIONS: for each daemon, by the first four characters behind the queue id, the
          function to call. It returns False when the line cannot be read.
Mirrors   the sources named at each function.
"""

from collections.abc import Callable, Mapping
from typing import Final

from mailtally_agent.attempt import deliver
from mailtally_agent.correlate import Correlator, inherit
from mailtally_agent.line_key import Line
from mailtally_agent.origin import Origin
from mailtally_agent.postfix.queue_line import (
    is_expired,
    original_queue_id,
    parse_active,
    parse_client,
    parse_notification,
    parse_submission,
)
from mailtally_agent.record import MessageAccepted, MessageChanged, MessageLink, Record
from mailtally_agent.terms import Change, Link, TrafficClass

Transition = Callable[[Correlator, Origin, str, str, Line], bool]
Shapes = Mapping[str, Transition]

# What cleanup does to a message as a whole; others (warning, redirect, info …) let it go on.
_REFUSALS = ("reject: ", "milter-reject: ", "discard: ", "milter-discard: ", "removed (")
_HOLDS = ("hold: ", "milter-hold: ")
_COMPLETED: Final = MessageChanged(Change.COMPLETED)
_EXPIRED: Final = MessageChanged(Change.EXPIRED)
_HELD: Final = MessageChanged(Change.HELD)
_ADMINISTRATION: Final = {
    "removed": MessageChanged(Change.REMOVED),
    "placed on hold": _HELD,
    "released from hold": MessageChanged(Change.RELEASED),
    "requeued": MessageChanged(Change.REQUEUED),
}
_new = tuple.__new__


def _active(state: Correlator, origin: Origin, queue_id: str, rest: str, line: Line) -> bool:
    """In the queue, or given up: src/global/opened.c, src/qmgr/qmgr_active.c."""
    message = origin.opened.get(queue_id)
    if message is not None and message.accepted and rest.endswith("(queue active)"):
        message.last_us = line[0]
        return True
    event = parse_active(rest)
    if event is None:
        if is_expired(rest):
            state.report(origin, queue_id, line, _EXPIRED)
        return is_expired(rest)
    facts = (message.message_id, message.client, message.submit_uid) if message else ("", "", -1)
    accepted = _new(MessageAccepted, event + facts)
    message = state.report(origin, queue_id, line, accepted)
    message.accepted = True
    if message.traffic_class is TrafficClass.MAIL:
        message.traffic_class = accepted.traffic_class
    return True


def _client(state: Correlator, origin: Origin, queue_id: str, rest: str, line: Line) -> bool:
    """Received by SMTP: src/smtpd/smtpd.c, src/qmqpd/qmqpd.c."""
    occurrence = state.occurrences.count(line[0], line[2])
    message = state.begin(origin, queue_id, line, occurrence)
    message.origin_seen = True
    if "orig_queue_id=" in rest:
        if parse_client(rest) is None:
            return False
        parent = state.elsewhere(original_queue_id(rest), origin, message)
        if parent is not None:
            inherit(message, parent.traffic_class)
            link = MessageLink(Link.HOP, queue_id)
            state.records.append(Record(line, occurrence, parent, link))
    return True


def _submitted(state: Correlator, origin: Origin, queue_id: str, rest: str, line: Line) -> bool:
    """Submitted on this host, or going on after ``postsuper -r``: src/pickup/pickup.c."""
    event = parse_submission(rest)
    if event is None:
        return False
    occurrence = state.occurrences.count(line[0], line[2])
    message = state.begin(origin, queue_id, line, occurrence)
    message.origin_seen = True
    message.submit_uid = event.uid
    earlier = origin.opened.pop(event.requeued_from, None)
    if earlier is not None and earlier is not message:
        message.continue_from(earlier)
        message.traffic_class = earlier.traffic_class
        link = MessageLink(Link.REQUEUE, queue_id)
        state.records.append(Record(line, occurrence, earlier, link))
    return True


def _message_id(state: Correlator, origin: Origin, queue_id: str, rest: str, line: Line) -> bool:
    """The header: src/cleanup/cleanup_message.c."""
    if not rest.startswith("message-id="):
        return True
    message = origin.opened.get(queue_id)
    if message is None:
        occurrence = state.occurrences.count(line[0], line[2])
        message = state.begin(origin, queue_id, line, occurrence)
    message.last_us = line[0]
    message.message_id = rest[11:]
    return True


def _removed(state: Correlator, origin: Origin, queue_id: str, rest: str, line: Line) -> bool:
    """The queue file is gone: src/qmgr/qmgr_active.c."""
    if rest != "removed":
        return False
    state.report(origin, queue_id, line, _COMPLETED)
    del origin.opened[queue_id]
    return True


def _filtered(state: Correlator, origin: Origin, queue_id: str, rest: str, line: Line) -> bool:
    """Refused, thrown away or held: src/cleanup/cleanup_message.c, cleanup_milter.c, _api.c."""
    if rest.startswith(_REFUSALS):
        origin.opened.pop(queue_id, None)
    elif rest.startswith(_HOLDS):
        state.report(origin, queue_id, line, _HELD)
    return True


def _access(state: Correlator, origin: Origin, queue_id: str, rest: str, line: Line) -> bool:
    """Held by an access table: src/smtpd/smtpd_check.c. A refusal there concerns one recipient."""
    if rest.startswith("hold: "):
        state.report(origin, queue_id, line, _HELD)
    return True


def _notified(state: Correlator, origin: Origin, queue_id: str, rest: str, line: Line) -> bool:
    """Notices about a message: src/bounce/bounce_notify_service.c and its siblings."""
    child_queue_id = parse_notification(rest)
    if child_queue_id is not None:
        inherit(origin.opened.get(child_queue_id), TrafficClass.NOTIFICATION)
        link = MessageLink(Link.NOTIFICATION, child_queue_id)
        state.report(origin, queue_id, line, link)
    return True


def _administered(state: Correlator, origin: Origin, queue_id: str, rest: str, line: Line) -> bool:
    """What the administrator did: src/postsuper/postsuper.c."""
    changed = _ADMINISTRATION.get(rest)
    if changed is not None:
        state.report(origin, queue_id, line, changed)
        if changed.change is Change.REMOVED:
            del origin.opened[queue_id]
    return True


_AGENT: Final[Shapes] = {"to=<": deliver}
_QMGR: Final[Shapes] = {"from": _active, "remo": _removed, "to=<": deliver}
_SMTPD: Final[Shapes] = {"clie": _client, "hold": _access}
_CLEANUP: Final = ("reje", "milt", "disc", "remo", "hold")
_AGENTS: Final = ("smtp", "lmtp", "local", "virtual", "pipe", "error", "retry", "discard")
TRANSITIONS: Final[Mapping[str, Shapes]] = {
    **dict.fromkeys(_AGENTS, _AGENT),
    **dict.fromkeys(("qmgr", "nqmgr", "oqmgr"), _QMGR),
    **dict.fromkeys(("smtpd", "qmqpd"), _SMTPD),
    "pickup": {"uid=": _submitted},
    "cleanup": {"mess": _message_id, **dict.fromkeys(_CLEANUP, _filtered)},
    "bounce": dict.fromkeys(("send", "post"), _notified),
    "postsuper": dict.fromkeys(("remo", "plac", "rele", "requ"), _administered),
}
# Said by delivery agents and the queue manager about a message, without being an outcome; what else
# they say counts as unparsed.
REMARKS: Final = (
    "host ",
    "lost connection with ",
    "conversation with ",
    "enabling PIX workarounds",
    "Server certificate ",
    "server certificate ",
    "certificate ",
    "breaking line ",
    "skipped, still being delivered",
    "passing <",
    "status=deferred (",
)
