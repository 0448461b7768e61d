"""The agent on the log of a Postfix that runs: the ledger's figures, as they come about."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailtally.v1 import query_pb2 as pb
from tests.e2e.processes import STATES, Agent, Collector
from tests.postfix import mail_queue
from tests.postfix.injection import Message
from tests.postfix.lab import Lab

ANNA = "anna@shop-one.test"
MIA = "mia@studio.test"
MAIL = (
    Message(ANNA, ("kim.1@gmail.test", "nouser.1@gmail.test", "full.1@corp.test")),
    Message(ANNA, ("spf.1@gmail.test",), via="sendmail"),
    Message(ANNA, ("grey.1@corp.test",)),
    Message(ANNA, ("full.2@corp.test",)),
    Message(ANNA, ("full.3@corp.test",)),
    Message(MIA, ("full.4@corp.test", "ok.1@corp.test")),
    Message(MIA, ("who.1@nodns.test", "liar.1@outlook.test")),
    Message(MIA, ("team@mx1.mailtally.test", "anna@shop-one.test")),
)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    running = Collector(tmp_path)
    running.start()
    yield running
    running.end()


def by_state(collector: Collector) -> dict[str, int]:
    """Outbound recipients of the last hours, by state."""
    query = collector.query()
    span = pb.Filter()
    span.start.FromDatetime(datetime.now(UTC) - timedelta(hours=2))
    span.end.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    total = query.stub.Summary(pb.SummaryRequest(filter=span), timeout=30).total
    query.close()
    return {state: getattr(total, state) for state in STATES if getattr(total, state)}


def expected(lab: Lab) -> dict[str, int]:
    ledger = lab.ledger()["expected"]
    assert isinstance(ledger, dict)
    states: dict[str, int] = ledger["outbound"]["by_state"]
    return states


def wait_until_equal(lab: Lab, collector: Collector, agent: Agent) -> None:
    """What the agent reports within some seconds is what the ledger says."""
    figures = expected(lab)
    deadline = time.monotonic() + 15
    while by_state(collector) != figures and time.monotonic() < deadline:
        time.sleep(0.2)
    assert by_state(collector) == figures, agent.output.read_text()


def test_figures_follow_a_running_postfix(lab: Lab, collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, lab.log)
    agent.start()
    lab.send(MAIL)
    lab.settle()
    wait_until_equal(lab, collector, agent)

    lab.flush()
    lab.hold(ANNA, "full.2@corp.test")
    lab.delete(ANNA, "full.3@corp.test")
    wait_until_equal(lab, collector, agent)

    mail_queue.requeue(lab.postfix, lab.find(MIA, "full.4@corp.test").queue_id)
    lab.settle()
    lab.flush()
    wait_until_equal(lab, collector, agent)

    lab.expire()
    wait_until_equal(lab, collector, agent)
    assert agent.end() == 0
