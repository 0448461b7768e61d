"""What Postfix's log lines about messages say, as values.

Tuples that hold the parts of a line as they were logged: a line is taken apart as far as it must be
to be counted. What else follows from a part is a property, worked out when it is asked for.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from mailtally_agent.postfix.relay import Relay, seconds_us, split_relay
from mailtally_agent.postfix.reply import reply_code, reply_phase

_MEASURES = re.compile(
    r"(?:conn_use=(\d{1,9}), )?delay=([^,]*), delays=([^,/]*)/([^,/]*)/([^,/]*)/([^,/]*)"
    r"(?:, tls=(.*))?, dsn=([^,]*)",
    re.DOTALL,
)
# Where addresses are not quoted, one that holds this makes a line with two readings.
_SECOND_READING = re.compile(r">, relay=[^,]*, (?:conn_use=\d+, )?delay=")
_CIPHER = re.compile(r"([\w.]{1,20}) with cipher ([\w-]{1,60})")


class Client(NamedTuple):
    """Where a message was received from (smtpd.c)."""

    name: str
    address: str
    sasl_method: str
    sasl_username: str


class Submitted(NamedTuple):
    """``uid=… from=<…>``: a message begins, submitted on this host (pickup.c).

    requeued_from   the queue id that it had before ``postsuper -r``; empty for new mail
    """

    uid: int
    requeued_from: str


class Measures(NamedTuple):
    """How long a delivery took, microseconds, over what connection, and how it ended.

    conn_use    deliveries that the connection has carried; 0 when it is new
    tls_policy  the field ``tls=`` of Postfix 3.11 and later; empty before
    """

    conn_use: int
    delay_us: int
    pdelay_us: int
    adelay_us: int
    sdelay_us: int
    xdelay_us: int
    tls_policy: str
    enhanced_status: str


class DeliveryLogged(NamedTuple):
    """One try for one recipient (log_adhoc.c).

    relay       ``host[address]:port``, or a word like ``none``
    measures    the fields between relay and status
    tail        what follows ``status=… (``, with the closing parenthesis if the line has it
    unquoted    the recipient's end could only be guessed
    """

    recipient: str
    orig_to: str
    relay: str
    measures: str
    status: str
    tail: str
    unquoted: bool

    @property
    def hop(self) -> Relay:
        """The next hop in its parts."""
        return split_relay(self.relay)

    @property
    def reply_text(self) -> str:
        """Everything that the line says of the outcome."""
        return self.tail.removesuffix(")")

    @property
    def reply_truncated(self) -> bool:
        """Whether the line ended before the closing parenthesis."""
        return not self.tail.endswith(")")

    @property
    def reply_code(self) -> int:
        """The server's three digits, 0 when none answered."""
        return reply_code(self.status, self.tail)

    @property
    def reply_phase(self) -> str:
        """The command that was answered; empty when the log names none."""
        return reply_phase(self.status, self.reply_text)

    @property
    def recipient_ambiguous(self) -> bool:
        """Whether the line can be read in two ways, which quotes around addresses would prevent."""
        return (
            self.unquoted
            or ">, relay=" in f"{self.relay}, {self.measures}"
            or any(map(_SECOND_READING.search, (self.tail, self.recipient, self.orig_to)))
        )

    @property
    def measured(self) -> Measures:
        """The fields between relay and status; what is no number counts as 0."""
        match = _MEASURES.fullmatch(self.measures)
        if match is None:
            enhanced_status = self.measures.rpartition(", dsn=")[2]
            return Measures(0, 0, 0, 0, 0, 0, "", enhanced_status)
        conn_use, delay, pdelay, adelay, sdelay, xdelay, tls_policy, dsn = match.groups("")
        return Measures(
            int(conn_use or 0),
            seconds_us(delay),
            seconds_us(pdelay),
            seconds_us(adelay),
            seconds_us(sdelay),
            seconds_us(xdelay),
            tls_policy,
            dsn,
        )


class Tls(NamedTuple):
    """A TLS session with the next hop: how far its certificate was checked, and with what."""

    trust: str
    protocol: str
    cipher: str


class TlsLine(NamedTuple):
    """``Trusted TLS connection established to H[ip]:25: TLSv1.3 with cipher …`` (tls_client.c).

    subject, rest   what stands before and behind the colon in front of the protocol
    """

    subject: str
    rest: str

    @property
    def session(self) -> Tls | None:
        """The session in its parts; None when the line is cut short."""
        return _session(self)


@lru_cache(maxsize=1024)
def _session(line: TlsLine) -> Tls | None:
    match = _CIPHER.match(line.rest)
    return Tls(line.subject.partition(" ")[0], match[1], match[2]) if match else None


class SpamScored(NamedTuple):
    """What a spam filter thought of a message.

    score, required  None when the line tells none
    queue_id         empty when the line names the message by its Message-ID alone
    """

    scanner: str
    score: float | None
    required: float | None
    verdict: str
    queue_id: str
    message_id: str
