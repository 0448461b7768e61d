"""One schedule from its beginning to the comparison.

Order     Logs grow while faults begin and end at their moments. When the last is healed and every
          message is told to its end, nothing is done any more: within ``recovery_seconds`` every
          collector's answers must equal the ledgers.
Then      All programs end on SIGTERM with status 0, roll-ups equal a recount, nothing is in
          quarantine, no traceback was logged.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from pathlib import Path

from mailtally.v1 import query_pb2 as pb
from mailtally_collector.recount_file import recount_file
from mailtally_collector.store.location import location_of
from tests.faults.blackbox.faults import FAULTS
from tests.faults.blackbox.plan import Plan
from tests.faults.blackbox.world import World, built
from tests.faults.ledger.compare import settled
from tests.faults.ledger.observe import query_now
from tests.faults.patches import SOUND, Mutant

RECOVERY_SECONDS = 10.0
WRITTEN_AFTER = 20


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a schedule; ``ended`` counts programs that ended by themselves."""

    seed: int
    attempts: int
    wrong: tuple[str, ...]
    recovered_seconds: float
    ended: int
    seconds: float


def play(
    plan: Plan, folder: Path, *, recovery_seconds: float = RECOVERY_SECONDS, mutant: Mutant = SOUND
) -> Played:
    """Play a schedule in an empty folder."""
    began = time.monotonic()
    with built(plan, folder, mutant) as world:
        for writer in world.writers.values():
            writer.start(plan.lines_per_second)
        _let_happen(world)
        for writer in world.writers.values():
            writer.stop()
            writer.write(WRITTEN_AFTER)
            writer.finish()
        wrong, spent = settled(world.collectors, world.writers, recovery_seconds)
        ended = [status for kept in world.kept for status in kept.ended]
        wrong += _afterwards(world)
        attempts = sum(writer.ledger.attempts() for writer in world.writers.values())
        seconds = time.monotonic() - began
        return Played(plan.seed, attempts, tuple(wrong), spent, len(ended), seconds)


def _let_happen(world: World) -> None:
    """Begin and end every fault at its moment."""
    began = time.monotonic()
    waiting = [(fault.at, number) for number, fault in enumerate(world.plan.faults)]
    heapify(waiting)
    lasting: dict[int, AbstractContextManager[None]] = {}
    while waiting:
        moment, number = heappop(waiting)
        time.sleep(max(0.0, began + moment - time.monotonic()))
        if number in lasting:
            lasting.pop(number).__exit__(None, None, None)
            continue
        fault = world.plan.faults[number]
        lasting[number] = FAULTS[fault.kind](world, fault)
        lasting[number].__enter__()
        heappush(waiting, (time.monotonic() - began + fault.seconds, number))


def _afterwards(world: World) -> Iterator[str]:
    """What else must hold."""
    query = query_now(world.collectors[0])
    with suppress(Exception):
        for server in query.stub.ListServers(pb.ListServersRequest(), timeout=10).servers:
            if server.records_quarantined:
                yield f"{server.name}: {server.records_quarantined} records in quarantine"
    query.close()
    for kept in world.kept:
        status = kept.end()
        if status:
            yield f"{kept.program.output.name}: ended with {status} on SIGTERM"
        if "Traceback" in kept.program.output.read_text():
            yield f"{kept.program.output.name}: a traceback"
    database = location_of(world.collectors[0].database)
    for name, rows in recount_file(database, repair=False, quiet=True).items():
        yield f"roll-up {name}: {rows} rows differ"
