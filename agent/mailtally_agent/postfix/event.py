"""What one Postfix log line says, as values.

Tuples rather than dataclasses: millions of these are made, and a frozen dataclass costs four times
as much to make.
"""

from typing import NamedTuple


class ClientConnected(NamedTuple):
    """``client=…``: a message begins, received by SMTP (smtpd.c) or QMQP."""

    client_name: str
    client_address: str
    sasl_method: str
    sasl_username: str


class Submitted(NamedTuple):
    """``uid=… from=<…>``: a message begins, submitted on this host (pickup.c).

    requeued_from   the queue id that it had before ``postsuper -r``; empty for new mail
    """

    uid: int
    requeued_from: str


class MessageIdSeen(NamedTuple):
    """``message-id=…`` as logged (cleanup_message.c); brackets kept, may be anything."""

    message_id: str


class QueueActive(NamedTuple):
    """``from=<…>, size=…, nrcpt=… (queue active)`` (opened.c); logged again on every retry."""

    envelope_sender: str
    size_bytes: int
    recipient_count: int


class DeliveryLogged(NamedTuple):
    """One try for one recipient (log_adhoc.c). Durations in microseconds.

    relay_host      host name, or the whole field when it is not ``host[address]:port``
    reply_code      0 when no server answered
    reply_text      the text in parentheses, whole
    reply_truncated the line ended before the closing parenthesis
    """

    recipient: str
    orig_to: str
    relay_host: str
    relay_address: str
    relay_port: int
    conn_use: int
    delay_us: int
    pdelay_us: int
    adelay_us: int
    sdelay_us: int
    xdelay_us: int
    enhanced_status: str
    status: str
    reply_code: int
    reply_text: str
    reply_truncated: bool


class Expired(NamedTuple):
    """``from=<…>, status=expired, returned to sender`` (qmgr_active.c): names no recipient."""


class Removed(NamedTuple):
    """``removed``: the queue file is gone. By an administrator when postsuper says it."""

    by_administrator: bool


class Held(NamedTuple):
    """``placed on hold`` (postsuper.c)."""


class Released(NamedTuple):
    """``released from hold`` (postsuper.c)."""


class Requeued(NamedTuple):
    """``requeued`` (postsuper.c): goes on under another queue id, see Submitted."""


class Refused(NamedTuple):
    """Cleanup refused or threw away the message before it was queued (cleanup_milter.c and others).

    No ``removed`` follows such a line.
    """


class NotificationSent(NamedTuple):
    """``sender non-delivery notification: Q2`` (bounce_notify_service.c and its siblings)."""

    child_queue_id: str


PostfixEvent = (
    ClientConnected
    | Submitted
    | MessageIdSeen
    | QueueActive
    | DeliveryLogged
    | Expired
    | Removed
    | Held
    | Released
    | Requeued
    | Refused
    | NotificationSent
)
