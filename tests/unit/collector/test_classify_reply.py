"""Replies are made ready for matching, whatever a stranger wrote."""

import pytest

from mailtally_collector.classify.reply import MATCHED_MAX, Reply, read_reply


def test_the_frame_of_postfix_is_taken_off() -> None:
    reply = read_reply(
        "host mx.test[192.0.2.7]:25 said: 550 5.1.1 No such user (in reply to RCPT TO command)"
    )
    assert reply == Reply("550 5.1.1 no such user", "550", "5.1.1", "rcpt", "mx.test")


@pytest.mark.parametrize(
    ("frame", "stage"),
    [
        ("host mx[192.0.2.7] refused to talk to me: 421 busy", ""),
        ("delivery temporarily suspended: host mx[2001:db8::7] said: 421 busy", ""),
        ("host mx[192.0.2.7] said: 421 busy (in reply to end of DATA command)", "data"),
        ("host mx[192.0.2.7] said: 421 busy (in reply to MAIL FROM command)", "mail"),
        ("host mx[192.0.2.7] said: 421 busy (in reply to EHLO command)", "helo"),
        ("host mx[192.0.2.7] said: 421 busy (in reply to HELO command)", "helo"),
        ("host mx[192.0.2.7] said: 421 busy (in reply to initial greeting)", "connect"),
    ],
)
def test_every_frame(frame: str, stage: str) -> None:
    reply = read_reply(frame)
    assert reply.text == "421 busy"
    assert reply.reply_code == "421"
    assert reply.stage == stage


def test_the_relay_that_was_logged_wins_over_the_frame() -> None:
    frame = "host forged.test[192.0.2.7] said: 550 no"
    assert read_reply(frame, relay_host="MX.example.").relay_host == "mx.example"


def test_lines_of_one_reply_are_joined() -> None:
    joined = "550-5.7.26 this mail is unauthenticated"
    assert read_reply("550-5.7.26 This mail is\r\n550 5.7.26 unauthenticated").text == joined
    assert read_reply("550-5.7.26 This mail is 550 5.7.26 unauthenticated").text == joined


def test_a_number_that_only_looks_like_a_code_stays() -> None:
    assert read_reply("452 4.2.2 quota of 550 messages reached").text.endswith(
        "550 messages reached"
    )


def test_codes_that_were_logged_win_over_those_in_the_text() -> None:
    reply = read_reply("said 450 4.2.1 no", reply_code="550", enhanced_status="5.2.1")
    assert (reply.reply_code, reply.enhanced_status) == ("550", "5.2.1")


def test_a_filler_gives_way_to_a_code_in_the_text() -> None:
    assert read_reply("550 5.1.1 no", enhanced_status="5.0.0").enhanced_status == "5.1.1"
    assert read_reply("550 5.7.1 no", enhanced_status="5.0.0").enhanced_status == "5.0.0"


def test_codes_that_are_none_are_left_out() -> None:
    reply = read_reply("no", reply_code="\uff15\uff15\uff10", enhanced_status="x.y.z")
    assert (reply.reply_code, reply.enhanced_status) == ("", "")


def test_an_address_is_no_enhanced_code() -> None:
    assert read_reply("550 blocked 5.1.1.9 here").enhanced_status == ""


@pytest.mark.parametrize("address", ["<quota-full@spam.example>", "no.such.user@unknown.example"])
def test_the_name_of_a_mailbox_says_nothing(address: str) -> None:
    assert read_reply(f"550 {address}: refused").text == "550 <address>: refused"


def test_words_of_another_server_around_the_reply_are_taken_off() -> None:
    for words in ("Remote host said: ", "error from mx.test: host mx.test [192.0.2.7]: "):
        assert read_reply(f"{words}550 5.1.1 no").text == "550 5.1.1 no"


def test_links_are_kept_as_written() -> None:
    reply = read_reply("550 See https://Example.com/Help?a=B. Thanks <https://example.org/x>")
    assert reply.links == ("https://Example.com/Help?a=B", "https://example.org/x")


def test_only_https_links_are_links() -> None:
    assert read_reply("550 javascript:alert(1) http://example.com file:///etc/passwd").links == ()


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\x00\x01\xff\xfe",
        bytes(range(256)) * 400,
        b"550 " * 40_000,
        b"(in reply to " * 9_000,
        b"host [" * 9_000,
        "\ud800\udfff 550",
        "5" * 65_536,
        "\u202e550 resu hcus on",
        "https://" + "a" * 65_536,
    ],
)
def test_hostile_bytes_make_a_bounded_reply(hostile: bytes | str) -> None:
    reply = read_reply(hostile, reply_code="\x00", enhanced_status="5" * 9_000)
    assert len(reply.text) <= MATCHED_MAX
    assert "\n" not in reply.text
    assert "\x00" not in reply.text
