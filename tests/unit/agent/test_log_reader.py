"""From lines to records: generations of queue ids, origins and what is not counted."""

from collections.abc import Iterable
from datetime import datetime
from ipaddress import ip_network
from zoneinfo import ZoneInfo

from mailtally_agent.direction import DirectionRules
from mailtally_agent.log_reader import LogReader
from mailtally_agent.record import Record
from mailtally_agent.syslog import epoch_us
from mailtally_agent.terms import Change, Direction, Link
from mailtally_agent.wire import encode

START_US = epoch_us(datetime.fromisoformat("2026-03-01T10:00:00Z"))


def new_reader() -> LogReader:
    rules = DirectionRules([ip_network("127.0.0.1/32")])
    return LogReader(ZoneInfo("UTC"), START_US, rules)


def log(*lines: str) -> list[str]:
    """Lines of one second each, the daemon and text given as ``smtp: text``."""
    whole = []
    for second, line in enumerate(lines):
        daemon, _, text = line.partition(": ")
        whole.append(f"2026-03-01T10:00:{second:02}Z mx1 postfix/{daemon}[7]: {text}")
    return whole


def read(*lines: str) -> list[Record]:
    return new_reader().read(log(*lines))


def kinds(records: Iterable[Record]) -> list[str]:
    return [type(record.what).__name__ for record in records]


def attempt(queue_id: str, status: str = "sent", relay: str = "mx[192.0.2.1]:25") -> str:
    return (
        f"smtp: {queue_id}: to=<b@b.example>, relay={relay}, delay=1, delays=0/0/1/0, dsn=2.0.0,"
        f" status={status} (250 ok)"
    )


LIFE = (
    "smtpd: A1B2C3D4: client=h.example[192.0.2.9], sasl_method=PLAIN, sasl_username=a, b@a.example",
    "cleanup: A1B2C3D4: message-id=<1@a.example>",
    "qmgr: A1B2C3D4: from=<a@a.example>, size=321, nrcpt=1 (queue active)",
    attempt("A1B2C3D4", "deferred"),
    "qmgr: A1B2C3D4: from=<a@a.example>, size=321, nrcpt=1 (queue active)",
    attempt("A1B2C3D4"),
    "qmgr: A1B2C3D4: removed",
)


def test_life_of_a_message() -> None:
    records = read(*LIFE)

    assert kinds(records) == ["MessageAccepted", "Attempt", "Attempt", "MessageChanged"]
    assert len({record.message for record in records}) == 1
    ref = records[0].message
    assert (ref.instance, ref.queue_id, ref.origin_seen) == ("postfix", "A1B2C3D4", True)
    assert ref.arrival_us == START_US
    assert records[0].what._asdict() == {
        "envelope_sender": "a@a.example",
        "size_bytes": 321,
        "recipient_count": 1,
        "message_id": "<1@a.example>",
        "client": "client=h.example[192.0.2.9], sasl_method=PLAIN, sasl_username=a, b@a.example",
        "submit_uid": -1,
    }
    accepted = encode(records[0]).accepted
    assert (accepted.client_name, accepted.client_address) == ("h.example", "192.0.2.9")
    assert (accepted.sasl_method, accepted.sasl_username) == ("PLAIN", b"a, b@a.example")


def test_queue_id_that_is_used_again_is_another_message() -> None:
    again = ("pickup: A1B2C3D4: uid=33 from=<www>", *LIFE[2:4])

    records = read(*LIFE, *again)

    assert len({record.message for record in records}) == 2
    assert kinds(records)[4:] == ["MessageAccepted", "Attempt"]


def test_05_queue_id_used_again_without_removed_in_between() -> None:
    records = read(*LIFE[:3], *LIFE[:3])

    assert kinds(records) == ["MessageAccepted", "MessageAccepted"]
    assert records[0].message != records[1].message


def test_11_same_queue_id_of_two_instances_is_two_messages() -> None:
    lines = [line.replace("postfix/", "postfix-out/") for line in log(*LIFE)]
    mixed = [line for pair in zip(log(*LIFE), lines, strict=True) for line in pair]

    records = new_reader().read(mixed)

    assert {record.message.instance for record in records} == {"postfix", "postfix-out"}
    assert len(records) == 8


def test_07_log_that_begins_in_the_middle_of_a_message() -> None:
    records = read(attempt("A1B2C3D4"))

    assert kinds(records) == ["Attempt"]
    assert not records[0].message.origin_seen
    assert records[0].message.arrival_us == START_US - 1_000_000


