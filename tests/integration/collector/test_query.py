"""Questions over the wire: filters, pages, reasons, traces, and what is refused."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from mailtally.v1 import query_pb2
from mailtally.v1 import record_pb2 as pb
from mailtally_collector.classify.rule_set import shipped_rules
from tests.integration.collector.reports import T0, accepted, attempt, ref, story
from tests.integration.collector.wire import agent_at, questions_to, whole_story

BOUNCED = pb.ATTEMPT_OUTCOME_BOUNCED


@pytest.fixture
async def query(address: str) -> AsyncIterator[Any]:
    async with agent_at(address) as agent, questions_to(address) as stub:
        await agent.hello()
        await agent.store(story())
        yield stub


async def refusal(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    return refused.value.details() or ""


async def test_sent_is_the_sum_of_the_states_in_each_bucket(query: Any) -> None:
    request = query_pb2.SummaryRequest(
        filter=whole_story(), bucket=query_pb2.BUCKET_MINUTE, time_zone="Asia/Kathmandu"
    )
    answer = await query.Summary(request)
    for counts in [answer.total, *(bucket.counts for bucket in answer.buckets)]:
        states = ("delivered", "bounced", "expired", "discarded", "held", "removed", "pending")
        assert counts.sent == sum(getattr(counts, state) for state in states)
    assert answer.total.sent == sum(bucket.counts.sent for bucket in answer.buckets) == 4
    assert answer.total.messages == sum(one.counts.messages for one in answer.buckets) == 3
    assert len(answer.buckets) == 61  # the range begins a microsecond before a minute
    assert answer.newest_line.seconds == T0 // 1_000_000 + 501


async def test_the_basis_last_try_counts_what_was_tried_then(query: Any) -> None:
    asked = query_pb2.Filter(time_basis=query_pb2.TIME_BASIS_LAST_TRY)
    asked.start.FromMicroseconds(T0 + 60_000_000)
    asked.end.FromMicroseconds(T0 + 62_000_000)
    answer = await query.Summary(query_pb2.SummaryRequest(filter=asked))
    assert (answer.total.sent, answer.total.delivered) == (1, 1)


async def test_a_message_counts_once_however_many_its_recipients(query: Any) -> None:
    asked = whole_story()
    asked.time_basis = query_pb2.TIME_BASIS_LAST_TRY
    asked.mailbox = "shop@example.com"
    asked.states.append(query_pb2.DELIVERY_STATE_DELIVERED)  # 4AAAA1, tried at 1 s and at 61 s
    answer = await query.Summary(
        query_pb2.SummaryRequest(filter=asked, bucket=query_pb2.BUCKET_MINUTE)
    )
    assert (answer.total.sent, answer.total.messages) == (2, 1)
    assert sum(bucket.counts.messages for bucket in answer.buckets) == 1


async def test_pages_join_without_gap_or_repetition(address: str, query: Any) -> None:
    async with agent_at(address) as agent:
        await agent.hello("mx2")
        message = ref("4H", 100, 900)
        tries = [
            attempt(message, 100 + at // 3, 1000 + at, BOUNCED, to=b"%d@example.net" % at)
            for at in range(20)
        ]
        await agent.store([accepted(message, 100, 901, recipients=20), *tries])
    request = query_pb2.ListEventsRequest(filter=whole_story(), page_size=3)
    seen = []
    while True:
        page = await query.ListEvents(request)
        seen += page.events
        if not page.next_page_token:
            break
        assert len(page.events) == 3
        request.page_token = page.next_page_token
    whole = await query.ListEvents(query_pb2.ListEventsRequest(filter=whole_story()))
    assert list(whole.events) == seen
    assert len({(event.message, event.number) for event in seen}) == 22
    times = [event.time.ToMicroseconds() for event in seen]
    assert times == sorted(times, reverse=True)


async def test_events_name_what_an_operator_needs(query: Any) -> None:
    asked = whole_story()
    asked.states.append(query_pb2.DELIVERY_STATE_BOUNCED)
    (event,) = (await query.ListEvents(query_pb2.ListEventsRequest(filter=asked))).events
    assert (event.server, event.instance, event.queue_id) == ("mx1", "postfix", "4AAAA2")
    assert (event.envelope_sender, event.recipient) == (b"news@example.com", b"ann@example.net")
    assert (event.reply_code, event.enhanced_status) == (550, "5.1.1")
    assert (event.attempts, event.retries, event.size_bytes) == (1, 0, 1234)
    assert (event.relay.host, event.relay.address, event.relay.port) == (
        b"mx.example.net",
        "192.0.2.25",
        25,
    )


async def test_reasons_are_counted_by_template(address: str, query: Any) -> None:
    async with agent_at(address) as agent:
        await agent.hello()
        message = ref("4J", 100, 700)
        tries = [
            attempt(
                message,
                101,
                710 + number,
                BOUNCED,
                to=b"%d@example.net" % number,
                text=b"host mx[192.0.2.%d] said: 550 5.1.1 <%d@example.net>: unknown user"
                % (number, number),
            )
            for number in range(3)
        ]
        await agent.store([accepted(message, 100, 701, recipients=3), *tries])
    answer = await query.TopReasons(query_pb2.TopReasonsRequest(filter=whole_story()))
    first = answer.reasons[0]
    assert (first.count, first.reply_code, first.enhanced_status) == (5, 550, "5.1.1")
    assert first.template == b"550 5.1.1 <address>: unknown user"
    assert list(first.smtp_codes) == ["550-5.1.1", "450-5.1.1"]
    assert (answer.total, first.share) == (5, 1.0)


@pytest.mark.parametrize(
    "request_",
    [
        query_pb2.TraceMessageRequest(queue_id="4AAAA1"),
        query_pb2.TraceMessageRequest(message_id="4AAAA1@example.com"),
        query_pb2.TraceMessageRequest(message_id="<4AAAA1@example.com>", servers=["mx1"]),
        query_pb2.TraceMessageRequest(recipient="bob@EXAMPLE.org"),
    ],
)
async def test_a_message_is_traced(query: Any, request_: query_pb2.TraceMessageRequest) -> None:
    (message,) = (await query.TraceMessage(request_)).messages
    assert (message.queue_id, message.server) == ("4AAAA1", "mx1")
    assert message.accepted.envelope_sender == b"shop@example.com"
    assert not message.accepted.HasField("submit_uid")
    assert [change.change for change in message.changes] == [pb.MESSAGE_CHANGE_COMPLETED]
    tries = {
        one.recipient: [try_.attempt.outcome for try_ in one.attempts] for one in message.deliveries
    }
    assert tries == {
        b"ann@example.net": [pb.ATTEMPT_OUTCOME_SENT],
        b"bob@example.org": [pb.ATTEMPT_OUTCOME_DEFERRED, pb.ATTEMPT_OUTCOME_SENT],
        b"local": [pb.ATTEMPT_OUTCOME_SENT],
    }


async def test_a_trace_finds_the_address_before_aliasing_and_no_other_server(
    address: str, query: Any
) -> None:
    async with agent_at(address) as agent:
        await agent.hello("mx2")
        message = ref("4K", 100, 800)
        await agent.store([attempt(message, 101, 801, BOUNCED, orig_to=b"team@example.com")])
    request = query_pb2.TraceMessageRequest(recipient="team@example.com")
    (found,) = (await query.TraceMessage(request)).messages
    assert (found.server, found.HasField("accepted")) == ("mx2", False)
    request.servers.append("mx1")
    assert not (await query.TraceMessage(request)).messages


async def test_filters_combine(query: Any) -> None:
    async def sent(**fields: Any) -> int:
        asked = whole_story()
        asked.MergeFrom(query_pb2.Filter(**fields))
        answer = await query.Summary(query_pb2.SummaryRequest(filter=asked))
        return int(answer.total.sent)

    assert await sent(servers=["mx1"], domain="example.com") == 4
    assert await sent(servers=["mx2"]) == 0
    assert await sent(mailbox="shop@example.com") == 3
    assert await sent(mailbox="shop@example.com", recipient_domain="example.org") == 1
    assert await sent(recipient_domain="nowhere.example") == 0
    assert await sent(directions=[pb.DIRECTION_LOCAL]) == 2
    assert await sent(traffic_classes=[pb.TRAFFIC_CLASS_FORWARD]) == 1
    assert await sent(states=[query_pb2.DELIVERY_STATE_EXPIRED]) == 1


async def test_what_cannot_be_answered_is_refused_in_words(query: Any) -> None:
    summary = query_pb2.SummaryRequest(filter=whole_story(), time_zone="Mars/Olympus")
    assert "'Mars/Olympus' is not known" in await refusal(query.Summary(summary))

    backwards = whole_story()
    backwards.end.FromMicroseconds(1)
    assert "range is empty" in await refusal(
        query.Summary(query_pb2.SummaryRequest(filter=backwards))
    )
    years = whole_story()
    years.start.FromMicroseconds(T0 - 10**6 * 86_400 * 300)
    assert "5000 minute buckets" in await refusal(
        query.Summary(query_pb2.SummaryRequest(filter=years, bucket=query_pb2.BUCKET_MINUTE))
    )
    assert "page token" in await refusal(
        query.ListEvents(query_pb2.ListEventsRequest(filter=whole_story(), page_token="x" * 9))
    )
    assert "at most 1000" in await refusal(
        query.TopReasons(query_pb2.TopReasonsRequest(limit=1001))
    )
    assert "name a queue id" in await refusal(
        query.TraceMessage(query_pb2.TraceMessageRequest(servers=["mx1"]))
    )
    nowhere = query_pb2.Filter()
    nowhere.start.seconds = 2**62
    assert "years 1 to 9999" in await refusal(
        query.Summary(query_pb2.SummaryRequest(filter=nowhere))
    )


async def test_an_empty_database_answers_with_zeros(address: str) -> None:
    async with questions_to(address) as query:
        answer = await query.Summary(query_pb2.SummaryRequest())
        assert (answer.total.sent, answer.bucket) == (0, query_pb2.BUCKET_HOUR)
        assert len(answer.buckets) in (24, 25)
        assert not answer.HasField("newest_line")
        assert not (await query.ListEvents(query_pb2.ListEventsRequest())).events
        assert (await query.TopReasons(query_pb2.TopReasonsRequest())).total == 0


async def test_failures_carry_verdicts(query: Any) -> None:
    """The reason in events, in the list of causes and in the trace of the message."""
    events = (await query.ListEvents(query_pb2.ListEventsRequest(filter=whole_story()))).events
    (bounced,) = [one for one in events if one.queue_id == "4AAAA2"]
    verdict = bounced.verdict
    assert (verdict.reason, verdict.category) == ("recipient.user_unknown", "recipient")
    assert (verdict.severity, verdict.owner, verdict.unknown) == ("hard", "sender", False)
    assert verdict.title == "Message rejected: No such mailbox"
    assert verdict.advice
    assert verdict.rule
    (expired,) = [one for one in events if one.queue_id == "4AAAA3"]
    assert expired.verdict.title.startswith("Message given up")
    reasons = (await query.TopReasons(query_pb2.TopReasonsRequest(filter=whole_story()))).reasons
    assert reasons[0].verdict.reason == "recipient.user_unknown"
    traced = await query.TraceMessage(query_pb2.TraceMessageRequest(queue_id="4AAAA2"))
    assert traced.messages[0].deliveries[0].verdict == verdict


@pytest.mark.parametrize(
    ("reasons", "providers", "expected"),
    [
        (["recipient"], [], {"4AAAA2"}),
        (["recipient.user_unknown"], [], {"4AAAA2"}),
        (["rate", "recipient.user_unknown"], [], {"4AAAA2"}),
        (["rate"], [], set()),
        (["recipient.user"], [], set()),
        (["%"], [], set()),
        ([], ["google"], set()),
    ],
)
async def test_failures_are_selected_by_reason_and_provider(
    query: Any, reasons: list[str], providers: list[str], expected: set[str]
) -> None:
    asked = whole_story()
    asked.reasons.extend(reasons)
    asked.providers.extend(providers)
    events = (await query.ListEvents(query_pb2.ListEventsRequest(filter=asked))).events
    assert {one.queue_id for one in events} & {"4AAAA2"} == expected


async def test_unknown_replies_are_ranked(address: str, query: Any) -> None:
    async with agent_at(address) as agent:
        await agent.hello()
        message = ref("4J", 100, 700)
        texts = [b"550 xyzzy plugh"] * 3 + [b"550 qwfp"]
        tries = [
            attempt(
                message,
                101 + number,
                710 + number,
                BOUNCED,
                to=b"%d@gmail.com" % number,
                text=text,
                enhanced_status="",
            )
            for number, text in enumerate(texts)
        ]
        await agent.store([accepted(message, 100, 701, recipients=4), *tries])
    answer = await query.ListUnknownReplies(
        query_pb2.ListUnknownRepliesRequest(filter=whole_story())
    )
    assert answer.total == 4
    assert [(one.template, one.count) for one in answer.replies] == [
        (b"550 xyzzy plugh", 3),
        (b"550 qwfp", 1),
    ]
    first = answer.replies[0]
    assert (first.provider, first.reply_code, first.sample) == ("google", 550, b"550 xyzzy plugh")
    assert first.last_seen.ToMicroseconds() - first.first_seen.ToMicroseconds() == 2_000_000


async def test_the_rules_in_force_are_told(query: Any) -> None:
    told = await query.GetRules(query_pb2.GetRulesRequest())
    rules = shipped_rules()
    assert (told.digest, told.rules) == (rules.digest, len(rules.rules))
    assert (list(told.mistakes), told.waiting) == ([], 0)
