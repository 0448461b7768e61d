"""Lines about a message in the queue: ``<queue id>: <what happened>``.

Gives     for each daemon a parser of what follows the queue id: the event; None for lines that say
          nothing about deliveries; Unparsed for one that looks like ours and cannot be read.
Mirrors   the sources named at each function; queue ids as in src/global/mail_queue.h.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from mailtally_agent.postfix.address import bracketed_end
from mailtally_agent.postfix.delivery import parse_delivery
from mailtally_agent.postfix.event import (
    ClientConnected,
    Expired,
    Held,
    MessageIdSeen,
    NotificationSent,
    PostfixEvent,
    QueueActive,
    Refused,
    Released,
    Removed,
    Requeued,
    Submitted,
)

# Short ids: five hexadecimal digits of microseconds and the inode number, upper case. Long ids: at
# least six and four digits in base 52 without vowels, "z", and the inode number in base 51.
_QUEUE_ID = re.compile(r"[0-9A-F]{6,20}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{12,30}")
_CLIENT = re.compile(
    r"client=(?P<name>[^\[]*)\[(?P<address>[^\]]*)\](?::\d+)?"
    r"(?:, sasl_method=(?P<method>[^,]*))?"
    r"(?:, sasl_username=(?P<user>.*?))?"
    r"(?:, sasl_sender=.*)?(?:, orig_queue_id=.*)?(?:, orig_client=.*)?"
)
_UID = re.compile(r"uid=(\d{1,10}) from=<")
_REQUEUED_FROM = re.compile(r" orig_id=([0-9A-Za-z]+)")
_SIZES = re.compile(r"size=(\d{1,18}), nrcpt=(\d{1,9}) \(queue active\)")
_NOTIFICATION = re.compile(
    r"(?:sender|postmaster) (?:non-delivery|delay|delivery status) notification: ([0-9A-Za-z]+)"
)
_REFUSALS = ("reject: ", "milter-reject: ", "discard: ", "milter-discard: ")
# Said by delivery agents and the queue manager about a message, without being an outcome.
_REMARKS = (
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


class Unparsed(NamedTuple):
    """A line of a Postfix daemon about a message that this version cannot read."""

    text: str


Parser = Callable[[str], PostfixEvent | Unparsed | None]


def parser_of(daemon: str) -> Parser | None:
    """The function that reads the text behind ``<queue id>: `` of that daemon's lines, if any."""
    return _PARSERS.get(daemon)


def is_queue_id(text: str) -> bool:
    """Whether this can be a queue id: no word, not ``NOQUEUE``, not ``warning``."""
    return _QUEUE_ID.fullmatch(text) is not None


def _delivery_agent(rest: str) -> PostfixEvent | Unparsed | None:
    """smtp, lmtp, local, virtual, pipe, error, retry, discard: src/global/log_adhoc.c."""
    if rest.startswith("to=<"):
        return parse_delivery(rest) or Unparsed(rest)
    return None if rest.startswith(_REMARKS) else Unparsed(rest)


def _qmgr(rest: str) -> PostfixEvent | Unparsed | None:
    """Active and expired messages: src/global/opened.c, src/qmgr/qmgr_active.c."""
    if rest == "removed":
        return Removed(by_administrator=False)
    if not rest.startswith("from=<"):
        return _delivery_agent(rest)
    end = bracketed_end(rest, 6)
    tail = rest[end + 1 :]
    if end >= 0 and tail.startswith(", size="):
        sizes = _SIZES.fullmatch(tail, 2)
        if sizes is not None:
            return QueueActive(rest[6:end], int(sizes[1]), int(sizes[2]))
    elif end >= 0 and tail.startswith((", status=expired", ", status=force-expired")):
        return Expired()
    return Unparsed(rest)


def _smtpd(rest: str) -> PostfixEvent | Unparsed | None:
    """Received by SMTP: src/smtpd/smtpd.c. Restrictions that act on a message are not outcomes."""
    if not rest.startswith("client="):
        return None
    match = _CLIENT.fullmatch(rest)
    if match is None:
        return Unparsed(rest)
    return ClientConnected(
        match["name"], match["address"], match["method"] or "", match["user"] or ""
    )


def _pickup(rest: str) -> PostfixEvent | Unparsed | None:
    """Submitted on this host: src/pickup/pickup.c."""
    if not rest.startswith("uid="):
        return None
    match = _UID.match(rest)
    end = bracketed_end(rest, match.end()) if match else -1
    if match is None or end < 0:
        return Unparsed(rest)
    orig_id = _REQUEUED_FROM.fullmatch(rest, end + 1)
    return Submitted(int(match[1]), orig_id[1] if orig_id else "")


def _cleanup(rest: str) -> PostfixEvent | Unparsed | None:
    """Message ids and refusals: src/cleanup/cleanup_message.c, cleanup_milter.c."""
    if rest.startswith("message-id="):
        return MessageIdSeen(rest[11:])
    return Refused() if rest.startswith(_REFUSALS) else None


def _bounce(rest: str) -> PostfixEvent | Unparsed | None:
    """Notices about a message: src/bounce/bounce_notify_service.c and its siblings."""
    match = _NOTIFICATION.fullmatch(rest)
    return NotificationSent(match[1]) if match else None


def _postsuper(rest: str) -> PostfixEvent | Unparsed | None:
    """What the administrator did: src/postsuper/postsuper.c."""
    return _ADMINISTRATION.get(rest)


_ADMINISTRATION: dict[str, PostfixEvent] = {
    "removed": Removed(by_administrator=True),
    "placed on hold": Held(),
    "released from hold": Released(),
    "requeued": Requeued(),
}
_PARSERS: dict[str, Parser] = {
    "smtp": _delivery_agent,
    "lmtp": _delivery_agent,
    "local": _delivery_agent,
    "virtual": _delivery_agent,
    "pipe": _delivery_agent,
    "error": _delivery_agent,
    "retry": _delivery_agent,
    "discard": _delivery_agent,
    "qmgr": _qmgr,
    "nqmgr": _qmgr,
    "oqmgr": _qmgr,
    "smtpd": _smtpd,
    "qmqpd": _smtpd,
    "pickup": _pickup,
    "cleanup": _cleanup,
    "bounce": _bounce,
    "postsuper": _postsuper,
}
