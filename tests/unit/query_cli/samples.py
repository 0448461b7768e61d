"""Answers of a collector: ordinary ones, and one in which every text is hostile."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from mailtally.v1 import query_pb2, record_pb2
from tests.unit.query_cli.canned import Canned

REPLY = b"550-5.7.26 This mail has been blocked https://support.google.com/mail/?p=1 (in reply)"

HOSTILE = (
    b"\x1b[2J\x1b]0;owned\x07",
    b"\xc2\x9b31m C1",
    b"\xe2\x80\xaeevil\xe2\x80\xac bidi",
    b"\xe2\x81\xa6isolate\xe2\x81\xa9 \xe2\x80\x8bzero \xef\xbb\xbf",
    b"=cmd|'/c calc'!A1",
    b"+1+1",
    b"-2+3",
    b"@SUM(A1)",
    b"\t=1",
    b"\r=1",
    b"[red]x[/red] [link=file:///etc/passwd]y[/link] :smile:",
    b"\xff\xfe \xed\xa0\x80 \xe2\x82 not UTF-8",
    b"one\ntwo\r\nthree\x0b\x0c\x85",
    b"\xe2\x80\xa8line\xe2\x80\xa9paragraph",
    b"nul\x00 del\x7f \xf3\xa0\x81\x81tag \xee\x80\x80private",
    b'"quoted", comma; \xe4\xbd\xa0\xe5\xa5\xbd \xc3\xa9t\xc3\xa9',
)


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> Timestamp:
    """A moment of November 2026, UTC."""
    stamp = Timestamp()
    stamp.FromDatetime(datetime(2026, 11, day, hour, minute, second, tzinfo=UTC))
    return stamp


def as_string(text: bytes) -> str:
    """What of it a protobuf string can hold."""
    return text.decode("utf-8", "replace")


def event(text: bytes = REPLY, sender: bytes = b"alice@Example.com") -> query_pb2.Event:
    """A bounce at Google after two tries; all free text may be replaced."""
    is_ordinary = text == REPLY
    return query_pb2.Event(
        message=7,
        server="mx1" if is_ordinary else as_string(text),
        instance="postfix",
        queue_id="3F2A1B0C9D" if is_ordinary else as_string(text),
        state=query_pb2.DELIVERY_STATE_BOUNCED,
        accepted=at(3, 12),
        time=at(3, 13, 5, 9),
        last_try=at(3, 13, 5, 9),
        envelope_sender=sender if is_ordinary else text,
        recipient=b"bob@gmail.com" if is_ordinary else text,
        original_recipient=b"" if is_ordinary else text,
        reply_code=550,
        enhanced_status="5.7.26" if is_ordinary else as_string(text),
        reply_text=text,
        relay=record_pb2.Relay(host=b"mx.google.com", address="192.0.2.1", port=25),
        size_bytes=4711,
        attempts=2,
        retries=1,
        traffic_class=record_pb2.TRAFFIC_CLASS_MAIL,
        direction=record_pb2.DIRECTION_OUTBOUND,
        verdict=verdict(text),
        spam_score=record_pb2.SpamScore(
            scanner="rspamd" if is_ordinary else as_string(text),
            score=-0.4,
            required=15,
        ),
    )


def verdict(text: bytes = REPLY) -> query_pb2.Verdict:
    """What a rule says of the reply."""
    said = "" if text == REPLY else as_string(text)
    return query_pb2.Verdict(
        reason="authentication.unauthenticated",
        category="authentication",
        severity="block",
        owner="sender-admin",
        provider="google",
        title=said or "Message rejected by Gmail: No SPF or DKIM",
        advice=said or "Set up SPF and DKIM.",
        advice_customer=said or "Ask your administrator.",
        doc=said or "https://example.com/help",
        rule=said or "gmail.unauthenticated",
        basis="text",
    )


def unknown_reply(text: bytes = REPLY) -> query_pb2.UnknownReply:
    """A reply that no rule knows."""
    return query_pb2.UnknownReply(
        id=17,
        reply_code=550,
        enhanced_status="5.7.1" if text == REPLY else as_string(text),
        template=text,
        sample=text,
        provider="google" if text == REPLY else as_string(text),
        count=4,
        first_seen=at(3, 12),
        last_seen=at(3, 13),
    )


def reason(text: bytes = REPLY) -> query_pb2.Reason:
    """Three of four failures."""
    return query_pb2.Reason(
        reply_code=550,
        enhanced_status="5.7.26" if text == REPLY else as_string(text),
        template=text,
        sample=text,
        count=3,
        share=0.75,
        verdict=verdict(text),
        smtp_codes=["550-5.7.26"] if text == REPLY else [as_string(text)],
        count_before=1,
    )


def row(text: bytes = b"example.com") -> query_pb2.BreakdownRow:
    """Half of all mail."""
    return query_pb2.BreakdownRow(
        name=text,
        title="" if text == b"example.com" else as_string(text),
        counts=query_pb2.Counts(sent=10, delivered=7, bounced=2, pending=1, messages=9),
        bounce_rate=2 / 9,
        share=0.5,
    )


def server(text: bytes = b"mx1") -> query_pb2.Server:
    """A connected mail server."""
    return query_pb2.Server(
        name=as_string(text),
        agent_version="0.1.0" if text == b"mx1" else as_string(text),
        connected=True,
        last_seen=at(3, 13),
        newest_line=at(3, 12, 59),
        lines_read=1000,
        gaps=1,
    )


def traced(text: bytes = REPLY) -> query_pb2.TracedMessage:
    """A message with one recipient: deferred, then bounced."""
    failed = event(text)
    attempts = [
        query_pb2.TracedAttempt(
            time=at(3, 12 + number),
            attempt=record_pb2.Attempt(
                recipient=failed.recipient,
                relay=failed.relay,
                delivery_agent="smtp",
                outcome=outcome,
                status="deferred" if text == REPLY else as_string(text),
                enhanced_status=failed.enhanced_status,
                reply_code=550,
                reply_text=text,
                delay_us=1_500_000,
            ),
        )
        for number, outcome in enumerate(
            (record_pb2.ATTEMPT_OUTCOME_DEFERRED, record_pb2.ATTEMPT_OUTCOME_BOUNCED)
        )
    ]
    return query_pb2.TracedMessage(
        server=failed.server,
        instance=failed.instance,
        queue_id=failed.queue_id,
        arrival=at(3, 12),
        accepted=record_pb2.MessageAccepted(
            envelope_sender=failed.envelope_sender,
            size_bytes=4711,
            recipient_count=1,
            message_id=b"<1@example.com>" if text == REPLY else text,
            client_name="client.example.com" if text == REPLY else as_string(text),
            client_address="192.0.2.9",
            sasl_method="plain",
            sasl_username=b"alice" if text == REPLY else text,
            traffic_class=record_pb2.TRAFFIC_CLASS_MAIL,
        ),
        deliveries=[
            query_pb2.TracedDelivery(
                recipient=failed.recipient,
                original_recipient=failed.original_recipient,
                state=query_pb2.DELIVERY_STATE_BOUNCED,
                direction=record_pb2.DIRECTION_OUTBOUND,
                verdict=verdict(text),
                attempts=attempts,
            )
        ],
        changes=[
            query_pb2.TracedChange(time=at(3, 14), change=record_pb2.MESSAGE_CHANGE_COMPLETED)
        ],
    )


def handed_on(text: bytes = REPLY) -> query_pb2.TracedMessage:
    """The same message at the next hop, with a score and TLS; the first of its chain is mx0's."""
    message = traced(text)
    words = as_string(text)
    is_ordinary = text == REPLY
    first = "3F00000001" if is_ordinary else words
    message.id = 8
    message.found = True
    message.traffic_class = record_pb2.TRAFFIC_CLASS_FORWARD
    message.origin.CopyFrom(
        query_pb2.TracedOrigin(
            id=7,
            kind=record_pb2.LINK_KIND_HOP,
            server="mx0" if is_ordinary else words,
            instance="postfix-out" if is_ordinary else words,
            queue_id="3F00000002" if is_ordinary else words,
        )
    )
    message.submitter.CopyFrom(
        query_pb2.Submitter(
            server="mx0",
            instance="postfix",
            queue_id=first,
            client_name="web.example.com" if is_ordinary else words,
            client_address="192.0.2.7",
            sasl_method="PLAIN" if is_ordinary else words,
            sasl_username=b"carol" if is_ordinary else text,
            submit_uid=1000,
        )
    )
    message.spam_score.CopyFrom(
        record_pb2.SpamScore(
            scanner="amavis" if is_ordinary else words,
            score=3.2,
            required=6.2,
            verdict="" if is_ordinary else words,
        )
    )
    said = message.deliveries[0].attempts[1].attempt
    said.reply_phase = "RCPT TO" if is_ordinary else words
    said.tls_policy = "dane" if is_ordinary else words
    said.tls.trust = "Trusted" if is_ordinary else words
    said.tls.protocol = "TLSv1.3" if is_ordinary else words
    said.tls.cipher = "TLS_AES_256_GCM_SHA384" if is_ordinary else words
    said.recipient_ambiguous = True
    return message


