"""Handing messages to a private Postfix, by SMTP or with the sendmail command.

Mirrors   RFC 5321 submission to smtpd(8); sendmail(1), postdrop(1), pickup(8).
Gives     Message, what to hand over; Injected, what became of it; Refused.
Limits    Addresses are sent as they are written: smtplib would rewrite quoted local parts.
"""

import smtplib
import time
from dataclasses import dataclass

from tests.postfix.private_postfix import PrivatePostfix


@dataclass(frozen=True, slots=True)
class Message:
    """One message; addresses in the external form (RFC 5321), null sender as the empty string."""

    envelope_sender: str
    recipients: tuple[str, ...]
    via: str = "smtp"
    subject: str = "Your order"
    message_id: str | None = None
    size: int = 600


@dataclass(frozen=True, slots=True)
class Injected:
    """A message that Postfix took; sendmail(1) does not tell the queue id."""

    message: Message
    injected_us: int
    size: int
    queue_id: str | None


class Refused(RuntimeError):  # noqa: N818  smtpd's decision, not a mistake
    """smtpd answered no; ``args`` are reply code and text."""


def inject(postfix: PrivatePostfix, message: Message) -> Injected:
    """Hand a message over; Refused when smtpd declines it."""
    text = content(message)
    if message.via == "sendmail":
        argv = ("sendmail", "-C", str(postfix.config_directory), "-i", "-f")
        sender = message.envelope_sender or "<>"
        postfix.command(*argv, sender, "--", *message.recipients, stdin=text)
        return Injected(message, time.time_ns() // 1000, len(text), None)
    with smtplib.SMTP("127.0.0.1", postfix.port, "client.mailtally.test", timeout=60) as client:
        client.ehlo()
        expect(client.docmd("MAIL", f"FROM:<{message.envelope_sender}>"))
        for recipient in message.recipients:
            expect(client.docmd("RCPT", f"TO:<{recipient}>"))
        answer = expect(client.data(text))
    queue_id = answer.decode().rpartition("queued as ")[2]
    return Injected(message, time.time_ns() // 1000, len(text), queue_id)


def expect(reply: tuple[int, bytes]) -> bytes:
    """Text of a 2xx reply; Refused for any other."""
    code, text = reply
    if code // 100 != 2:
        raise Refused(code, text.decode("utf-8", "replace"))
    return text


def content(message: Message) -> bytes:
    """Header and body, padded to about ``size`` bytes."""
    head = [
        f"From: <{message.envelope_sender or 'autoreply@shop-one.test'}>",
        "To: undisclosed-recipients:;",
        f"Subject: {message.subject}",
        "Date: Mon, 02 Nov 2026 10:00:00 +0000",
    ]
    if message.message_id is not None:
        head.append(f"Message-ID: {message.message_id}")
    body = "\n".join(head) + "\n\nHello,\n"
    lines = max(0, message.size - len(body)) // 61
    return (body + ("." * 60 + "\n").replace(".", "x") * lines).encode()