def test_message_refused_by_cleanup_is_none() -> None:
    records = read(
        *LIFE[:2],
        "cleanup: A1B2C3D4: milter-reject: END-OF-MESSAGE from x[192.0.2.9]: 5.7.1 no; from=<>",
        attempt("A1B2C3D4"),
    )

    assert kinds(records) == ["Attempt"]
    assert not records[0].message.origin_seen


def test_expired_and_deleted_messages() -> None:
    expired = read("qmgr: A1B2C3D4: from=<a@a.example>, status=expired, returned to sender")
    removed = read("postsuper: A1B2C3D4: removed")
    held = read("postsuper: A1B2C3D4: placed on hold", "postsuper: A1B2C3D4: released from hold")

    assert [record.what[0] for record in expired + removed + held] == [
        Change.EXPIRED,
        Change.REMOVED,
        Change.HELD,
        Change.RELEASED,
    ]


def test_notices_and_forwards_are_linked() -> None:
    records = read(
        "bounce: A1B2C3D4: sender non-delivery notification: B1B2C3D4",
        "local: A1B2C3D4: to=<l@a.example>, relay=local, delay=0, delays=0/0/0/0, dsn=2.0.0,"
        " status=sent (forwarded as C1B2C3D4)",
    )

    assert kinds(records) == ["MessageLink", "Attempt", "MessageLink"]
    assert records[0].what == (Link.NOTIFICATION, "B1B2C3D4")
    assert records[2].what == (Link.FORWARD, "C1B2C3D4")


def test_direction_of_relays() -> None:
    relays = ["mx[192.0.2.1]:25", "127.0.0.1[127.0.0.1]:10024", "127.0.2.1[127.0.2.1]:25", "none"]
    records = [read(attempt("A1B2C3D4", relay=relay))[0] for relay in relays]

    assert [record.what._asdict()["direction"] for record in records] == [
        Direction.OUTBOUND,
        Direction.INTERNAL_HOP,
        Direction.OUTBOUND,
        Direction.OUTBOUND,
    ]


def test_lines_of_others_are_no_news() -> None:
    reader = new_reader()

    records = reader.read(
        [
            "Mar  1 09:59:59 mx1 dovecot[1]: A1B2C3D4: to=<a@b>, status=sent",
            *log(
                "smtpd: NOQUEUE: client=x[192.0.2.1]",
                "smtpd: connect from x[192.0.2.1]",
                "smtp: warning: A1B2C3D4: to=<a@b>, relay=none",
                "smtp: A1B2C3D4: host mx[192.0.2.1] refused to talk to me: 554 to=<a@b>",
                "smtpd: A1B2C3D4: reject: RCPT from x[192.0.2.1]: 550 to=<a@b>, status=sent",
                "cleanup: A1B2C3D4: info: header Subject: status=sent to=<x@y> removed from x",
            ),
        ]
    )

    assert records == []
    assert reader.unparsed.total() == 0


def test_line_that_cannot_be_read_is_counted_with_a_sample() -> None:
    reader = new_reader()

    assert reader.read([*log("smtp: A1B2C3D4: to=<a@b>, relay=none, nonsense"), "no header"]) == []

    assert dict(reader.unparsed) == {"smtp": 1, "header": 1}
    assert reader.samples[1] == "no header"
    assert reader.sample_daemons == ["smtp", "header"]


def test_equal_lines_of_one_moment_are_told_apart_and_the_same_each_time() -> None:
    line = log(attempt("A1B2C3D4"))

    keys = [record.key for record in new_reader().read(line * 3)]

    assert len(set(keys)) == 3
    assert keys == [record.key for record in new_reader().read(line * 3)]


def test_06_message_that_never_ends_is_forgotten_after_the_queue_lifetime() -> None:
    reader = new_reader()
    reader.read(log(LIFE[0]))
    assert reader.open_messages == 1

    reader.read(["2026-03-08T10:00:00Z mx1 postfix/pickup[7]: B1B2C3D4: uid=1 from=<x>"])

    assert reader.open_messages == 1


def test_oldest_line_is_the_oldest_and_not_that_of_the_first_chunk() -> None:
    reader = new_reader()

    reader.read(log(attempt("A1B2C3D4"), attempt("A1B2C3D5")))

    assert reader.oldest_us is not None
    assert reader.newest_us is not None
    assert reader.oldest_us < reader.newest_us
    assert [message.queue_id for message in reader.oldest_open(1)] == ["A1B2C3D4"]
    assert len(reader.oldest_open(20)) == 2
