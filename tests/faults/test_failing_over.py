"""Agents that know two collectors on one PostgreSQL: whoever dies, they go to the other one."""

import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.corpus.bundled import BUNDLED
from tests.e2e.processes import Agent, Collector, date_like_bundled, ledger_by_state, run
from tests.faults.exchange import HOSTS
from tests.faults.fleet import BUNDLED_SERVER, Fleet
from tests.faults.how_many import seeds
from tests.postgres.server import PostgresServer

WRITE_SECONDS = 4.0
WAIT_SECONDS = 30.0
MESSAGES = 300


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def two(folder: Path, uri: str) -> list[Collector]:
    """Start two collectors on one database."""
    collectors = [Collector(folder, name=name, database=uri) for name in ("one", "two")]
    for collector in collectors:
        collector.launch()
    for collector in collectors:
        collector.wait()
    return collectors


def reports_to(agent: Agent) -> str:
    """Where the agent connected last."""
    return agent.output.read_text().rpartition("connected collector=")[2].split()[0]


@pytest.mark.parametrize("seed", seeds(1))
def test_totals_equal_the_ledger_whichever_collector_dies(
    seed: int, cluster: PostgresServer, tmp_path: Path
) -> None:
    generator = random.Random(seed)  # noqa: S311 - repeatable
    collectors = two(tmp_path, cluster.new_database())
    both = [collector.address for collector in collectors]
    fleet = Fleet(tmp_path, seed, MESSAGES, dict.fromkeys((*HOSTS, BUNDLED_SERVER), both))
    fleet.start()
    fleet.write(generator, WRITE_SECONDS)
    while fleet.is_writing:
        victim = generator.choice(collectors)
        victim.end(generator.choice([signal.SIGKILL, signal.SIGTERM]))
        time.sleep(generator.uniform(0.5, 1.0))
        victim.start()
        time.sleep(generator.uniform(0, 0.5))
    fleet.finish()

    for collector in collectors:
        fleet.assert_equal(collector.address)


def test_an_agent_goes_to_the_other_collector_and_comes_back(
    cluster: PostgresServer, tmp_path: Path
) -> None:
    """An update asked for at either collector reaches it, wherever it is."""
    collectors = two(tmp_path, cluster.new_database())
    by_address = {collector.address: collector for collector in collectors}
    log = tmp_path / "mail.log"
    log.touch()
    agent = Agent(tmp_path, list(by_address), log)
    agent.start()
    until(lambda: "connected collector=" in agent.output.read_text())
    first = by_address[reports_to(agent)]
    (second,) = (one for one in collectors if one is not first)
    address = ["--collector", second.address]
    done = run("mailtally", "settings", "set", "--collection", "off", *address)
    assert done.returncode == 0, done.stderr
    settings = agent.state / "settings.json"
    until(lambda: json.loads(settings.read_text())["collection"] == "off")

    log.write_bytes(BUNDLED.log.read_bytes())
    date_like_bundled(log)
    done = run("mailtally", "update", *address)
    assert done.returncode == 0, done.stderr
    query = second.query()
    assert query.by_state() == ledger_by_state()
    query.close()

    first.end(signal.SIGKILL)
    until(lambda: reports_to(agent) == second.address)
    done = run("mailtally", "update", *address)
    assert done.returncode == 0, done.stderr
    first.start()
    second.end()
    until(lambda: reports_to(agent) == first.address)
