"""Agents of some mail hosts whose logs grow, and the figures that collectors must give of them.

Gives     Fleet: two servers of an exchange, which hand mail to each other, and one with the bundled
          log. ``write`` their logs, let them ``finish``, then see whether answers ``differ``.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

from mailtally.v1 import query_pb2 as pb
from tests.corpus.bundled import BUNDLED
from tests.e2e.processes import Agent, Query, date_like_bundled, ledger_by_state
from tests.e2e.slow_log import write_slowly
from tests.faults.exchange import HOSTS, Exchange

BUNDLED_SERVER = "mx3"
# What a killed collector left is settled within 15 s.
SETTLED_SECONDS = 40


class Fleet:
    """Three agents, each with the address that it reports to."""

    def __init__(
        self, folder: Path, seed: int, messages: int, addresses: Mapping[str, str | list[str]]
    ) -> None:
        self.exchange = Exchange(seed, messages)
        self.agents = [
            Agent(_made(folder / server), address, folder / server / "mail.log", server)
            for server, address in addresses.items()
        ]
        self._writers: list[threading.Thread] = []

    def start(self) -> None:
        """Start the agents."""
        for agent in self.agents:
            agent.start()

    def write(self, generator: random.Random, seconds: float) -> None:
        """Let the logs grow, beside what else is done."""
        for agent in self.agents:
            is_bundled = agent.server == BUNDLED_SERVER
            content = BUNDLED.log.read_bytes() if is_bundled else self.exchange.log(agent.server)
            own = random.Random(generator.random())  # noqa: S311 - repeatable
            after = (date_like_bundled,) if is_bundled else ()
            arguments = (agent.log, content, own, seconds, *after)
            self._writers.append(threading.Thread(target=write_slowly, args=arguments))
            self._writers[-1].start()

    @property
    def is_writing(self) -> bool:
        """Whether a log still grows."""
        return any(writer.is_alive() for writer in self._writers)

    def finish(self) -> None:
        """Wait for the logs' ends, and until all of them is acknowledged."""
        for writer in self._writers:
            writer.join()
        for agent in self.agents:
            agent.end()
        with ThreadPoolExecutor() as threads:
            list(threads.map(Agent.run_until_end, self.agents))

    def assert_equal(self, address: str, seconds: float = SETTLED_SECONDS) -> None:
        """See that answers come to equal the ledger."""
        query = Query(address)
        deadline = time.monotonic() + seconds
        while (wrong := self.differences(query)) and time.monotonic() < deadline:
            time.sleep(0.5)
        query.close()
        assert not wrong, "\n".join(wrong[:20])

    def differences(self, query: Query) -> list[str]:
        """Where answers differ from the ledger."""
        ledger = self.exchange.ledger
        ours = list(HOSTS)
        asked: list[tuple[str, Counter[str], dict[str, Any]]] = []
        asked.append(("total", ledger.by_state, {"servers": ours}))
        asked += [(one, counts, {"servers": [one]}) for one, counts in ledger.by_server.items()]
        asked += [(one, counts, {"domain": one}) for one, counts in ledger.by_domain.items()]
        asked += [(one, counts, {"mailbox": one}) for one, counts in ledger.by_mailbox.items()]
        asked.append((BUNDLED_SERVER, Counter(ledger_by_state()), {"servers": [BUNDLED_SERVER]}))
        told = [(name, dict(counts), query.by_state(**how)) for name, counts, how in asked]
        events = Counter(
            (event.queue_id, event.recipient.decode(), _state(event))
            for event in query.events(servers=ours)
        )
        reasons = query.stub.TopReasons(
            pb.TopReasonsRequest(filter=query.filter(servers=ours), limit=1000)
        )
        told.append(("reasons", {"bounced": ledger.by_state["bounced"]}, _total(reasons)))
        wrong = [f"{name}: {got} instead of {due}" for name, due, got in told if due != got]
        wrong += [f"no event {one}" for one in ledger.events - events]
        return wrong + [f"event {one}" for one in events - ledger.events]


def answers(address: str) -> grpc.StatusCode | None:
    """Ask for a summary: None when it is given, else the status and why."""
    query = Query(address)
    try:
        query.by_state()
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    finally:
        query.close()
    return None


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _state(event: pb.Event) -> str:
    return pb.DeliveryState.Name(event.state).removeprefix("DELIVERY_STATE_").lower()


def _total(reasons: pb.TopReasonsResponse) -> dict[str, int]:
    assert reasons.total == sum(reason.count for reason in reasons.reasons)
    return {"bounced": reasons.total}
