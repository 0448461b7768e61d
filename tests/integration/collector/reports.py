"""Records as an agent would report them, for messages with invented traffic."""

from mailtally.v1 import record_pb2 as pb

SECOND = 1_000_000
UNKNOWN_USER = b"host mx.example.net[192.0.2.25] said: 550 5.1.1 <ann@example.net>: unknown user"
T0 = 1_790_000_000 * SECOND


def key(at: float, line: int) -> pb.RecordKey:
    """Name a line ``at`` seconds after T0."""
    return pb.RecordKey(time_us=T0 + int(at * SECOND), line_hash=line)


def ref(
    queue_id: str,
    at: float,
    line: int,
    *,
    instance: str = "postfix",
    origin: bool = True,
    arrival: float | None = None,
) -> pb.MessageRef:
    """Name a message by its first line."""
    return pb.MessageRef(
        instance=instance,
        queue_id=queue_id,
        first_line=key(at, line),
        origin_seen=origin,
        arrival_us=T0 + int((at if arrival is None else arrival) * SECOND),
    )


def accepted(
    message: pb.MessageRef,
    at: float,
    line: int,
    *,
    sender: bytes = b"shop@Example.com",
    recipients: int = 1,
    traffic_class: pb.TrafficClass.ValueType = pb.TRAFFIC_CLASS_MAIL,
    message_id: bytes | None = None,
    client: str = "web1.example.com",
) -> pb.Record:
    """Make the record of acceptance; its Message-ID is made of the queue id if none is given."""
    if message_id is None:
        message_id = b"<" + message.queue_id.encode() + b"@example.com>"
    return pb.Record(
        key=key(at, line),
        message=message,
        accepted=pb.MessageAccepted(
            envelope_sender=sender,
            size_bytes=1234,
            recipient_count=recipients,
            message_id=message_id,
            client_name=client,
            client_address="192.0.2.1" if client else "",
            sasl_method="PLAIN" if client == "web1.example.com" else "",
            sasl_username=b"shop" if client == "web1.example.com" else b"",
            traffic_class=traffic_class,
        ),
    )


def attempt(
    message: pb.MessageRef,
    at: float,
    line: int,
    outcome: pb.AttemptOutcome.ValueType,
    *,
    to: bytes = b"ann@example.net",
    orig_to: bytes = b"",
    direction: pb.Direction.ValueType = pb.DIRECTION_OUTBOUND,
    text: bytes = UNKNOWN_USER,
    code: int = 550,
    enhanced_status: str = "5.1.1",
) -> pb.Record:
    """Make the record of one try."""
    return pb.Record(
        key=key(at, line),
        message=message,
        attempt=pb.Attempt(
            recipient=to,
            original_recipient=orig_to,
            relay=pb.Relay(host=b"mx.example.net", address="192.0.2.25", port=25),
            delivery_agent="smtp",
            direction=direction,
            outcome=outcome,
            status="bounced",
            enhanced_status=enhanced_status,
            reply_code=code,
            reply_text=text,
            delay_us=3,
            reply_phase="RCPT TO",
            tls_policy="may",
            tls=pb.TlsSession(trust="Trusted", protocol="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"),
            recipient_ambiguous=to.startswith(b"spaced out"),
        ),
    )


def changed(
    message: pb.MessageRef, at: float, line: int, change: pb.MessageChange.ValueType
) -> pb.Record:
    """Make the record of a change of the whole message."""
    return pb.Record(key=key(at, line), message=message, changed=pb.MessageChanged(change=change))


def link(
    message: pb.MessageRef, at: float, line: int, kind: pb.LinkKind.ValueType, child: str
) -> pb.Record:
    """Make the record of a message that led to another."""
    return pb.Record(
        key=key(at, line), message=message, link=pb.MessageLink(kind=kind, child_queue_id=child)
    )


def handed_on(
    message: pb.MessageRef,
    at: float,
    line: int,
    queue_id: str,
    *,
    to: bytes = b"ann@example.net",
    direction: pb.Direction.ValueType = pb.DIRECTION_OUTBOUND,
) -> list[pb.Record]:
    """Make the records of a line whose answer names a queue id of the next hop."""
    text = b"250 2.0.0 Ok: queued as " + queue_id.encode()
    sent = attempt(
        *(message, at, line, pb.ATTEMPT_OUTCOME_SENT),
        to=to,
        direction=direction,
        text=text,
        code=250,
        enhanced_status="2.0.0",
    )
    return [sent, link(message, at, line, pb.LINK_KIND_HOP, queue_id)]


def scored(message: pb.MessageRef, at: float, line: int, score: float) -> pb.Record:
    """Make the record of what a spam filter thought of the message."""
    told = pb.SpamScore(scanner="amavis", score=score, required=6.2, verdict="CLEAN")
    return pb.Record(key=key(at, line), message=message, spam_score=told)


def story() -> list[pb.Record]:
    """Four messages: two recipients, one bounce, one expiry with its notice, one forward."""
    one, two = ref("4AAAA1", 0, 1), ref("4AAAA2", 10, 10)
    three, notice = ref("4AAAA3", 20, 20), ref("4AAAA4", 500, 30)
    parent, child = ref("4AAAA5", 40, 40), ref("4AAAA6", 41, 45)
    return [
        accepted(one, 0, 2, recipients=3),
        attempt(
            one, 1, 3, pb.ATTEMPT_OUTCOME_SENT, to=b"ann@example.net", text=b"250 ok", code=250
        ),
        attempt(one, 1, 4, pb.ATTEMPT_OUTCOME_DEFERRED, to=b"bob@example.org", code=451),
        attempt(one, 61, 5, pb.ATTEMPT_OUTCOME_SENT, to=b"bob@example.org", code=250),
        attempt(one, 5, 6, pb.ATTEMPT_OUTCOME_SENT, to=b"local", direction=pb.DIRECTION_LOCAL),
        changed(one, 62, 7, pb.MESSAGE_CHANGE_COMPLETED),
        accepted(two, 10, 11, sender=b"news@example.com"),
        attempt(two, 11, 12, pb.ATTEMPT_OUTCOME_BOUNCED),
        changed(two, 12, 13, pb.MESSAGE_CHANGE_COMPLETED),
        accepted(three, 20, 21),
        attempt(three, 21, 22, pb.ATTEMPT_OUTCOME_DEFERRED, code=0, text=b"connection timed out"),
        attempt(three, 321, 23, pb.ATTEMPT_OUTCOME_DEFERRED, code=450),
        changed(three, 499, 24, pb.MESSAGE_CHANGE_EXPIRED),
        link(three, 500, 25, pb.LINK_KIND_NOTIFICATION, "4AAAA4"),
        changed(three, 501, 26, pb.MESSAGE_CHANGE_COMPLETED),
        accepted(notice, 500, 31, sender=b""),
        attempt(notice, 501, 32, pb.ATTEMPT_OUTCOME_SENT, to=b"shop@example.com"),
        accepted(parent, 40, 46),
        attempt(parent, 42, 41, pb.ATTEMPT_OUTCOME_SENT, to=b"me", direction=pb.DIRECTION_LOCAL),
        link(parent, 42, 42, pb.LINK_KIND_FORWARD, "4AAAA6"),
        accepted(child, 41, 47),
        attempt(child, 43, 48, pb.ATTEMPT_OUTCOME_DEFERRED, to=b"far@example.org"),
        changed(child, 44, 49, pb.MESSAGE_CHANGE_HELD),
        changed(child, 45, 50, pb.MESSAGE_CHANGE_RELEASED),
        changed(child, 46, 51, pb.MESSAGE_CHANGE_HELD),
    ]
