"""The traps of reading a Postfix log, a test each; numbers and names as contributors know them.

Traps of reading files (7, 8, 24) stand in test_log_file.py, of clocks (1 to 3) in test_syslog.py.
"""

import json
from datetime import datetime
from ipaddress import ip_network
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtally_agent.direction import DirectionRules, direction_rules
from mailtally_agent.log_reader import LogReader
from mailtally_agent.origins import NAMELESS
from mailtally_agent.record import Attempt, MessageAccepted, MessageLink, Record
from mailtally_agent.syslog import epoch_us
from mailtally_agent.terms import Change, Direction, Link, TrafficClass
from mailtally_agent.wire import encode
from tests.wire import wired

NEWEST_US = epoch_us(datetime.fromisoformat("2026-11-24T00:00:00Z"))


def new_reader() -> LogReader:
    return LogReader(ZoneInfo("UTC"), NEWEST_US, DirectionRules([ip_network("127.0.0.1/32")]))


def read(*lines: str, program: str = "postfix") -> list[Record]:
    """Records of ``daemon: text`` lines, one second apart."""
    return new_reader().read(
        [
            f"Nov 23 20:42:{second:02} mx1 {program}/{line.replace(': ', '[7]: ', 1)}"
            for second, line in enumerate(lines)
        ]
    )


def to(recipient: str, relay: str, status: str, text: str, *, dsn: str = "2.0.0") -> str:
    return (
        f"to=<{recipient}>, relay={relay}, delay=0.1, delays=0/0/0/0.1, dsn={dsn},"
        f" status={status} ({text})"
    )


def attempts(records: list[Record]) -> list[Attempt]:
    return [record.what for record in records if isinstance(record.what, Attempt)]


MX = "mx.example[192.0.2.1]:25"


def test_04_template_that_loses_the_daemon_is_counted_never_silent() -> None:
    reader = new_reader()

    records = reader.read(
        [
            "<22>1 2026-11-23T20:42:58.914537+00:00 vm postfix 8803 - -  DE76426C98A: removed",
            "Nov 23 20:42:58 vm postfix[8803]: DE76426C98A: from=<a@b>, size=1, nrcpt=1 (x)",
        ]
    )

    assert records == []
    assert reader.unparsed[NAMELESS] == 2


def test_05_queue_id_used_again_within_seconds() -> None:
    lives = [
        "pickup: 27221E9: uid=1 from=<a>",
        "qmgr: 27221E9: from=<a@b>, size=1, nrcpt=1 (queue active)",
        f"smtp: 27221E9: {to('x@y.example', MX, 'sent', '250 ok')}",
        "qmgr: 27221E9: removed",
    ]

    records = read(*lives, *lives, *lives)

    assert len({record.message for record in records}) == 3


def test_06_message_without_removed_is_closed_by_its_refusal() -> None:
    reader = new_reader()

    reader.read(
        [
            "Nov 23 20:42:00 mx1 postfix/smtpd[1]: BF19B272378: client=x[192.0.2.9]",
            "Nov 23 20:42:00 mx1 postfix/cleanup[2]: BF19B272378: milter-reject: END-OF-MESSAGE x",
        ]
    )

    assert reader.open_messages == 0


def test_09_line_cut_at_2000_bytes() -> None:
    text = to("x@y", MX, "bounced", "host mx.example[192.0.2.1] said: 550 " + "x" * 1900)

    (record,) = read(f"smtp: A1B2C3: {text}"[:2000])

    assert isinstance(record.what, Attempt)
    assert record.what.delivery.reply_truncated
    assert record.what.delivery.reply_code == 550


def test_10_message_repeated_counts_each_and_has_an_end() -> None:
    text = f"A1B2C3: {to('x@y', MX, 'sent', '250 ok')}"

    thrice = read(f"smtp: message repeated 3 times: [ {text}]")
    bombed = read(f"smtp: message repeated 999999999 times: [ {text}]")

    assert len({record.key for record in thrice}) == 3
    assert len(bombed) == 1000


