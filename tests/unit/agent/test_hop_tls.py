"""TLS of the hop: from the field of the line, and from the connection's own line."""

import json

from mailtally_agent.log_reader import LogReader
from mailtally_agent.record import Record
from mailtally_agent.wire import encode
from tests.unit.agent.test_traps import MX, attempts, new_reader, read, to

ESTABLISHED = (
    f"smtp: Untrusted TLS connection established to {MX}: TLSv1.3 with cipher"
    " TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519"
)
SESSION = ("Untrusted", "TLSv1.3", "TLS_AES_256_GCM_SHA384")


def sent(queue_id: str, *, relay: str = MX, conn_use: str = "") -> str:
    return f"smtp: {queue_id}: {to('a@b', relay, 'sent', '250 ok')}".replace(
        ", delay=", f"{conn_use}, delay="
    )


def sessions(records: list[Record]) -> list[tuple[str, ...] | None]:
    return [one.tls.session if one.tls else None for one in attempts(records)]


def test_session_belongs_to_the_deliveries_of_its_connection() -> None:
    records = read(
        sent("A1B2C3"),
        ESTABLISHED,
        sent("A1B2C3"),
        sent("A1B2C3"),
        sent("B1B2C3", conn_use=", conn_use=2"),
        sent("C1B2C3"),
        sent("A1B2C3"),
    )

    assert sessions(records) == [None, SESSION, SESSION, SESSION, None, None]


def test_session_with_another_hop_is_not_taken() -> None:
    records = read(ESTABLISHED, sent("A1B2C3", relay="mx2.example[192.0.2.2]:25"))

    assert sessions(records) == [None]


def test_session_with_another_process_is_not_taken() -> None:
    lines = [
        "Nov 23 20:42:00 mx1 postfix/smtp[8]: " + ESTABLISHED.partition(": ")[2],
        "Nov 23 20:42:01 mx1 postfix/smtp[7]: " + sent("A1B2C3").partition(": ")[2],
    ]

    assert sessions(new_reader().read(lines)) == [None]


def test_line_that_is_cut_short_tells_no_session() -> None:
    records = read(f"smtp: Trusted TLS connection established to {MX}: TLSv1", sent("A1B2C3"))

    assert sessions(records) == [None]


def test_field_of_the_line_and_session_travel() -> None:
    line = sent("A1B2C3").replace(", dsn=", ", tls=dane/requiretls, dsn=")
    _, record = read(ESTABLISHED, sent("B1B2C3"), line)

    assert encode(record).attempt.tls_policy == "dane/requiretls"
    assert encode(record).attempt.tls.cipher == ""
    first, _ = read(ESTABLISHED, sent("B1B2C3"), line)
    assert encode(first).attempt.tls.cipher == "TLS_AES_256_GCM_SHA384"


def test_session_outlives_a_restart() -> None:
    before: LogReader = new_reader()
    before.read([f"Nov 23 20:42:00 mx1 postfix/{ESTABLISHED.replace(': ', '[7]: ', 1)}"])
    after = new_reader()
    after.restore(json.loads(json.dumps(before.state())))

    records = after.read(
        [f"Nov 23 20:42:01 mx1 postfix/{sent('A1B2C3').replace(': ', '[7]: ', 1)}"]
    )

    assert sessions(records) == [SESSION]
