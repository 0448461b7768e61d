"""Records that are few but long: what a batch may weigh, whatever it may count."""

from pathlib import Path

from tests.e2e.processes import Agent, Collector

# Postfix cuts its lines at 2,041 bytes; rsyslog lets longer ones pass.
REPLY_BYTES = 7_900
DELIVERIES = 400


def log_of(deliveries: int) -> str:
    """Deliveries that bounce with a long reply each."""
    lines = []
    for number in range(deliveries):
        queue_id, head = f"{0xBA7000 + number:X}", "2026-11-23T20:42:58+00:00 mx1 postfix"
        reply = f"host mx.example said: 550 5.1.1 {number} " + "x" * REPLY_BYTES
        hop = "relay=mx.example[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.1.1"
        told = f"to=<r{number}@example.net>, {hop}, status=bounced ({reply})"
        active = "from=<a@shop.example>, size=1, nrcpt=1 (queue active)"
        lines.append(f"{head}/qmgr[1]: {queue_id}: {active}")
        lines.append(f"{head}/smtp[1]: {queue_id}: {told}")
        lines.append(f"{head}/qmgr[1]: {queue_id}: removed")
    return "\n".join(lines) + "\n"


def test_batches_are_cut_by_bytes_too(collector: Collector, tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    log.write_text(log_of(DELIVERIES))
    agent = Agent(tmp_path, collector.address, log)
    agent.settings += ["[ship]", "batch_records = 5000"]
    agent.run_until_end()

    query = collector.query()
    assert query.by_state() == {"bounced": DELIVERIES}
    query.close()