def ordinary() -> Canned:
    """A collector with a little of everything."""
    counts = query_pb2.Counts(sent=20, delivered=15, bounced=3, expired=1, pending=1, messages=18)
    return Canned(
        summary=query_pb2.SummaryResponse(
            total=counts,
            buckets=[query_pb2.SummaryBucket(start=at(3, 12), counts=counts)],
            bucket=query_pb2.BUCKET_HOUR,
            start=at(2, 13),
            end=at(3, 13),
            newest_line=at(3, 12, 59),
        ),
        reasons=query_pb2.TopReasonsResponse(reasons=[reason()], total=4, total_before=5),
        breakdown=query_pb2.BreakdownResponse(
            rows=[row()], total=counts, bounce_rate=4 / 19, rows_total=2, start=at(2), end=at(3)
        ),
        tailed=[
            query_pb2.TailEventsResponse(),
            query_pb2.TailEventsResponse(events=[event()]),
            query_pb2.TailEventsResponse(events=[event()]),
        ],
        events=[event()],
        traced=query_pb2.TraceMessageResponse(messages=[traced()]),
        servers=query_pb2.ListServersResponse(servers=[server()]),
    )


def hostile() -> Canned:
    """The same with HOSTILE wherever text can stand."""
    canned = ordinary()
    canned.reasons = query_pb2.TopReasonsResponse(reasons=[reason(text) for text in HOSTILE])
    canned.events = [event(text) for text in HOSTILE]
    canned.tailed = [query_pb2.TailEventsResponse(events=canned.events)]
    canned.breakdown = query_pb2.BreakdownResponse(rows=[row(text) for text in HOSTILE])
    canned.traced = query_pb2.TraceMessageResponse(
        messages=[make(text) for text in HOSTILE for make in (traced, handed_on)]
    )
    canned.servers = query_pb2.ListServersResponse(servers=[server(text) for text in HOSTILE])
    canned.unknown = query_pb2.ListUnknownRepliesResponse(
        replies=[unknown_reply(text) for text in HOSTILE], total=99
    )
    return canned
