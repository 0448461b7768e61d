"""The columns and keys of error events."""

import json

from tests.unit.query_cli.canned import Canned
from tests.unit.query_cli.running import run
from tests.unit.query_cli.samples import REPLY, event

ADVICE = "Message rejected by Gmail: No SPF or DKIM. Set up SPF and DKIM."


def test_events_shows_every_column_in_full(canned: Canned) -> None:
    ended = run(canned, "events", "--time-zone", "Europe/Berlin")

    head, row = ended.out.splitlines()
    assert head.split("  ")[0] == "Date/Time"
    titles = "Server|Queue ID|From|From domain|To|SMTP code|State|Bytes|Retry count|Last try"
    titles += "|Spam score|Advice|Unknown code|Detail"
    for title in titles.split("|"):
        assert title in head
    moment = "2026-11-03 14:05:09+01:00"
    assert row.split() == [
        *moment.split(),
        *["mx1", "3F2A1B0C9D", "alice@Example.com", "example.com", "bob@gmail.com"],
        *["550-5.7.26", "bounced", "4711", "2"],
        *moment.split(),
        "-0.4",
        *ADVICE.split(),
        "no",
        *REPLY.decode().split(),
    ]


def test_events_json_has_the_terms_of_the_rfcs_and_null_for_what_is_missing(
    canned: Canned,
) -> None:
    no_reply = event(sender=b"")
    no_reply.reply_code = 0
    no_reply.enhanced_status = "5.4.4"
    canned.events = [event(), no_reply]

    first, second = (json.loads(line) for line in run(canned, "events", "--json").out.splitlines())

    expected = {
        "queue_id": "3F2A1B0C9D",
        "envelope_sender": "alice@Example.com",
        "sender_domain": "example.com",
        "recipient": "bob@gmail.com",
        "reply_code": 550,
        "enhanced_status": "5.7.26",
        "smtp_code": "550-5.7.26",
        "reply_text": REPLY.decode(),
        "size_bytes": 4711,
        "attempts": 2,
        "retries": 1,
        "time": "2026-11-03T13:05:09+00:00",
        "last_try": "2026-11-03T13:05:09+00:00",
        "state": "bounced",
    }
    assert expected == {name: first[name] for name in expected}
    assert (second["reply_code"], second["smtp_code"]) == (None, None)
    assert second["enhanced_status"] == "5.4.4"
    assert (second["envelope_sender"], second["sender_domain"]) == ("", None)


def test_event_without_reply_shows_a_dash_and_the_null_sender(canned: Canned) -> None:
    canned.events = [event(sender=b"")]
    canned.events[0].reply_code = 0

    row = run(canned, "events").out.splitlines()[1].split()

    assert row[4:8] == ["<>", "-", "bob@gmail.com", "-"]


def test_numbers_of_a_newer_contract_are_shown_as_numbers(canned: Canned) -> None:
    canned.events[0].ParseFromString(canned.events[0].SerializeToString() + b"\x28\x63")

    assert json.loads(run(canned, "events", "--json").out)["state"] == "99"
    assert run(canned, "events").code == 0