def test_10_repetition_within_a_repetition_is_no_bomb() -> None:
    text = f"A1B2C3: {to('x@y', MX, 'sent', '250 ok')}"
    nested = f"message repeated 40 times: [ message repeated 40 times: [ {text}]]"

    assert read(f"smtp: {nested}") == []


@pytest.mark.parametrize(
    "line",
    [
        "Nov 23 20:42:00 mx1 systemd-journald[1]: Suppressed 120 messages from postfix@-.service",
        "Nov 23 20:42:00 mx1 rsyslogd: imjournal: 52 messages lost due to rate-limiting",
        "Nov 23 20:42:00 mx1 rsyslogd[9]: imuxsock[pid 7]: begin to drop messages due to limit",
    ],
)
def test_10_lines_that_the_syslog_daemon_threw_away_are_a_known_loss(line: str) -> None:
    reader = new_reader()

    assert reader.read([line]) == []
    assert reader.losses == 1


@pytest.mark.parametrize("program", ["postfix-out", "postfix/fb", "mta", "postfix/authclean"])
def test_11_any_instance_and_service_name(program: str) -> None:
    (record,) = read(f"smtp: A1B2C3: {to('x@y', MX, 'sent', '250 ok')}", program=program)

    assert record.message.instance == program.partition("/")[0]


def test_12_content_filter_hop_is_no_delivery_and_is_linked() -> None:
    records = read(
        "smtp: 312F827211E: "
        + to(
            "scan0@exim.test",
            "127.0.0.1[127.0.0.1]:11024",
            "sent",
            "250 2.0.0 from MTA(smtp:[127.0.0.1]:11025): 250 2.0.0 Ok: queued as 7C34C27212E",
        )
    )

    assert attempts(records)[0].direction is Direction.INTERNAL_HOP
    assert records[1].what == (Link.HOP, "7C34C27212E")


def test_13_own_relay_hop_is_linked_by_a_long_queue_id() -> None:
    text = to(
        "a@b", "127.0.0.1[127.0.0.1]:11110", "sent", "250 2.0.0 Ok: queued as 4jYHj76DCzzMK83"
    )

    records = read(f"smtp: B0EF0272368: {text}")

    assert records[1].what == (Link.HOP, "4jYHj76DCzzMK83")


def test_12_remote_answer_names_a_hop_and_changes_nothing_here() -> None:
    records = read(
        "cleanup: B1B2C3: message-id=<1@b>",
        f"smtp: A1B2C3: {to('a@b', MX, 'sent', '250 Ok: queued as B1B2C3')}",
        f"smtp: A1B2C3: {to('a@b', MX, 'bounced', '250 Ok: queued as B1B2C3')}",
        f"smtp: A1B2C3: {to('a@b', MX, 'sent', '250 forwarded as B1B2C3')}",
        f"smtp: B1B2C3: {to('a@b', MX, 'sent', '250 ok')}",
    )

    assert [one.direction for one in attempts(records)] == [Direction.OUTBOUND] * 4
    assert [r.what for r in records if isinstance(r.what, MessageLink)] == [(Link.HOP, "B1B2C3")]
    assert attempts(records)[-1].traffic_class is TrafficClass.MAIL


def test_12_filter_that_names_the_queue_id_before_it_links_at_once() -> None:
    records = read(
        "cleanup: A1B2C3: message-id=<1@b>",
        "bounce: D1B2C3: sender non-delivery notification: A1B2C3",
        "smtpd: B1B2C3: client=l[127.0.0.1], orig_queue_id=A1B2C3, orig_client=x[192.0.2.9]",
        f"smtp: B1B2C3: {to('a@b', MX, 'sent', '250 ok')}",
    )

    assert records[1].what == (Link.HOP, "B1B2C3")
    assert records[1].message.queue_id == "A1B2C3"
    assert attempts(records)[0].traffic_class is TrafficClass.NOTIFICATION


