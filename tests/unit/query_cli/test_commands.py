"""What each command asks the collector and shows of the answer."""

import csv
import io
import json

import pytest

from mailtally.v1 import query_pb2, record_pb2
from tests.unit.query_cli.canned import Canned
from tests.unit.query_cli.running import run
from tests.unit.query_cli.samples import REPLY, at


def asked_filter(canned: Canned) -> query_pb2.Filter:
    request = canned.asked[0]
    assert isinstance(request, query_pb2.SummaryRequest)
    return request.filter


def test_stats_shows_totals_rates_and_series(canned: Canned) -> None:
    ended = run(canned, "stats")

    assert ended.code == 0, ended.err
    lines = [line.split() for line in ended.out.splitlines()]
    assert ["sent", "20"] in lines
    assert ["bounced", "3", "15.8", "%"] in lines
    assert ["pending", "1"] in lines
    assert "Delivered    78.9 % of finished" in ended.out
    assert "Bounced      21.1 % of finished (with expired)" in ended.out
    assert ["2026-11-03", "12:00:00+00:00", *["20", "15", "3", "1", "0", "0", "0", "1"]] in lines


def test_stats_json_adds_up_and_gives_rates_of_finished_recipients(canned: Canned) -> None:
    document = json.loads(run(canned, "stats", "--json").out)

    assert document["total"]["finished"] == 19
    assert document["total"]["delivered_rate"] == pytest.approx(15 / 19)
    assert document["total"]["bounce_rate"] == pytest.approx(4 / 19)
    assert document["bucket"] == "hour"
    assert document["buckets"][0]["start"] == "2026-11-03T12:00:00+00:00"
    assert document["time_basis"] == "accepted"


def test_stats_without_finished_recipients_has_no_rate(canned: Canned) -> None:
    canned.summary = query_pb2.SummaryResponse(total=query_pb2.Counts(sent=1, pending=1))

    assert json.loads(run(canned, "stats", "--json").out)["total"]["bounce_rate"] is None
    assert "Delivered    - of finished" in run(canned, "stats").out


def test_filters_reach_the_collector(canned: Canned) -> None:
    options = (
        "--server mx1 --server mx2 --domain example.com --mailbox a@example.com "
        "--recipient-domain gmail.com --state bounced --state expired --direction internal-hop "
        "--class probe --basis last-try --from 2026-11-01 --to 2026-11-02T00:00Z "
        "--time-zone Europe/Berlin --bucket day"
    )
    run(canned, "stats", *options.split())

    expected = query_pb2.Filter(
        start=at(1),
        end=at(2),
        time_basis=query_pb2.TIME_BASIS_LAST_TRY,
        servers=["mx1", "mx2"],
        domain="example.com",
        mailbox="a@example.com",
        recipient_domain="gmail.com",
        states=[query_pb2.DELIVERY_STATE_BOUNCED, query_pb2.DELIVERY_STATE_EXPIRED],
        directions=[record_pb2.DIRECTION_INTERNAL_HOP],
        traffic_classes=[record_pb2.TRAFFIC_CLASS_PROBE],
    )
    expected.start.seconds -= 3600  # midnight in Berlin
    assert canned.asked == [
        query_pb2.SummaryRequest(
            filter=expected, bucket=query_pb2.BUCKET_DAY, time_zone="Europe/Berlin"
        )
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("24h", 86400), ("30d", 2592000), ("2w", 1209600)]
)
def test_range_reaches_back_from_to(canned: Canned, text: str, seconds: int) -> None:
    run(canned, "stats", "--range", text, "--to", "2026-11-03")

    asked = asked_filter(canned)
    assert at(3) == asked.end
    assert asked.start.seconds == asked.end.seconds - seconds


def test_reasons_shows_count_share_code_and_template(canned: Canned) -> None:
    ended = run(canned, "reasons", "--limit", "5")

    assert ended.out.splitlines()[1].split()[:5] == [
        *("3", "75.0", "%"),
        *("+2", "550-5.7.26"),
    ]
    assert "authentication.unauthenticated" in ended.out
    assert "Set up SPF and DKIM." in ended.out
    assert "3 of 4 failed recipients" in ended.out
    assert isinstance(canned.asked[0], query_pb2.TopReasonsRequest)
    assert canned.asked[0].limit == 5


def test_trace_tells_the_whole_life(canned: Canned) -> None:
    ended = run(canned, "trace", "3F2A1B0C9D", "--server", "mx1")

    expected = [
        "3F2A1B0C9D on mx1 (postfix)",
        "  Arrival     2026-11-03 12:00:00+00:00",
        "  Sender      alice@Example.com",
        "  Message-ID  <1@example.com>",
        "  Size        4711 bytes, 1 recipient",
        "  Class       mail",
        "  Client      client.example.com[192.0.2.9], logged in as alice (plain)",
        "  To bob@gmail.com: bounced, outbound, 2 attempts",
        "    2026-11-03 12:00:00+00:00  deferred  550-5.7.26  mx.google.com[192.0.2.1]:25",
        f"      {REPLY.decode()}",
        "    2026-11-03 13:00:00+00:00  bounced  550-5.7.26  mx.google.com[192.0.2.1]:25",
        f"      {REPLY.decode()}",
        "    Advice: Message rejected by Gmail: No SPF or DKIM. Set up SPF and DKIM.",
        "  2026-11-03 14:00:00+00:00  message completed",
    ]
    assert expected == ended.out.splitlines()
    assert canned.asked == [
        query_pb2.TraceMessageRequest(queue_id="3F2A1B0C9D", servers=["mx1"], limit=20)
    ]


def test_trace_csv_has_one_row_for_each_attempt(canned: Canned) -> None:
    rows = list(csv.DictReader(io.StringIO(run(canned, "trace", "X", "--csv").out, newline="")))

    assert [row["outcome"] for row in rows] == ["deferred", "bounced"]
    assert {row["recipient"] for row in rows} == {"bob@gmail.com"}


def test_trace_says_when_the_acceptance_was_not_seen(canned: Canned) -> None:
    canned.traced.messages[0].ClearField("accepted")

    assert "not seen" in run(canned, "trace", "X").out
    document = json.loads(run(canned, "trace", "X", "--json").out)["messages"][0]
    assert document["envelope_sender"] is None
    assert len(document["deliveries"][0]["attempts"]) == 2


def test_servers_lists_name_and_progress(canned: Canned) -> None:
    ended = run(canned, "servers")

    row = ended.out.splitlines()[1].split()
    assert row[:3] == ["mx1", "0.1.0", "yes"]
    assert json.loads(run(canned, "servers", "--json").out)["servers"][0]["lines_read"] == 1000
