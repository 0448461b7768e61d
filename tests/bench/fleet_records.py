"""Records of an invented fleet, the same ones for the same numbers: what benchmarks store.

Shape     8 servers, 30 days, domains and mailboxes by a power law, each domain on a server of its
          own as at a hoster; 1.2 recipients a message, six in ten of them among 300,000 mailboxes
          of each of six large providers, the others at 40,000 sites with up to 30 mailboxes;
          6 of 100 refused, 4 deferred first, of these one in ten for good: it waits or is given
          up; one in ten answered with a queue id. Replies carry addresses and ids, as replies do.
"""

from collections.abc import Iterator
from random import Random

from mailtally.v1 import record_pb2 as pb

SECOND_US = 1_000_000
DAYS = 30
BEGIN_US = 1_790_000_000 * SECOND_US
END_US = BEGIN_US + DAYS * 86_400 * SECOND_US
# Lines are hashed to as many bits as those of agents, less one: sums of two still fit 63.
HASH_BITS = 62
HASH_FACTOR = 0x9E3779B97F4A7C15
SERVERS = 8
DOMAINS = 11_500
LARGE = (b"gmail.com", b"outlook.com", b"yahoo.com", b"gmx.net", b"icloud.com", b"web.de")
REFUSED = (
    (550, "5.1.1", b"550 5.1.1 <%s>: Recipient address rejected: User unknown"),
    (
        550,
        "5.7.26",
        b"550-5.7.26 This mail has been blocked: the sender is unauthenticated.",
    ),
    (552, "5.2.2", b"552 5.2.2 <%s>: user is over quota"),
    (554, "5.7.1", b"554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen"),
    (550, "5.4.1", b"550 5.4.1 Recipient address rejected: Access denied. for %s"),
)
DEFERRED = (
    (451, "4.7.1", b"451 4.7.1 <%s>: Greylisting in action, please come back later"),
    (421, "4.7.0", b"421 4.7.0 Try again later, closing connection."),
    (0, "4.4.1", b"connect to mx.example.net[192.0.2.25]:25: Connection timed out"),
)


