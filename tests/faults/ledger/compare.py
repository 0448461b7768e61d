"""Waiting until a collector's answers equal the ledger."""

import time
from collections.abc import Callable, Sequence

import grpc

from tests.e2e.processes import Collector
from tests.faults.ledger.log_writer import LogWriter
from tests.faults.ledger.observe import observe, query_now

LOOK_SECONDS = 0.2


def differences(collector: Collector, writers: dict[str, LogWriter]) -> list[str]:
    """Where answers differ from the ledgers of servers; a refused question is a difference."""
    query = query_now(collector)
    try:
        return [
            f"{server}: {wrong}"
            for server, writer in writers.items()
            for wrong in writer.ledger.differences(observe(query, server, writer.names()))
        ]
    except grpc.RpcError as error:
        details = error.details() if isinstance(error, grpc.Call) else str(error)
        return [f"no answer: {details}"]
    finally:
        query.close()


def settled(
    collectors: Sequence[Collector],
    writers: dict[str, LogWriter],
    seconds: float,
    meanwhile: Callable[[], None] = lambda: None,
) -> tuple[list[str], float]:
    """Wait until all answers agree, at most so long; what differs then, and how long it took."""
    began = time.monotonic()
    while True:
        meanwhile()
        wrong = [one for each in collectors for one in differences(each, writers)]
        spent = time.monotonic() - began
        if not wrong or spent > seconds:
            return wrong, spent
        time.sleep(LOOK_SECONDS)
