"""Two collectors on one PostgreSQL, agents that go from one to the other, kill -9 at any moment."""

import random
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.processes import Agent, Collector, run
from tests.faults.exchange import HOSTS
from tests.faults.fleet import BUNDLED_SERVER, Fleet
from tests.faults.how_many import seeds
from tests.faults.switch import Switch
from tests.postgres.server import PostgresServer

WRITE_SECONDS = 4.0
MESSAGES = 500


@pytest.mark.parametrize("seed", seeds(1))
def test_totals_equal_the_ledger_whoever_dies(
    seed: int, cluster: PostgresServer, tmp_path: Path
) -> None:
    generator = random.Random(seed)  # noqa: S311 - repeatable
    uri = cluster.new_database()
    collectors = [Collector(tmp_path, name=name, database=uri) for name in ("one", "two")]
    for collector in collectors:
        collector.launch()
    for collector in collectors:
        collector.wait()
    switches = [Switch(generator.choice(collectors).address) for _ in range(3)]
    addresses = dict(
        zip((*HOSTS, BUNDLED_SERVER), (switch.address for switch in switches), strict=True)
    )
    fleet = Fleet(tmp_path, seed, MESSAGES, addresses)
    fleet.start()
    fleet.write(generator, WRITE_SECONDS)
    while fleet.is_writing:
        time.sleep(generator.uniform(0.05, 0.6))
        if generator.random() < 0.6:
            generator.choice(switches).point(generator.choice(collectors).address)
            continue
        victims: list[Agent | Collector] = [*collectors, *collectors, *fleet.agents]
        victim = generator.choice(victims)
        victim.end(signal.SIGKILL)
        time.sleep(generator.uniform(0, 0.3))
        victim.start()
    fleet.finish()

    for collector in collectors:
        fleet.assert_equal(collector.address)
    assert cluster.ask(uri, "SELECT reason FROM quarantine") == ""
    checked = run("mailtally-collector", "check", "--deep", "-q", "--database", uri)
    assert "ok  roll-ups" in checked.stdout, checked
    deadline = time.monotonic() + 20
    while cluster.ask(uri, "SELECT count(*) FROM unsettled") != "0":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    for switch in switches:
        switch.close()
