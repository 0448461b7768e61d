"""The bundled log through agent and collector: the figures are those of the ledger."""

import shutil
from pathlib import Path

from tests.corpus.bundled import BUNDLED
from tests.e2e.processes import (
    Agent,
    Collector,
    bundled_log,
    count_events_by_state,
    ledger_by_state,
)


def test_figures_equal_the_ledger(collector: Collector, tmp_path: Path) -> None:
    Agent(tmp_path, collector.address, bundled_log(tmp_path)).run_until_end()
    query = collector.query()

    assert ledger_by_state() == query.by_state()
    for domain, states in BUNDLED.outbound["by_sender_domain"].items():
        assert states == query.by_state(domain=domain), domain
    for mailbox, states in BUNDLED.outbound["by_mailbox"].items():
        assert states == query.by_state(mailbox=mailbox), mailbox
    query.close()


def test_every_failed_recipient_of_the_ledger_is_an_event_with_its_reply(
    collector: Collector, tmp_path: Path
) -> None:
    Agent(tmp_path, collector.address, bundled_log(tmp_path)).run_until_end()
    query = collector.query()
    events = query.events()
    reasons = query.everything()["1"]
    query.close()

    expected = ledger_by_state()
    assert count_events_by_state(events) == {
        state: expected[state] for state in ("bounced", "expired", "pending")
    }
    failed = expected["bounced"] + expected["expired"]
    assert int(reasons["total"]) == failed
    assert sum(int(reason["count"]) for reason in reasons["reasons"]) == failed
    bounced_codes: dict[str, int] = {}
    for event in events:
        if event.state == 3:
            code = str(event.reply_code or "none")
            bounced_codes[code] = bounced_codes.get(code, 0) + 1
    assert BUNDLED.outbound["bounced_by_reply_code"] == bounced_codes


def test_same_log_sent_again_from_scratch_changes_nothing(
    collector: Collector, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    agent.run_until_end()
    query = collector.query()
    before = query.everything()
    assert ledger_by_state() == query.by_state()

    for _ in range(2):
        shutil.rmtree(agent.state)
        agent.run_until_end()

        assert before == query.everything()
    query.close()


def test_second_host_counts_on_its_own(collector: Collector, tmp_path: Path) -> None:
    log = bundled_log(tmp_path)
    Agent(tmp_path, collector.address, log, server="mx1").run_until_end()
    Agent(tmp_path, collector.address, log, server="mx2").run_until_end()
    query = collector.query()

    assert {k: 2 * v for k, v in ledger_by_state().items()} == query.by_state()
    assert ledger_by_state() == query.by_state(servers=["mx2"])
    query.close()


def test_collector_that_lost_its_database_is_filled_again(
    collector: Collector, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    agent.run_until_end()
    collector.end()
    for file in tmp_path.glob("collector.db*"):
        file.unlink()
    collector.start()
    agent.run_until_end()

    query = collector.query()
    assert ledger_by_state() == query.by_state()
    query.close()