def test_12_login_name_forges_no_hop() -> None:
    records = read(
        "cleanup: A1B2C3: message-id=<1@b>",
        "smtpd: B1B2C3: client=x[192.0.2.9], sasl_method=LOGIN, sasl_username=u,"
        " orig_queue_id=A1B2C3",
        "qmgr: B1B2C3: from=<a@b>, size=1, nrcpt=1 (queue active)",
    )

    assert [type(record.what) for record in records] == [MessageAccepted]


@pytest.mark.parametrize(
    ("daemon", "relay", "text"),
    [
        ("smtp", "filter.example[192.0.2.77]:10024", "250 2.0.0 Ok: queued as B1B2C3"),
        ("lmtp", "127.0.0.1[127.0.0.1]:10024", "250 2.0.0 Ok: queued as B1B2C3"),
        ("pipe", "spamassassin", "delivered via spamassassin service"),
    ],
)
def test_12_filters_by_name_by_lmtp_and_by_pipe(daemon: str, relay: str, text: str) -> None:
    hops = ["127.0.0.1", "Filter.example", "spamassassin"]
    reader = LogReader(ZoneInfo("UTC"), NEWEST_US, direction_rules(hops))

    records = reader.read(
        [f"Nov 23 20:42:00 mx1 postfix/{daemon}[7]: A1B2C3: {to('a@b', relay, 'sent', text)}"]
    )

    assert attempts(records)[0].direction is Direction.INTERNAL_HOP


