"""Delivery-agent lines, with what strangers put into addresses and replies."""

import pytest

from mailtally_agent.postfix.delivery import parse_delivery

TAIL = "relay=mx.example[192.0.2.1]:25, delay=1.3, delays=0.1/0.02/1/0.2, dsn=2.0.0, status="


def test_all_fields() -> None:
    delivery = parse_delivery(
        "to=<a@b.example>, orig_to=<list@b.example>, relay=mx.example[2001:db8::1]:25, conn_use=3,"
        " delay=1.3, delays=0.1/0.02/1/0.2, tls=dane, dsn=5.7.26, status=bounced"
        " (host mx.example[2001:db8::1] said: 550-5.7.26 a 550 5.7.26 b (in reply to DATA command))"
    )

    assert delivery is not None
    assert (delivery.recipient, delivery.orig_to) == ("a@b.example", "list@b.example")
    assert delivery.hop == ("mx.example", "2001:db8::1", 25)
    assert delivery.measured == (
        3,
        1_300_000,
        100_000,
        20_000,
        1_000_000,
        200_000,
        "dane",
        "5.7.26",
    )
    assert (delivery.measured.enhanced_status, delivery.status) == ("5.7.26", "bounced")
    assert delivery.reply_text == (
        "host mx.example[2001:db8::1] said: 550-5.7.26 a 550 5.7.26 b (in reply to DATA command)"
    )
    assert (delivery.reply_code, delivery.reply_phase) == (550, "DATA")
    assert not delivery.reply_truncated
    assert not delivery.recipient_ambiguous


@pytest.mark.parametrize(
    ("address", "recipient"),
    [
        (
            '"x> , relay=none, status=sent (y"@b.example',
            '"x> , relay=none, status=sent (y"@b.example',
        ),
        (r'"a\"> b"@b.example', r'"a\"> b"@b.example'),
        ("", ""),
        ("a, status=sent (x@b.example", "a, status=sent (x@b.example"),
    ],
)
def test_address_forges_nothing(address: str, recipient: str) -> None:
    delivery = parse_delivery(f"to=<{address}>, {TAIL}deferred (host x[192.0.2.1] said: 450 no)")

    assert delivery is not None
    assert (delivery.recipient, delivery.status) == (recipient, "deferred")


@pytest.mark.parametrize(
    "reply",
    [
        "550 nope), status=sent (250 2.0.0 Ok: queued as FAKE123) to=<victim@b.example>",
        "550 5.7.1 to=<v@b.example>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (",
        "550 \u202eevil\u2028 said: 250 ok",
    ],
)
def test_reply_forges_nothing(reply: str) -> None:
    text = f"host mx.example[192.0.2.1] said: {reply} (in reply to RCPT TO command)"

    delivery = parse_delivery(f"to=<a@b.example>, {TAIL}bounced ({text})")

    assert delivery is not None
    assert (delivery.recipient, delivery.status) == ("a@b.example", "bounced")
    assert (delivery.reply_code, delivery.reply_text) == (550, text)


@pytest.mark.parametrize(
    ("status", "reply", "code"),
    [
        ("sent", "250 2.0.0 Ok: queued as 1234", 250),
        ("sent", "delivered to maildir", 0),
        ("deferred", "connect to mx.example[192.0.2.1]:25: Connection refused", 0),
        ("deferred", "host mx.example[192.0.2.1] refused to talk to me: 421 4.7.0 busy", 421),
        ("deferred", "delivery temporarily suspended: host a[192.0.2.1] said: 450 4.2.0 no", 450),
        ("bounced", "Name service error for name=550 said: 550", 0),
        ("bounced", "host mx.example[192.0.2.1] said: 5501 no reply", 0),
    ],
)
def test_reply_code_stands_where_postfix_quotes_the_server(
    status: str, reply: str, code: int
) -> None:
    delivery = parse_delivery(f"to=<a@b.example>, {TAIL}{status} ({reply})")

    assert delivery is not None
    assert delivery.reply_code == code


def test_line_cut_at_2000_bytes_keeps_its_outcome() -> None:
    delivery = parse_delivery(
        f"to=<a@b.example>, {TAIL}bounced (host mx.example[192.0.2.1] said: 550 " + "x" * 1800
    )

    assert delivery is not None
    assert (delivery.status, delivery.reply_code, delivery.reply_truncated) == (
        "bounced",
        550,
        True,
    )


@pytest.mark.parametrize(
    "text",
    [
        "to=<a@b.example",
        "to=<a@b.example>, status=sent (250 ok)",
        "to=<a@b.example>, relay=none, delay=1, status=sent (250 ok)",
        "to=<a@b.example>, delay=1, delays=0/0/0/0, relay=none, dsn=2.0.0, status=sent (a)",
        "to=<a@b.example>, relay=none, delay=1, delays=0/0/0/0, dsn=2.0.0, status=3 (a)",
        "to=<" + '"\\' * 30_000,
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert parse_delivery(text) is None


@pytest.mark.parametrize("delay", ["x", "1e999", "-1", "", "1.2.3", "9" * 400])
def test_number_that_is_none_costs_the_number_not_the_delivery(delay: str) -> None:
    delivery = parse_delivery(
        f"to=<a@b.example>, relay=none, delay={delay}, delays={delay}/0/0/0.5, dsn=2.0.0,"
        " status=sent (a)"
    )

    assert delivery is not None
    assert delivery.measured == (0, 0, 0, 0, 0, 500_000, "", "2.0.0")


@pytest.mark.parametrize(
    ("address", "recipient", "ambiguous"),
    [
        # Before Postfix 3.5, or with info_log_address_format=internal, there are no quotes.
        ('a"b@c.example', 'a"b@c.example', True),
        ("x> y@c.example", "x> y@c.example", True),
        (f"x>, {TAIL}sent (y@c.example", "x", True),
        ('"x> y"@c.example', '"x> y"@c.example', False),
        ("x y@c.example", "x y@c.example", False),
    ],
)
def test_22_address_without_quotes_is_read_and_marked(
    address: str, recipient: str, *, ambiguous: bool
) -> None:
    delivery = parse_delivery(f"to=<{address}>, {TAIL}deferred (connect to mx: refused)")

    assert delivery is not None
    assert (delivery.recipient, delivery.recipient_ambiguous) == (recipient, ambiguous)


@pytest.mark.parametrize(
    ("status", "reply", "phase"),
    [
        ("bounced", "host a[192.0.2.1] said: 550 no (in reply to RCPT TO command)", "RCPT TO"),
        (
            "bounced",
            "host a[192.0.2.1] said: 550 (in reply to x) (in reply to end of DATA command)",
            "end of DATA",
        ),
        ("deferred", "lost connection with a[192.0.2.1] while sending RCPT TO", ""),
        ("sent", "250 ok (in reply to RCPT TO command)", ""),
        ("bounced", "host a[192.0.2.1] said: 550 no (in reply to " + "x" * 100 + ")", ""),
    ],
)
def test_21_phase_is_the_last_words_of_postfix(status: str, reply: str, phase: str) -> None:
    delivery = parse_delivery(f"to=<a@b.example>, {TAIL}{status} ({reply})")

    assert delivery is not None
    assert delivery.reply_phase == phase
