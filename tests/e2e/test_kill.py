"""kill -9 of agent or collector at any moment, while the log is written: the totals stay right."""

import random
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.corpus.bundled import BUNDLED
from tests.e2e.processes import (
    Agent,
    Collector,
    date_like_bundled,
    ledger_by_state,
)
from tests.e2e.slow_log import write_slowly

WRITE_SECONDS = 1.2


@pytest.mark.parametrize("seed", range(20))
def test_totals_equal_the_ledger_after_a_kill(
    seed: int, collector: Collector, tmp_path: Path
) -> None:
    generator = random.Random(seed)  # noqa: S311 - repeatable
    log = tmp_path / "mail.log"
    agent = Agent(tmp_path, collector.address, log)
    agent.start()
    writer = threading.Thread(
        target=write_slowly,
        args=(
            *(log, BUNDLED.log.read_bytes(), random.Random(seed)),  # noqa: S311 - repeatable
            *(WRITE_SECONDS, date_like_bundled),
        ),
    )
    writer.start()

    victims: list[Agent | Collector] = [agent, collector]
    victim = generator.choice(victims)
    time.sleep(generator.uniform(0.3, 0.3 + WRITE_SECONDS))
    victim.end(signal.SIGKILL)
    time.sleep(generator.uniform(0, 0.3))
    victim.start()
    writer.join()
    if generator.random() < 0.5:
        time.sleep(generator.uniform(0, 1))
    agent.end()
    agent.run_until_end()

    query = collector.query()
    assert ledger_by_state() == query.by_state()
    query.close()
