"""A connection that takes its time: a long way, or a collector that many agents come back to."""

import time
from contextlib import closing
from pathlib import Path

from tests.e2e.processes import Agent, Collector, bundled_log, ledger_by_state
from tests.faults.switch import Switch

LATE_SECONDS = 3.5
DEADLINE_SECONDS = 30.0


def test_a_handshake_of_some_seconds_is_waited_for(collector: Collector, tmp_path: Path) -> None:
    with closing(Switch(collector.address)) as switch, switch.delaying(LATE_SECONDS):
        agent = Agent(tmp_path, switch.address, bundled_log(tmp_path))
        agent.start()
        query = collector.query()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while query.by_state() != ledger_by_state():
            assert time.monotonic() < deadline, agent.output.read_text()
            time.sleep(0.2)
        query.close()
        agent.end()
