"""The balance of a log: the ledger's figures, and what is missing from a log that was cut."""

from mailtally_agent.audit import Balance
from tests.corpus.bundled import BUNDLED
from tests.unit.agent.test_traps import MX, new_reader, read, to

LINES = BUNDLED.log.read_bytes().decode("utf-8", "surrogateescape").split("\n")[:-1]


def balance_of(lines: list[str]) -> Balance:
    balance = Balance()
    balance.add(new_reader().read(lines))
    return balance


def test_bundled_log_balances_and_equals_the_ledger() -> None:
    balance = balance_of(LINES)

    outbound = {s: n for (direction, s), n in balance.states().items() if direction == "outbound"}
    forwarded = BUNDLED.ledger["expected"]["forward"]
    expected = dict(BUNDLED.outbound["by_state"])
    for state, count in forwarded.items():
        expected[state] += count
    assert expected == outbound
    assert balance.imbalances() == []


def test_lost_delivery_line_is_found() -> None:
    lost = next(i for i, line in enumerate(LINES) if "status=sent" in line and "smtp[" in line)

    (imbalance,) = balance_of(LINES[:lost] + LINES[lost + 1 :]).imbalances()

    assert "recipients accounted for" in imbalance.why
    assert imbalance.message.queue_id in LINES[lost]


def test_completed_message_whose_last_word_was_a_deferral_is_found() -> None:
    balance = Balance()
    balance.add(
        read(
            "smtpd: A1B2C3: client=x[192.0.2.9]",
            "qmgr: A1B2C3: from=<a@b>, size=1, nrcpt=1 (queue active)",
            f"smtp: A1B2C3: {to('x@y', MX, 'deferred', 'connect to mx: refused')}",
            "qmgr: A1B2C3: removed",
        )
    )

    (imbalance,) = balance.imbalances()

    assert imbalance.why == "it was completed while 1 of 1 recipients were deferred"


def test_log_that_begins_in_mid_life_says_so() -> None:
    balance = Balance()
    balance.add(read(f"smtp: A1B2C3: {to('x@y', MX, 'sent', '250 ok')}", "qmgr: A1B2C3: removed"))

    (imbalance,) = balance.imbalances()

    assert imbalance.why == "it began before this log"


def test_same_address_by_two_aliases_and_a_blind_copy_are_recipients_of_their_own() -> None:
    by_alias = [
        to("x@y", MX, "sent", "250 ok").replace("<x@y>, ", f"<x@y>, orig_to=<{alias}>, ")
        for alias in ("sales@b", "info@b")
    ]
    balance = Balance()
    balance.add(
        read(
            "smtpd: A1B2C3: client=x[192.0.2.9]",
            "qmgr: A1B2C3: from=<list-owner+sales=b@a>, size=1, nrcpt=3 (queue active)",
            *(f"smtp: A1B2C3: {text}" for text in by_alias),
            f"smtp: A1B2C3: {to('archive@z', MX, 'bounced', 'host z said: 550 no')}",
            "qmgr: A1B2C3: removed",
        )
    )

    assert balance.states() == {("outbound", "delivered"): 2, ("outbound", "bounced"): 1}
    assert balance.imbalances() == []


def test_probe_has_its_outcome() -> None:
    balance = Balance()
    balance.add(
        read(
            "pickup: A1B2C3: uid=0 from=<root>",
            "qmgr: A1B2C3: from=<root@a>, size=1, nrcpt=2 (queue active)",
            f"smtp: A1B2C3: {to('x@y', MX, 'deliverable', '250 ok')}",
            f"smtp: A1B2C3: {to('z@y', MX, 'undeliverable', 'host y said: 550 no')}",
            "qmgr: A1B2C3: removed",
        )
    )

    assert balance.states() == {("notification", "delivered"): 1, ("notification", "bounced"): 1}
    assert balance.imbalances() == []


def test_requeued_message_is_one_message_and_over() -> None:
    balance = Balance()
    balance.add(
        read(
            "smtpd: A1B2C3: client=x[192.0.2.9]",
            "qmgr: A1B2C3: from=<a@b>, size=1, nrcpt=1 (queue active)",
            "postsuper: A1B2C3: requeued",
            "pickup: B1B2C3: uid=104 from=<a@b> orig_id=A1B2C3",
            "qmgr: B1B2C3: from=<a@b>, size=1, nrcpt=1 (queue active)",
        )
    )

    assert balance.messages() == 2
    assert balance.states() == {("outbound", "pending"): 1}
