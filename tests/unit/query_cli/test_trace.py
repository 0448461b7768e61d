"""How a trace shows where a message comes from, who sent it, TLS and spam scores."""

import csv
import io
import json

import pytest

from mailtally.v1 import query_pb2, record_pb2
from mailtally_collector.query_cli.trace_words import spam_words, tls_words
from tests.unit.query_cli.canned import Canned
from tests.unit.query_cli.running import run
from tests.unit.query_cli.samples import REPLY, handed_on, traced

RELAY = "mx.google.com[192.0.2.1]:25"


@pytest.fixture
def family(canned: Canned) -> Canned:
    canned.traced = query_pb2.TraceMessageResponse(messages=[traced(), handed_on()])
    return canned


def test_text_tells_origin_sender_score_and_tls(family: Canned) -> None:
    ended = run(family, "trace", "3F2A1B0C9D")

    _, child = ended.out.split("\n\n")
    assert child.splitlines() == [
        "3F2A1B0C9D on mx1 (postfix)",
        "  Origin      hop from 3F00000002 on mx0 (postfix-out)",
        "  Arrival     2026-11-03 12:00:00+00:00",
        "  Sender      alice@Example.com",
        "  Message-ID  <1@example.com>",
        "  Size        4711 bytes, 1 recipient",
        "  Class       forward",
        "  Client      web.example.com[192.0.2.7], logged in as carol (PLAIN)",
        "  Submitted   by user id 1000",
        "  First       3F00000001 on mx0 (postfix)",
        "  Handed on   by client.example.com[192.0.2.9]",
        "  Filter      spam score 3.2 of 6.2 (amavis)",
        (
            "  To bob@gmail.com (not quoted in the log, may end elsewhere):"
            " bounced, outbound, 2 attempts"
        ),
        f"    2026-11-03 12:00:00+00:00  deferred  550-5.7.26  {RELAY}",
        f"      {REPLY.decode()}",
        (
            f"    2026-11-03 13:00:00+00:00  bounced  550-5.7.26  {RELAY}"
            "  after RCPT TO  TLSv1.3, Trusted, policy dane"
        ),
        f"      {REPLY.decode()}",
        "    Advice: Message rejected by Gmail: No SPF or DKIM. Set up SPF and DKIM.",
        "  2026-11-03 14:00:00+00:00  message completed",
    ]


def test_json_and_csv_tell_the_same(family: Canned) -> None:
    document = json.loads(run(family, "trace", "X", "--json").out)
    alone, child = document["messages"]
    expected = {
        "found": True,
        "origin_kind": "hop",
        "origin_server": "mx0",
        "origin_instance": "postfix-out",
        "origin_queue_id": "3F00000002",
        "first_server": "mx0",
        "first_instance": "postfix",
        "first_queue_id": "3F00000001",
        "client_name": "web.example.com",
        "client_address": "192.0.2.7",
        "sasl_username": "carol",
        "submit_uid": 1000,
        "traffic_class": "forward",
        "spam_score": 3.2,
        "spam_required": 6.2,
        "spam_scanner": "amavis",
        "spam_verdict": None,
    }
    assert expected.items() <= child.items()
    tls = {
        "reply_phase": "RCPT TO",
        "tls_policy": "dane",
        "tls_trust": "Trusted",
        "tls_protocol": "TLSv1.3",
        "tls_cipher": "TLS_AES_256_GCM_SHA384",
        "recipient_ambiguous": True,
    }
    assert tls.items() <= child["deliveries"][0]["attempts"][1].items()
    # Of a collector that tells no chains: the message's own.
    assert alone["first_queue_id"] == "3F2A1B0C9D"
    assert (alone["client_name"], alone["origin_kind"]) == ("client.example.com", None)
    assert document["families_cut"] is False
    row = list(csv.DictReader(io.StringIO(run(family, "trace", "X", "--csv").out)))[-1]
    assert row["origin_queue_id"] == "3F00000002"
    assert (row["tls_trust"], row["spam_score"]) == ("Trusted", "3.2")


def test_remarks_tell_what_is_left_out(family: Canned) -> None:
    assert run(family, "trace", "X").err == ""
    family.traced.families_cut = True
    assert "not shown" in run(family, "trace", "X").err
    # One of two messages is what was asked for.
    assert "Only the newest 1 messages" in run(family, "trace", "X", "--limit", "1").err
    assert "Only the newest" not in run(family, "trace", "X", "--limit", "2").err


def test_words_for_what_is_not_told() -> None:
    assert spam_words(record_pb2.SpamScore(scanner="rspamd", score=-0.5)) == (
        "spam score -0.5 (rspamd)"
    )
    assert spam_words(record_pb2.SpamScore(scanner="amavis", verdict="CLEAN")) == (
        "no spam score (amavis): CLEAN"
    )
    assert tls_words(record_pb2.Attempt()) == ""
    assert tls_words(record_pb2.Attempt(tls_policy="may")) == "policy may"