class FleetRecords:
    """Draws messages; ``deliveries`` are spread evenly over the days."""

    def __init__(self, deliveries: int, seed: int = 1) -> None:
        self.deliveries = deliveries
        self._random = Random(seed)  # noqa: S311 - chance that can be repeated
        self._gap_us = DAYS * 86_400 * SECOND_US // deliveries
        self._line = 0

    def batches(self, size: int) -> Iterator[tuple[str, list[pb.Record]]]:
        """Give records by server, some ``size`` at a time, each server's in the order of time."""
        waiting: dict[str, list[pb.Record]] = {f"mx{one}": [] for one in range(SERVERS)}
        drawn = 0
        while drawn < self.deliveries:
            domain = int(DOMAINS * self._random.random() ** 3)
            server = f"mx{domain % SERVERS}"
            recipients = 1 if self._random.random() < 0.8 else 2
            records = waiting[server]
            records += self._message(BEGIN_US + drawn * self._gap_us, domain, recipients)
            drawn += recipients
            if len(records) >= size:
                yield server, records
                waiting[server] = []
        yield from ((server, records) for server, records in waiting.items() if records)

    def _message(self, at_us: int, domain: int, recipients: int) -> list[pb.Record]:
        chance = self._random.random
        queue_id = f"4{at_us // 1_000:X}{self._line % 997:03d}"
        key = self._key(at_us)
        message = pb.MessageRef(
            instance="postfix",
            queue_id=queue_id,
            first_line=key,
            origin_seen=True,
            arrival_us=at_us,
        )
        accepted = pb.MessageAccepted(
            envelope_sender=b"user%d@domain%d.example" % (int(8 * chance() ** 2), domain),
            size_bytes=int(2_000 + 60_000 * chance() ** 4),
            recipient_count=recipients,
            message_id=b"<%x.%d@domain%d.example>" % (at_us, self._line, domain),
            client_name=f"web{domain % 40}.example",
            client_address=f"198.51.100.{domain % 40}",
            sasl_method="PLAIN",
            sasl_username=b"user@domain%d.example" % domain,
            traffic_class=pb.TRAFFIC_CLASS_MAIL,
        )
        records = [pb.Record(key=self._key(at_us), message=message, accepted=accepted)]
        last_us = at_us
        is_waiting = False
        for _ in range(recipients):
            tries, last_us = self._recipient(message, at_us)
            records += tries
            is_waiting |= tries[-1].attempt.status == "deferred"
        if is_waiting:
            if chance() < 0.5:
                return records
            change = pb.MessageChanged(change=pb.MESSAGE_CHANGE_EXPIRED)
            gone = self._key(last_us + 500)
            records.append(pb.Record(key=gone, message=message, changed=change))
        change = pb.MessageChanged(change=pb.MESSAGE_CHANGE_COMPLETED)
        done = self._key(last_us + 1_000)
        return [*records, pb.Record(key=done, message=message, changed=change)]

    def _recipient(self, message: pb.MessageRef, at_us: int) -> tuple[list[pb.Record], int]:
        chance = self._random.random
        if chance() < 0.6:
            host, persons = LARGE[int(len(LARGE) * chance() ** 2)], 300_000
        else:
            host, persons = b"site%d.example" % int(40_000 * chance() ** 2), 30
        to = b"person%d@%s" % (int(persons * chance() ** 2), host)
        records = []
        at_us += SECOND_US
        if chance() < 0.04:
            code, status, text = DEFERRED[self._line % len(DEFERRED)]
            records.append(self._attempt(message, at_us, to, "deferred", (code, status, text)))
            at_us += 900 * SECOND_US
            if chance() < 0.1:
                return records, at_us
        if chance() < 0.06:
            answer = REFUSED[int(len(REFUSED) * chance() ** 2)]
            records.append(self._attempt(message, at_us, to, "bounced", answer))
        elif chance() < 0.1:
            queue_id = b"9%X" % self._line
            answer = (250, "2.0.0", b"250 2.0.0 Ok: queued as " + queue_id)
            sent = self._attempt(message, at_us, to, "sent", answer)
            link = pb.MessageLink(kind=pb.LINK_KIND_HOP, child_queue_id=queue_id.decode())
            records += [sent, pb.Record(key=sent.key, message=message, link=link)]
        else:
            answer = (250, "2.0.0", b"250 2.0.0 OK  %d - gsmtp" % self._line)
            records.append(self._attempt(message, at_us, to, "sent", answer))
        return records, at_us

    def _attempt(
        self,
        message: pb.MessageRef,
        at_us: int,
        to: bytes,
        status: str,
        answer: tuple[int, str, bytes],
    ) -> pb.Record:
        code, enhanced_status, text = answer
        host = b"mx." + to.partition(b"@")[2]
        attempt = pb.Attempt(
            recipient=to,
            relay=pb.Relay(host=host, address=f"203.0.113.{len(to) * 5 % 250}", port=25),
            delivery_agent="smtp",
            direction=pb.DIRECTION_OUTBOUND,
            outcome=pb.AttemptOutcome.Value(f"ATTEMPT_OUTCOME_{status.upper()}"),
            status=status,
            enhanced_status=enhanced_status,
            reply_code=code,
            reply_text=text.replace(b"%s", to),
            delay_us=1_230_000,
            queue_delay_us=20_000,
            active_delay_us=10_000,
            setup_delay_us=500_000,
            transmission_delay_us=700_000,
            tls_policy="may",
            tls=pb.TlsSession(trust="Trusted", protocol="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"),
        )
        return pb.Record(key=self._key(at_us), message=message, attempt=attempt)

    def _key(self, at_us: int) -> pb.RecordKey:
        self._line += 1
        line_hash = self._line * HASH_FACTOR % (1 << HASH_BITS)
        return pb.RecordKey(time_us=at_us, line_hash=line_hash)
