"""Other lines about a message in the queue: ``<queue id>: <what happened>``.

Gives     for each kind of line the event that it tells, or None when it cannot be read.
Mirrors   the sources named at each function; queue ids as in src/global/mail_queue.h.
"""

import re
from functools import lru_cache

from mailtally_agent.postfix.address import ADDRESS, bracketed_end
from mailtally_agent.postfix.event import Client, Submitted

# Short ids: five hexadecimal digits of microseconds and the inode number, upper case. Long ids: at
# least six and four digits in base 52 without vowels, "z", and the inode number in base 51.
_QUEUE_ID = re.compile(r"[0-9A-F]{6,20}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{12,30}")
_CLIENT = re.compile(
    r"client=([^\[]*)\[([^\]]*)\](?::\d+)?"
    r"(?:, sasl_method=([^,]*))?(?:, sasl_username=(.*?))?"
    r"(?:, sasl_sender=.*?)?(?:, orig_queue_id=([0-9A-Za-z]*))?(?:, orig_client=.*)?"
)
_UID = re.compile(r"uid=(\d{1,10}) from=<")
_REQUEUED_FROM = re.compile(r" orig_id=([0-9A-Za-z]+)")
_SIZES = r"size=(\d{1,18}), nrcpt=(\d{1,9}) \(queue active\)"
_ACTIVE = re.compile(rf"from=<({ADDRESS})>, {_SIZES}", re.DOTALL)
_ACTIVE_UNQUOTED = re.compile(rf"from=<(.*)>, {_SIZES}", re.DOTALL)
_EXPIRED = re.compile(r"from=<.*>, status=(?:force-)?expired, returned to sender", re.DOTALL)
_NOTIFICATION = re.compile(
    r"(?:sender|postmaster) (?:non-delivery|delay|delivery status) notification: ([0-9A-Za-z]+)"
)
_ACTIVE_END = " (queue active)"


# Whether a text can be a queue id: no word, not ``NOQUEUE``, not ``warning``. Asked of every line.
is_queue_id = _QUEUE_ID.fullmatch


def parse_active(rest: str) -> tuple[str, int, int] | None:
    """Sender, size in bytes and number of recipients of a message that becomes active.

    ``from=<…>, size=…, nrcpt=… (queue active)``: src/global/opened.c, again on every retry.
    """
    sender, _, sizes = rest.partition(">, size=")
    size, _, end = sizes.partition(", nrcpt=")
    count, active, after = end.partition(_ACTIVE_END)
    if active and not after and '"' not in sender and size.isdecimal() and count.isdecimal():
        return sender[6:], int(size), int(count)
    match = _ACTIVE.fullmatch(rest) or _ACTIVE_UNQUOTED.fullmatch(rest)
    return (match[1], int(match[2]), int(match[3])) if match else None


def is_expired(rest: str) -> bool:
    """``from=<…>, status=expired, returned to sender``: src/qmgr/qmgr_active.c."""
    return _EXPIRED.fullmatch(rest) is not None


@lru_cache(maxsize=4096)
def parse_client(rest: str) -> Client | None:
    """``client=…`` of a message received by SMTP: src/smtpd/smtpd.c."""
    match = _CLIENT.fullmatch(rest)
    return Client(match[1], match[2], match[3] or "", match[4] or "") if match else None


def original_queue_id(rest: str) -> str:
    """The queue id before a content filter, when ``client=…`` names it; else empty.

    A client that logs in chooses its name and its sasl_sender (``MAIL FROM … AUTH=``), which may
    end in the words that a filter would cause: such a client is believed nothing.
    """
    if ", orig_queue_id=" not in rest or ", sasl_" in rest:
        return ""
    match = _CLIENT.fullmatch(rest)
    return match[5] or "" if match else ""


def parse_submission(rest: str) -> Submitted | None:
    """``uid=…``: submitted on this host: src/pickup/pickup.c."""
    match = _UID.match(rest)
    end = bracketed_end(rest, match.end()) if match else -1
    if match is None or end < 0:
        return None
    orig_id = _REQUEUED_FROM.fullmatch(rest, end + 1)
    return Submitted(int(match[1]), orig_id[1] if orig_id else "")


def parse_notification(rest: str) -> str | None:
    """Queue id of a notice about a message: src/bounce/bounce_notify_service.c and siblings."""
    match = _NOTIFICATION.fullmatch(rest)
    return match[1] if match else None
