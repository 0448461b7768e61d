"""What the mailboxes of the scripted world answer, by the first word of their local part.

Gives     Script for a recipient: ``full.7@corp.test`` is over quota, ``kim.7@corp.test`` accepts.
Limits    Replies are raw bytes, so that they can lie and can be no text at all. A refusal at the
          end of DATA is the answer to every recipient of that transaction (RFC 5321 3.3).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Script:
    """One mailbox's part: None accepts; ``first_try_only`` refuses once, as greylisting does."""

    at_rcpt: bytes | None = None
    at_end_of_data: bytes | None = None
    drop_at_end_of_data: bool = False
    first_try_only: bool = False
    accepting_text: bytes = b"2.0.0 Ok: queued as"


def multi_line(code: bytes, *lines: bytes) -> bytes:
    """Join lines into one reply: ``550-a``, ``550-b``, ``550 c``."""
    head = b"".join(code + b"-" + line + b"\r\n" for line in lines[:-1])
    return head + code + b" " + lines[-1] + b"\r\n"


ACCEPTS = Script()

SCRIPTS = {
    # permanent, at RCPT
    "nouser": Script(
        at_rcpt=multi_line(
            b"550",
            b"5.1.1 The email account that you tried to reach does not exist.",
            b"5.1.1 For more information, go to",
            b"5.1.1  https://support.gmail.test/mail/?p=NoSuchUser a1b2c3 - gsmtp",
        )
    ),
    "unknown": Script(at_rcpt=b"550 5.1.1 <unknown>: Recipient address rejected: User unknown\r\n"),
    "chkuser": Script(at_rcpt=b"550 sorry, no mailbox here by that name (#5.1.1 - chkuser)\r\n"),
    "quota": Script(at_rcpt=b"552 5.2.2 The recipient's inbox is out of storage space\r\n"),
    "eight": Script(
        at_rcpt=multi_line(b"550", *(b"5.7.1 line %d of 8, listed" % n for n in range(1, 9)))
    ),
    # permanent, at the end of DATA
    "spf": Script(
        at_end_of_data=multi_line(
            b"550",
            b"5.7.26 Your email has been blocked because the sender is unauthenticated.",
            b"5.7.26 Authentication results:",
            b"5.7.26  DKIM = did not pass",
            b"5.7.26  SPF [sender.test] with ip: [192.0.2.10] = did not pass",
            b"5.7.26  https://support.gmail.test/mail/answer/81126#authentication - gsmtp",
        )
    ),
    "spam": Script(at_end_of_data=b"554 5.7.1 Message rejected as spam by content filtering\r\n"),
    # temporary
    "full": Script(at_rcpt=b"452 4.2.2 The recipient's mailbox is full\r\n"),
    "grey": Script(
        at_rcpt=b"450 4.2.0 Greylisted, please try again in 300 seconds\r\n", first_try_only=True
    ),
    "later": Script(
        at_end_of_data=b"451 4.7.1 Message is being scanned, try again later\r\n",
        first_try_only=True,
    ),
    "drop": Script(drop_at_end_of_data=True),
    # hostile
    "liar": Script(
        at_rcpt=b"550 5.7.1 nope), status=sent (250 2.0.0 Ok: queued as FAKE123) "
        b"to=<victim@gmail.test>, relay=mx.gmail.test[192.0.2.1]:25, dsn=2.0.0, status=sent (250)"
        b"\r\n"
    ),
    "glad": Script(accepting_text=b"2.0.0 ok), dsn=5.0.0, status=bounced (550 5.1.1 no) removed"),
    "bidi": Script(
        at_rcpt="550 5.7.1 \u202etxet desrever\u202c \u2028host x said: 250 \u009b31m".encode()
        + b" \xff\xfe\xc3( \x1b[2J\r\n"
    ),
    "endless": Script(
        at_end_of_data=multi_line(
            b"550", *(b"5.7.1 paragraph %02d of a very long refusal " % n * 2 for n in range(40))
        )
    ),
    "longline": Script(at_rcpt=b"550 5.7.1 " + b"no and again " * 300 + b"\r\n"),
}


def script_for(recipient: str) -> Script:
    """Find the script by the first word of the local part, quotes ignored; accept by default."""
    return SCRIPTS.get(recipient.removeprefix('"').partition("@")[0].partition(".")[0], ACCEPTS)
