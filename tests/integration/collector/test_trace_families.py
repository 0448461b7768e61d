"""Traces over the wire: whole families, who sent the first of them, and what attempts tell."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from mailtally.v1 import query_pb2
from mailtally.v1 import record_pb2 as pb
from mailtally_collector.query.family import MEMBERS_MAX
from tests.integration.collector.fleet import fleet
from tests.integration.collector.reports import SECOND, T0, accepted, attempt, link, ref
from tests.integration.collector.wire import agent_at, questions_to

HOP, FORWARD = pb.LINK_KIND_HOP, pb.LINK_KIND_FORWARD
REQUEUE, NOTIFICATION = pb.LINK_KIND_REQUEUE, pb.LINK_KIND_NOTIFICATION


@pytest.fixture
async def query(address: str) -> AsyncIterator[Any]:
    for server in ("mx1", "relay"):
        async with agent_at(address) as agent:
            await agent.hello(server)
            await agent.store([record for name, record in fleet() if name == server])
    async with questions_to(address) as stub:
        yield stub


async def traced(query: Any, **sought: Any) -> query_pb2.TraceMessageResponse:
    answer: query_pb2.TraceMessageResponse = await query.TraceMessage(
        query_pb2.TraceMessageRequest(**sought)
    )
    return answer


def ways(answer: query_pb2.TraceMessageResponse) -> list[tuple[str, int, str]]:
    return [(one.queue_id, one.origin.kind, one.origin.queue_id) for one in answer.messages]


REQUEUED = [("4REQ01", 0, ""), ("4REQ02", REQUEUE, "4REQ01"), ("4REQ03", HOP, "4REQ02")]
FORWARDED = [("4FWD01", 0, ""), ("4FWD02", FORWARD, "4FWD01"), ("4FWD03", HOP, "4FWD02")]
FILTERED = [
    ("4FLT01", 0, ""),
    ("4FLT02", HOP, "4FLT01"),
    ("4NOTE2", NOTIFICATION, "4FLT02"),
    ("4NOTE3", HOP, "4NOTE2"),
    ("4NOTE4", HOP, "4NOTE3"),
]
RELAYED = [
    ("4WEB01", 0, ""),
    ("4REL01", HOP, "4WEB01"),
    ("4NOTE1", NOTIFICATION, "4REL01"),
    ("4REL02", HOP, "4WEB01"),
]


@pytest.mark.parametrize(
    ("sought", "family", "found"),
    [
        ({"queue_id": "4REQ03"}, REQUEUED, {"4REQ03"}),
        ({"queue_id": "4REQ01"}, REQUEUED, {"4REQ01"}),
        ({"queue_id": "4NOTE4", "servers": ["relay"]}, FILTERED, {"4NOTE4"}),
        ({"recipient": "far@example.org"}, FORWARDED, {"4FWD02", "4FWD03"}),
        ({"recipient": "c@example.org"}, RELAYED, {"4WEB01", "4REL02"}),
        (
            {"message_id": "filtered@example.com"},
            FILTERED,
            {"4FLT01", "4FLT02"},
        ),
    ],
)
async def test_the_whole_family_is_told_parents_first(
    query: Any, sought: dict[str, Any], family: list[tuple[str, int, str]], found: set[str]
) -> None:
    answer = await traced(query, **sought)
    assert ways(answer) == family
    assert {one.queue_id for one in answer.messages if one.found} == found
    assert not answer.families_cut
    by_id = {one.id: one.queue_id for one in answer.messages}
    for one in answer.messages:
        assert by_id.get(one.origin.id, "") == one.origin.queue_id
        assert one.origin.server in ("", "mx1", "relay")


async def test_families_come_by_the_newest_message_found(query: Any) -> None:
    answer = await traced(query, message_id="web@example.com")
    other, *family = ways(answer)
    assert other == ("4REL01", 0, "")  # of the other instance, and half a minute younger
    assert family == RELAYED
    assert [one.found for one in answer.messages] == [True, True, True, False, True]
    one = await traced(query, message_id="web@example.com", limit=1)
    assert ways(one) == [other]


async def test_the_first_of_a_chain_tells_who_sent_it(query: Any) -> None:
    for sought, first in (({"queue_id": "4REQ03"}, "4REQ01"), ({"queue_id": "4FLT02"}, "4FLT01")):
        for message in (await traced(query, **sought)).messages:
            if message.origin.kind == NOTIFICATION or "NOTE" in message.queue_id:
                continue
            said = message.submitter
            assert (said.server, said.instance, said.queue_id) == ("mx1", "postfix", first)
            assert (said.client_name, said.sasl_username) == ("web1.example.com", b"shop")
            assert not said.HasField("submit_uid")
    (last,) = (one for one in (await traced(query, queue_id="4REQ03")).messages if one.found)
    assert last.accepted.client_name == "mx1.example.com"  # as logged
    forwarded = (await traced(query, queue_id="4FWD03")).messages
    assert {one.submitter.client_name for one in forwarded} == {"mx.example.net"}
    notice = (await traced(query, queue_id="4NOTE4")).messages[-1]
    assert (notice.submitter.queue_id, notice.submitter.client_name) == ("4NOTE2", "")


async def test_class_score_tls_and_phase_are_told(query: Any) -> None:
    filtered, *_, notice = (await traced(query, queue_id="4FLT01")).messages
    assert filtered.spam_score == pb.SpamScore(
        scanner="amavis", score=3.2, required=6.2, verdict="CLEAN"
    )
    assert not notice.HasField("spam_score")
    # The filter scored what it was given; what bounced is what it handed in.
    asked = query_pb2.Filter(domain="example.com")
    asked.start.FromMicroseconds(T0)
    asked.end.FromMicroseconds(T0 + 600 * SECOND)
    events = (await query.ListEvents(query_pb2.ListEventsRequest(filter=asked))).events
    scores = {one.queue_id: one.spam_score for one in events if one.HasField("spam_score")}
    assert scores == {"4FLT02": filtered.spam_score}
    assert notice.traffic_class == pb.TRAFFIC_CLASS_NOTIFICATION
    assert notice.accepted.traffic_class == pb.TRAFFIC_CLASS_MAIL  # as logged
    (delivery,) = notice.deliveries
    said = delivery.attempts[0].attempt
    assert (said.reply_phase, said.tls_policy, said.recipient_ambiguous) == (
        "RCPT TO",
        "may",
        False,
    )
    assert (said.tls.trust, said.tls.protocol, said.tls.cipher) == (
        "Trusted",
        "TLSv1.3",
        "TLS_AES_256_GCM_SHA384",
    )


async def test_a_guessed_recipient_and_a_score_without_numbers_are_kept(
    address: str, query: Any
) -> None:
    message = ref("4ODD", 0, 5000)
    to = b"spaced out <x@example.net>"
    unscored = pb.SpamScore(scanner="rspamd\0", score=float("nan"), verdict="no action")
    async with agent_at(address) as agent:
        await agent.hello("mx1")
        tried = attempt(message, 1, 5001, pb.ATTEMPT_OUTCOME_SENT, to=to)
        told = pb.Record(key=tried.key, message=message, spam_score=unscored)
        await agent.store([tried, told])
    (found,) = (await traced(query, queue_id="4ODD")).messages
    assert found.deliveries[0].attempts[0].attempt.recipient_ambiguous
    assert found.spam_score == pb.SpamScore(scanner="rspamd", verdict="no action")


async def test_a_family_that_is_too_large_is_cut_and_says_so(address: str, query: Any) -> None:
    parent = ref("4BIG", 0, 6000)
    records = [accepted(parent, 0, 6001)]
    for number in range(MEMBERS_MAX + 5):
        child = ref(f"4BIG{number:03}", 0, 7000 + number)
        records.append(accepted(child, 0, 8000 + number))
        records.append(link(parent, 0, 9000 + number, FORWARD, child.queue_id))
    async with agent_at(address) as agent:
        await agent.hello("mx1")
        await agent.store(records)
    answer = await traced(query, queue_id="4BIG")
    assert (len(answer.messages), answer.families_cut) == (1 + MEMBERS_MAX, True)
    last = await traced(query, queue_id=f"4BIG{MEMBERS_MAX + 4}")
    assert (last.messages[0].queue_id, last.families_cut) == ("4BIG", True)
    assert [one.queue_id for one in last.messages if one.found] == [f"4BIG{MEMBERS_MAX + 4}"]