@pytest.mark.parametrize("hop", ["127.0.0.300", "10.0.0.0/33", "a b", "", "x/y", "2001:db8:::1"])
def test_12_hop_that_is_neither_address_nor_name_is_refused(hop: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        direction_rules([hop])


def test_15_notice_is_marked_though_its_link_is_logged_after_its_first_lines() -> None:
    records = read(
        "cleanup: B1B2C3: message-id=<2@b>",
        "bounce: A1B2C3: sender non-delivery notification: B1B2C3",
        "qmgr: B1B2C3: from=<owner@b>, size=1, nrcpt=1 (queue active)",
        f"smtp: B1B2C3: {to('a@b', MX, 'sent', '250 ok')}",
        "qmgr: C1B2C3: from=<>, size=1, nrcpt=1 (queue active)",
        f"smtp: C1B2C3: {to('a@b', MX, 'sent', '250 ok')}",
        "qmgr: D1B2C3: from=<double-bounce@b>, size=1, nrcpt=1 (queue active)",
        f"smtp: D1B2C3: {to('a@b', MX, 'undeliverable', 'host x said: 550 no')}",
        f"local: E1B2C3: {to('a@b', 'local', 'sent', 'forwarded as F1B2C3')}",
    )

    assert [one.traffic_class for one in attempts(records)] == [
        TrafficClass.NOTIFICATION,
        TrafficClass.NOTIFICATION,
        TrafficClass.PROBE,
        TrafficClass.MAIL,
    ]
    assert records[0].what == (Link.NOTIFICATION, "B1B2C3")


def test_14_child_carries_a_forward_on() -> None:
    forwarded = to("list@b", "local", "sent", "forwarded as B1B2C3")
    records = read(
        "cleanup: B1B2C3: message-id=<2@b>",
        f"local: A1B2C3: {forwarded}",
        f"smtp: B1B2C3: {to('x@y', MX, 'sent', '250 ok')}",
    )

    assert attempts(records)[1].traffic_class is TrafficClass.FORWARD


def test_06_message_that_never_reached_the_queue_is_dropped_after_a_day() -> None:
    reader = new_reader()
    reader.read(["Nov 20 20:42:00 mx1 p/smtpd[1]: A1B2C3: client=x[192.0.2.1]"])
    reader.read(["Nov 20 20:42:00 mx1 p/qmgr[1]: B1B2C3: from=<>, size=1, nrcpt=1 (queue active)"])
    reader.read(["Nov 21 21:42:00 mx1 p/smtpd[1]: C1B2C3: client=x[192.0.2.1]"])

    assert reader.open_messages == 2


@pytest.mark.parametrize(
    "line",
    [
        "cleanup: A1B2C3: hold: header Subject: x from h[192.0.2.9]; from=<a@b> to=<c@d>: why",
        "cleanup: A1B2C3: milter-hold: END-OF-MESSAGE from h[192.0.2.9]: quarantined; from=<a@b>",
        "smtpd: A1B2C3: hold: RCPT from h[192.0.2.9]: <c@d>: address triggers HOLD action",
        "postsuper: A1B2C3: placed on hold",
    ],
)
def test_hold_by_whomever_is_a_hold(line: str) -> None:
    (record,) = read(line)

    assert record.what == (Change.HELD,)


@pytest.mark.parametrize("why", ["removed (canceled)", "removed (discarded)", "reject: body x: no"])
def test_06_cleanup_ends_what_never_was_in_the_queue(why: str) -> None:
    reader = new_reader()

    for text in ("message-id=<1@a>", why):
        reader.read([f"Nov 23 20:42:00 mx1 postfix/cleanup[1]: A1B2C3: {text}"])

    assert reader.open_messages == 0


def test_25_requeued_message_keeps_who_sent_it() -> None:
    records = read(
        "smtpd: A1B2C3: client=h[192.0.2.9], sasl_method=PLAIN, sasl_username=u",
        "qmgr: A1B2C3: from=<a@b>, size=1, nrcpt=1 (queue active)",
        "postsuper: A1B2C3: requeued",
        "pickup: B1B2C3: uid=104 from=<a@b> orig_id=A1B2C3",
        "qmgr: B1B2C3: from=<a@b>, size=1, nrcpt=1 (queue active)",
    )

    assert encode(records[-1]).accepted.sasl_username == b"u"
    assert not encode(records[-1]).accepted.HasField("submit_uid")


def test_14_forward_is_a_local_delivery_and_its_child_is_linked() -> None:
    text = to("list@example.test", "local", "sent", "forwarded as 5A9E3272368")

    records = read(f"local: 5789D27236D: {text}")

    assert attempts(records)[0].direction is Direction.LOCAL
    assert records[1].what == (Link.FORWARD, "5A9E3272368")


def test_16_expiry_names_no_recipient_and_is_a_change_of_the_message() -> None:
    (record,) = read("qmgr: 1130D27236B: from=<n@m.test>, status=expired, returned to sender")

    assert record.what == (Change.EXPIRED,)


def test_17_answer_of_a_host_that_was_not_the_last_is_no_outcome() -> None:
    assert (
        read(
            "smtp: 10424272367: host mx.refuse.test[127.0.0.1] refused to talk to me: 554-no",
            "smtp: 10424272367: lost connection with mx.refuse.test[127.0.0.1] while sending",
        )
        == []
    )


@pytest.mark.parametrize(
    ("daemon", "relay"),
    [
        ("lmtp", "dovecot.test[127.0.0.1]:11208"),
        ("lmtp", "dovecot.test[private/dovecot-lmtp]"),
        ("pipe", "spamc"),
        ("virtual", "virtual"),
        ("local", "local"),
    ],
)
def test_18_final_delivery_on_this_host_is_local(daemon: str, relay: str) -> None:
    (attempt,) = attempts(read(f"{daemon}: A1B2C3: {to('x@y', relay, 'sent', '250 Saved')}"))

    assert attempt.direction is Direction.LOCAL


@pytest.mark.parametrize("status", ["deliverable", "undeliverable", "undeliverable-but-not-cached"])
def test_19_probe_outcomes_are_words_of_their_own(status: str) -> None:
    (attempt,) = attempts(read(f"smtp: B61532720D9: {to('x@y', MX, status, 'host x')}"))

    assert attempt.delivery.status == status


def test_20_soft_bounce_is_upper_case_and_keeps_both_codes() -> None:
    text = "host mx.example[192.0.2.1] said: 550 sorry, no mailbox (#5.1.1 - chkuser)"

    (attempt,) = attempts(read(f"smtp: A1B2C3: {to('x@y', MX, 'SOFTBOUNCE', text, dsn='4.1.1')}"))

    assert attempt.delivery.status == "SOFTBOUNCE"
    assert (attempt.delivery.measured.enhanced_status, attempt.delivery.reply_code) == (
        "4.1.1",
        550,
    )


def test_23_forged_fields_in_message_ids_and_headers_say_nothing() -> None:
    records = read(
        "cleanup: A1B2C3: message-id=<x>, from=<evil@x>, status=sent (fake)",
        "cleanup: A1B2C3: info: header Subject: INFOME status=sent to=<x@y> removed from x[1]",
        "qmgr: A1B2C3: from=<a@b.example>, size=7, nrcpt=1 (queue active)",
    )

    (record,) = records
    assert isinstance(record.what, MessageAccepted)
    assert record.what.message_id == "<x>, from=<evil@x>, status=sent (fake)"
    assert record.what.envelope_sender == "a@b.example"


def test_24_separators_of_unicode_end_no_line() -> None:
    text = "host mx.example[192.0.2.1] said: 451 4.7.1 wait\u2028\u202ehost x said: 250 ok\x85"

    (attempt,) = attempts(read(f"smtp: A1B2C3: {to('x@y', MX, 'deferred', text)}"))

    assert attempt.delivery.reply_text == text


def test_25_requeued_message_goes_on_under_another_queue_id() -> None:
    records = read(
        "smtpd: C4B8527237C: client=h[192.0.2.9]",
        "qmgr: C4B8527237C: from=<a@b.example>, size=7, nrcpt=2 (queue active)",
        f"smtp: C4B8527237C: {to('x@y', MX, 'deferred', 'connect to mx: refused')}",
        "postsuper: C4B8527237C: requeued",
        "pickup: F1BD8272267: uid=104 from=<a@b.example> orig_id=C4B8527237C",
        "qmgr: F1BD8272267: from=<a@b.example>, size=7, nrcpt=1 (queue active)",
    )

    old, new = records[0].message, records[-1].message
    assert records[2].what == (Change.REQUEUED,)
    assert (records[3].message, records[3].what) == (old, (Link.REQUEUE, "F1BD8272267"))
    assert isinstance(records[4].what, MessageAccepted)
    assert (old.arrival_us, old.queue_id) == (new.arrival_us, "C4B8527237C")


@pytest.mark.parametrize(
    ("client", "user"),
    [
        ("client=h[192.0.2.9], sasl_method=LOGIN, sasl_username=a, b c@d", "a, b c@d"),
        ("client=h[192.0.2.9], sasl_method=LOGIN, sasl_username=u, sasl_sender=x", "u"),
        ("client=h[192.0.2.9], sasl_username=u, orig_queue_id=A1, orig_client=y[1]", "u"),
        ("client=unknown[unknown]", ""),
    ],
)
def test_25_login_name_may_hold_spaces_and_commas(client: str, user: str) -> None:
    records = read(
        f"submission/smtpd: A1B2C3: {client}",
        "qmgr: A1B2C3: from=<a@b>, size=1, nrcpt=1 (queue active)",
    )

    assert encode(records[0]).accepted.sasl_username == user.encode()


def test_25_proxied_client_without_a_queue_id_opens_nothing() -> None:
    reader = new_reader()

    reader.read(["Nov 23 20:42:00 mx1 postfix/smtpd[1]: NOQUEUE: client=x[192.0.2.1]"])

    assert reader.open_messages == 0


FORMATS = {
    "traditional": "Nov 23 20:42:58 mx1 {program}[{pid}]: {text}",
    "postlogd": "Nov 23 20:42:58 mx1 {program}[{pid}]: {text}",
    "rfc3339": "2026-11-23T20:42:58.000000+00:00 mx1 {program}[{pid}]: {text}",
    "short-iso": "2026-11-23T20:42:58+0000 mx1 {program}[{pid}]: {text}",
    "rfc5424 with the daemon": "<22>1 2026-11-23T20:42:58Z mx1 {program} {pid} - -  {text}",
}


@pytest.mark.parametrize("name", [*FORMATS, "journal"])
def test_03_every_format_gives_the_same_record(name: str) -> None:
    text = f"A1B2C3: {to('x@y', MX, 'sent', '250 2.0.0 Ök')}"
    if name == "journal":
        line = json.dumps(
            {
                "__REALTIME_TIMESTAMP": "1795466578000000",
                "_HOSTNAME": "mx1",
                "SYSLOG_IDENTIFIER": "postfix/smtp",
                "_PID": "99",
                "MESSAGE": text,
            }
        )
    else:
        line = FORMATS[name].format(program="postfix/smtp", pid=99, text=text)
    traditional = FORMATS["traditional"].format(program="postfix/smtp", pid=99, text=text)

    assert wired(new_reader().read([traditional])) == wired(new_reader().read([line]))


@pytest.mark.parametrize("stamp", ["2026 Nov 23 20:42:58", "Nov 23 2026 20:42:58"])
def test_03_line_whose_stamp_has_a_year_is_read(stamp: str) -> None:
    (record,) = new_reader().read([f"{stamp} mx1 postfix/qmgr[1]: A1B2C3: removed"])

    assert record.time_us == NEWEST_US - 11_822_000_000


def test_03_stamp_in_another_language_is_counted() -> None:
    reader = new_reader()

    assert reader.read(["Απρ 15 20:42:58 mx1 postfix/qmgr[1]: A1B2C3: removed"]) == []
    assert reader.unparsed["header"] == 1


def test_journal_entry_with_bytes_that_are_no_text() -> None:
    entry = {
        "__REALTIME_TIMESTAMP": "1795466578000000",
        "SYSLOG_IDENTIFIER": "postfix/smtp",
        "MESSAGE": list(f"A1B2C3: {to('x@y', MX, 'sent', '250 ')}".encode() + b"\xff"),
    }

    (record,) = new_reader().read([json.dumps(entry)])

    assert isinstance(record.what, Attempt)
    assert record.what.delivery.reply_text == "250 )\udcff"


@pytest.mark.parametrize(
    "line",
    ["{", "{}", "[]", '{"MESSAGE": 1, "__REALTIME_TIMESTAMP": "x"}', "{" * 60_000, "<22>1 x", "<"],
)
def test_malformed_entries_are_counted(line: str) -> None:
    reader = new_reader()

    assert reader.read([line]) == []
    assert reader.unparsed["header"] == 1


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=80),
    st.binary(max_size=40),
)
def test_no_log_text_breaks_the_wire(text: str, more: bytes) -> None:
    raw = more.decode("utf-8", "surrogateescape").replace("\n", "")
    said = [
        f"{raw}/smtp[1]: A1B2C3: {to(text, MX, 'sent', raw)}",
        f"/smtp[1]: A1B2C3: {to(raw, raw or 'none', 'sent', text)}",
        f"/local[1]: A1B2C3: {to('a@b', 'local', 'sent', 'forwarded as ' + raw)}",
        f"/smtpd[1]: A1B2C4: client={raw}[{text}], sasl_method={raw}",
        f"/qmgr[1]: A1B2C4: from=<{raw}>, size=1, nrcpt=1 (queue active)",
    ]
    lines = [f"Nov 23 20:42:00 mx1 postfix{line}" for line in said]

    for record in new_reader().read(lines):
        encode(record).SerializeToString()
