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

WRITE_SECONDS = 1.2


def write_slowly(path: Path, generator: random.Random) -> None:
    """Write the bundled log in pieces that end anywhere, and rotate it once on the way."""
    content = BUNDLED.log.read_bytes()
    cuts = sorted(generator.sample(range(1, len(content)), 60))
    turn = generator.randrange(60)
    start = 0
    for number, end in enumerate([*cuts, len(content)]):
        with path.open("ab") as file:
            file.write(content[start:end])
        date_like_bundled(path)
        if number == turn:
            line_end = content.index(b"\n", end - 1) + 1
            with path.open("ab") as file:
                file.write(content[end:line_end])
            path.rename(path.with_name("mail.log.1"))
            end = max(end, line_end)  # noqa: PLW2901 - the rest of the line is in the old file
        start = max(start, end)
        time.sleep(WRITE_SECONDS / 60)


@pytest.mark.parametrize("seed", range(20))
def test_totals_equal_the_ledger_after_a_kill(
    seed: int, collector: Collector, tmp_path: Path
) -> None:
    generator = random.Random(seed)  # noqa: S311 - repeatable
    log = tmp_path / "mail.log"
    agent = Agent(tmp_path, collector.address, log)
    agent.start()
    writer = threading.Thread(target=write_slowly, args=(log, random.Random(seed)))  # noqa: S311 - repeatable
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
