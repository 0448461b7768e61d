"""Replies of the same cause give the same template; what tells the cause stays."""
# ruff: noqa: ISC004 - long replies in pieces

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtally_collector.reply_template import reply_template

SAME = [
    (
        "host gmail-smtp-in.l.google.com[142.250.102.27] said: 550-5.1.1 The email account that you"
        " tried to reach does not exist. Please try 550-5.1.1 double-checking the recipient's email"
        " address for typos or 550-5.1.1 unnecessary spaces. For more information, go to 550 5.1.1"
        "  https://support.google.com/mail/?p=NoSuchUser 4fb4d7f45d1cf-5c3c0f3 - gsmtp"
        " (in reply to RCPT TO command)",
        "550-5.1.1 The email account that you tried to reach does not exist. Please try"
        " double-checking the recipient's email address for typos or unnecessary spaces. For more"
        " information, go to https://support.google.com/mail/ <id> - gsmtp",
    ),
    (
        "host gmail-smtp-in.l.google.com[2a00:1450:4025:c01::1b] said: 550-5.7.26 Your email has"
        " been blocked because the sender is unauthenticated. 550-5.7.26  SPF [example.com] with"
        " ip: [203.0.113.77] = did not pass 550 5.7.26"
        "  https://support.google.com/mail/answer/81126#authentication"
        " a640c23a62f3a-aa5996e5dd1si1108066b.55 - gsmtp (in reply to end of DATA command)",
        "550-5.7.26 Your email has been blocked because the sender is unauthenticated."
        " SPF [example.com] with ip: [<ip>] = did not pass"
        " https://support.google.com/mail/answer/81126 <id> - gsmtp",
    ),
    (
        "host mx.example.net[192.0.2.25] said: 550 5.1.1 <bob@example.net>: Recipient address"
        " rejected: User unknown in virtual mailbox table (in reply to RCPT TO command)",
        "550 5.1.1 <address>: Recipient address rejected: User unknown in virtual mailbox table",
    ),
    (
        "host mx.example.net[192.0.2.25]:25 said: 554 5.7.1 Service unavailable; Client host"
        " [203.0.113.9] blocked using zen.spamhaus.org;"
        " https://www.spamhaus.org/query/ip/203.0.113.9 (in reply to RCPT TO command)",
        "554 5.7.1 Service unavailable; Client host [<ip>] blocked using zen.spamhaus.org;"
        " https://www.spamhaus.org/query/ip/203.0.113.9",
    ),
    (
        "host example-org.mail.protection.outlook.com[52.101.73.4] said: 451 4.7.500 Server busy."
        " Please try again later from [203.0.113.5]. (S77719)"
        " [DB5PEPF00014B90.eurprd02.prod.outlook.com 2026-11-23T10:11:12.345Z 08DD0B6F7C2D1A33]"
        " (in reply to end of DATA command)",
        "451 4.7.500 Server busy. Please try again later from [<ip>]. (S77719)"
        " [<id>.<id>.prod.outlook.com <time> <id>]",
    ),
    (
        "host mta5.am0.yahoodns.net[67.195.228.94] said: 421 4.7.0 [TSS04] Messages from"
        " 203.0.113.5 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1;"
        " see https://postmaster.yahooinc.com/error-codes (in reply to MAIL FROM command)",
        "421 4.7.0 [TSS04] Messages from <ip> temporarily deferred due to unexpected volume or user"
        " complaints - <ip>; see https://postmaster.yahooinc.com/error-codes",
    ),
    (
        "host mx.example.net[192.0.2.25] refused to talk to me: 421 4.3.2 Too many connections",
        "421 4.3.2 Too many connections",
    ),
    (
        "delivery temporarily suspended: host mx.example.net[192.0.2.25] refused to talk to me:"
        " 421 4.3.2 Too many connections",
        "421 4.3.2 Too many connections",
    ),
    (
        "connect to mx.example.net[192.0.2.25]:25: Connection timed out",
        "connect to <host>: Connection timed out",
    ),
    (
        "connect to mx2.example.org[2001:db8::25]:25: Connection timed out",
        "connect to <host>: Connection timed out",
    ),
    (
        "Host or domain name not found. Name service error for name=gone.example type=MX: Host not"
        " found, try again",
        "Host or domain name not found. Name service error for name=<host> type=MX: Host not"
        " found, try again",
    ),
    (
        "lost connection with mx.example.net[192.0.2.25] while receiving the initial server"
        " greeting",
        "lost connection with <host> while receiving the initial server greeting",
    ),
    (
        "conversation with mx.example.net[192.0.2.25] timed out while sending message body",
        "conversation with <host> timed out while sending message body",
    ),
    (
        "host mx.example.net[192.0.2.25] said: 452 4.2.2 The email account that you tried to reach"
        " is over quota <jane.doe+x@example.net> id=12345678 (in reply to RCPT TO command)",
        "452 4.2.2 The email account that you tried to reach is over quota <address> id=<id>",
    ),
    (
        "host mx.example.net[192.0.2.25] said: 450 4.2.0 <a@example.net>: Recipient address"
        " rejected: Greylisted, see http://postgrey.example/help/x.html?q=1 (in reply to RCPT TO"
        " command)",
        "450 4.2.0 <address>: Recipient address rejected: Greylisted, see"
        " http://postgrey.example/help/x.html",
    ),
    (
        "message size 31457280 exceeds size limit 26214400 of server mx.example.net[192.0.2.25]",
        "message size <id> exceeds size limit <id> of server <host>",
    ),
    ("mail for example.net loops back to myself", "mail for <host> loops back to myself"),
    (
        'unknown user: "bob"',
        "unknown user: <address>",
    ),
    (
        "host mx.example.net[192.0.2.25] said: 554 5.7.1 rejected, queued as 4fQkzL3vJfz9tTh (in"
        " reply to end of DATA command)",
        "554 5.7.1 rejected, queued as <id>",
    ),
    (
        'host mx[192.0.2.25] said: 550 5.1.1 "odd name@x"@example.net unknown',
        "550 5.1.1 <address> unknown",
    ),
]


@pytest.mark.parametrize(("reply", "template"), SAME)
def test_a_reply_becomes_its_template(reply: str, template: str) -> None:
    assert reply_template(reply.encode()).decode() == template


def test_what_differs_between_messages_does_not_differ_between_templates() -> None:
    replies = {
        reply_template(
            b"host mx%d.example.net[192.0.2.%d] said: 550 5.7.1 <u%d@example.net>: blocked, ref"
            b" %08xab12 at 203.0.113.%d (in reply to RCPT TO command)" % (n, n, n, n * 7919, n)
        )
        for n in range(1, 200)
    }
    assert replies == {b"550 5.7.1 <address>: blocked, ref <id> at <ip>"}


@pytest.mark.parametrize(
    "hostile",
    [
        b"a@" * 50_000,
        b"<" * 100_000,
        b"host " * 20_000,
        b"1." * 50_000,
        b":" * 100_000,
        b"0:" * 50_000,
        b'"' * 100_000,
        b'"@' * 50_000,
        b"550-5.7.1 " * 10_000,
        b"http://" * 15_000,
        b"A1" * 50_000,
        b"(in reply to " * 8_000,
        b"host a[" * 10_000,
    ],
)
def test_hostile_text_costs_no_time(hostile: bytes) -> None:
    began = time.process_time()
    reply_template(hostile)
    assert time.process_time() - began < 0.1


@given(st.binary(max_size=300))
def test_any_bytes_give_a_template_that_is_its_own(text: bytes) -> None:
    once = reply_template(text)
    assert len(once) <= 5_000
    assert reply_template(text) == once
