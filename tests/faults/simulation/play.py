"""A schedule, played from the first line to rest.

Gives     ``play``. Everything runs on one loop whose time is virtual, and everything that is random
          comes from the seed, so that a schedule is played in the same way each time.
"""

import asyncio
import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from mailtally_agent import connection
from mailtally_agent.source import disk as source_disk
from mailtally_collector.store import writer
from tests.faults.simulation.chance import chance
from tests.faults.simulation.disk import CurrentCalls
from tests.faults.simulation.happenings import HAPPENINGS
from tests.faults.simulation.killed import Killed
from tests.faults.simulation.loop import VirtualLoop
from tests.faults.simulation.plan import Schedule
from tests.faults.simulation.world import World


def play(schedule: Schedule) -> World:
    """Play it; the world as it is then."""
    loop = VirtualLoop()
    troubles: list[str] = []
    loop.set_exception_handler(lambda _, context: _note(troubles, context))
    with _as_simulated(schedule.seed):
        try:
            return loop.run_until_complete(_play(schedule, troubles))
        finally:
            loop.run_until_complete(_end_all())
            loop.close()


async def _play(schedule: Schedule, troubles: list[str]) -> World:
    loop = asyncio.get_running_loop()
    world = World(schedule, troubles)
    world.start()
    for step in schedule.steps:
        await asyncio.sleep(max(0.0, step.at - loop.time()))
        HAPPENINGS[step.kind](world, world.machines[step.machine], step.how)
    await world.rest()
    return world


async def _end_all() -> None:
    # What ends may have something begin, as a killed agent another one.
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _note(troubles: list[str], context: dict[str, Any]) -> None:
    error = context.get("exception")
    # Of processes that were killed, tasks are left that wait for ever.
    if error is not None and not isinstance(error, Killed):
        troubles.append(f"{context['message']}: {error!r}")


@contextmanager
def _as_simulated(seed: int) -> Iterator[None]:
    """Put what is virtual in the place of what is real, in the product's own modules."""
    tokens = chance("tokens", seed)
    state = random.getstate()
    random.seed(seed)
    with (
        patch.object(source_disk, "os", CurrentCalls()),
        patch.object(connection.Link, "_open", lambda link, _: link._config.channel()),  # noqa: SLF001
        patch.object(secrets, "token_bytes", tokens.randbytes),
        patch.object(secrets, "randbits", tokens.getrandbits),
        patch.object(writer, "time", SimpleNamespace(sleep=lambda _: None)),
    ):
        yield
    random.setstate(state)
