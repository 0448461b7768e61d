"""A schedule, run: machines, network, collector and database, from the first line to rest.

Gives     ``World``: ``run`` it, then let the oracle look at it.
Theory    Everything runs on one loop whose time is virtual, and everything that is random comes
          from the seed, so that a schedule runs in the same way each time.
"""

import asyncio
import errno
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from types import SimpleNamespace
from unittest.mock import patch

from mailtally_agent import connection
from mailtally_agent.source import disk as source_disk
from mailtally_collector import ingest
from mailtally_collector.store import writer
from tests.faults.simulation.collector import Collector
from tests.faults.simulation.database import KILL, UNKNOWN, Storage
from tests.faults.simulation.disk import CurrentCalls, running_as
from tests.faults.simulation.killed import Killed
from tests.faults.simulation.loop import VirtualLoop
from tests.faults.simulation.machine import CHECKPOINT, LOG, STATE, Machine
from tests.faults.simulation.network import Network
from tests.faults.simulation.plan import Schedule, Step

# How long everything may take to come to rest after the last fault, and how often it is looked.
REST_SECONDS = 60.0
LOOK_SECONDS = 0.5
LOOKS = 4
DAY_US = 86_400_000_000


class World:
    """Everything there is."""

    def __init__(self, schedule: Schedule, troubles: list[str]) -> None:
        self.schedule = schedule
        self.troubles = troubles
        self.storage = Storage()
        self.network = Network(self._random("network"))
        self.network.slowest = schedule.slowest
        self.machines = [
            Machine(plan, self.network, self._random(plan.server)) for plan in schedule.machines
        ]
        self.restored = False
        # Behind which retention deleted rows.
        self.horizon_us = 0
        self.rested = False
        self._collector: Collector | None = None
        self._down = 0.5
        self._checkpoints: list[bytes] = [b""] * len(self.machines)
        self._tasks: set[asyncio.Task[None]] = set()

    def now_us(self) -> int:
        """Microseconds since 1970, by the collector's clock."""
        plan = self.machines[0].plan
        seconds = asyncio.get_running_loop().time() * plan.rate
        return plan.start_us + int(seconds * 1_000_000)

    async def run(self) -> None:
        """Let everything happen, heal what is broken, and wait until all is at rest."""
        loop = asyncio.get_running_loop()
        self._start_collector()
        for machine in self.machines:
            machine.start_agent()
        for step in self.schedule.steps:
            await asyncio.sleep(max(0.0, step.at - loop.time()))
            self._take(step)
        self._heal()
        await self._rest()

    async def _last_lines(self) -> None:
        """Behind half a line nothing can be read until it ends, and a gap ends with a line."""
        while any(machine.is_happening for machine in self.machines):
            await asyncio.sleep(LOOK_SECONDS)
        for machine in self.machines:
            machine.write(2, 1.0)

    def _random(self, name: str) -> Random:
        return Random(f"{self.schedule.seed} {name}")  # noqa: S311 - repeatable

    def _take(self, step: Step) -> None:
        machine, how = self.machines[step.machine], step.how
        rotation = machine.rotation
        match step.kind:
            case "write":
                machine.write(how["lines"], how["part"])
            case "rotate":
                for _ in range(how["times"]):
                    machine.happen(rotation.by_renaming())
            case "copytruncate":
                for _ in range(how["times"]):
                    machine.happen(rotation.by_copying())
            case "delete-oldest":
                machine.happen(rotation.delete_oldest())
            case "truncate":
                machine.happen(rotation.truncate())
            case "replace":
                machine.happen(rotation.replace())
            case "flush":
                machine.syslog.flush()
            case "power-cut":
                machine.cut_power(how["down"], Random(how["draw"]))  # noqa: S311
            case "kill-agent":
                machine.stop_agent(how["down"], kill_after=how["after"])
            case "stop-agent":
                machine.stop_agent(how["down"], term=True)
            case "clock":
                machine.set_clock(how["by_us"])
            case "unreadable":
                self._for(how["for"], machine.disk.refuses, LOG, errno.EACCES)
            case "state-full":
                self._for(how["for"], machine.disk.refuses_writing, STATE, errno.ENOSPC)
            case "old-checkpoint" | "no-checkpoint" | "torn-checkpoint":
                self._change_checkpoint(step)
            case _:
                self._take_elsewhere(step)

    def _take_elsewhere(self, step: Step) -> None:
        """What happens to the network and the collector."""
        how = step.how
        server = self.machines[step.machine].plan.server
        match step.kind:
            case "cut":
                self.network.cut(server, collector_notices_after=how["stale"])
            case "unreachable":
                self.network.unreachable = True
                self.network.cut(server, collector_notices_after=0.0)
                self._later(how["for"], lambda: setattr(self.network, "unreachable", False))
            case "silent":
                self.network.silent = True
                self._later(how["for"], lambda: setattr(self.network, "silent", False))
            case "replay":
                self._do(self.network.replay(Random(how["draw"])))  # noqa: S311
            case "kill-collector":
                self._down = how["down"]
                self.storage.fail(KILL, how["after"])
            case "stop-collector":
                self._down = how["down"]
                if self._collector is not None:
                    self._do(self._collector.stop())
            case "database-fault":
                self.storage.fail(how["fault"], how["after"])
            case "unknown-commit":
                self.storage.fail(UNKNOWN, 0)
            case "backup":
                self.storage.keep()
                self._keep_checkpoints()
            case "restore":
                self._restore(how["down"])
            case "retention":
                if self._collector is not None:
                    self.horizon_us = max(self.horizon_us, self.now_us() // DAY_US * DAY_US)
                    self._do(self._collector.retain(self.horizon_us))
            case kind:
                raise ValueError(kind)

    def _restore(self, down: float) -> None:
        """Stop the collector, restore the last backup, start it again."""
        self.restored = True
        self._down = down
        if self._collector is not None:
            self._collector.kill()
        self.storage.set_back()

    def _change_checkpoint(self, step: Step) -> None:
        """The agent is stopped, and its checkpoint is not what it was."""
        machine = self.machines[step.machine]
        inode = machine.disk.find(CHECKPOINT)
        if inode is None:
            return
        machine.stop_agent(0.1)
        machine.forgot = True
        if step.kind == "no-checkpoint":
            machine.disk.unlink(CHECKPOINT)
        elif step.kind == "old-checkpoint":
            inode.data[:] = self._checkpoints[step.machine] or inode.data
        elif inode.data:
            inode.data[int(len(inode.data) * step.how["at"])] ^= 1

    def _keep_checkpoints(self) -> None:
        for number, machine in enumerate(self.machines):
            inode = machine.disk.find(CHECKPOINT)
            self._checkpoints[number] = bytes(inode.data) if inode else b""

    def _start_collector(self) -> None:
        self._collector = Collector(
            self.storage, self.now_us, self._random("collector"), self._collector_ended
        )
        self.network.accept = self._collector.accept

    def _collector_ended(self) -> None:
        self._collector = None
        self.network.accept = None
        self._later(self._down, self._start_collector)

    def _heal(self) -> None:
        self.network.unreachable = self.network.silent = False
        self.storage.heal()
        for machine in self.machines:
            machine.disk.refuses.clear()
            machine.disk.refuses_writing.clear()
            if machine.agent is not None:
                machine.agent.kill_after = None

    async def _rest(self) -> None:
        """Wait until every agent has everything acknowledged, and nothing more to read."""
        await self._last_lines()
        loop = asyncio.get_running_loop()
        end = loop.time() + REST_SECONDS
        looks = 0
        while looks < LOOKS and loop.time() < end:
            await asyncio.sleep(LOOK_SECONDS)
            looks = looks + 1 if all(map(self._rests, self.machines)) else 0
        self.rested = looks == LOOKS

    def _rests(self, machine: Machine) -> bool:
        agent = machine.agent
        if agent is None or not agent.idle or machine.is_happening or agent.harvest is None:
            return False
        with running_as(agent.calls):
            waits = agent.harvest.backlog_bytes()
        return not waits and self.network.is_connected(machine.plan.server)

    def _for(self, seconds: float, refused: dict[str, int], path: str, number: int) -> None:
        """Let system calls below a path fail for a while."""
        refused[path] = number
        self._later(seconds, lambda: refused.pop(path, None) and None)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, action)

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def run(schedule: Schedule) -> World:
    """Run a schedule to its end."""
    loop = VirtualLoop()
    troubles: list[str] = []
    loop.set_exception_handler(lambda _, context: _note(troubles, context))
    with as_simulated(schedule.seed):
        try:
            return loop.run_until_complete(_run(schedule, troubles))
        finally:
            loop.run_until_complete(_end_all())
            loop.close()


async def _end_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _run(schedule: Schedule, troubles: list[str]) -> World:
    world = World(schedule, troubles)
    await world.run()
    return world


def _note(troubles: list[str], context: dict[str, object]) -> None:
    error = context.get("exception")
    # Of processes that were killed, tasks are left that wait for ever.
    if error is not None and not isinstance(error, Killed):
        troubles.append(f"{context['message']}: {error!r}")


@contextmanager
def as_simulated(seed: int) -> Iterator[None]:
    """Put what is virtual in the place of what is real, in the product's own modules."""
    tokens = Random(f"tokens {seed}")  # noqa: S311 - repeatable
    state = random.getstate()
    random.seed(seed)
    with (
        patch.object(source_disk, "os", CurrentCalls()),
        patch.object(connection.Link, "_open", lambda link, _: link._config.channel()),  # noqa: SLF001
        patch.object(ingest.secrets, "token_bytes", tokens.randbytes),
        patch.object(ingest.secrets, "randbits", tokens.getrandbits),
        patch.object(writer, "time", SimpleNamespace(sleep=lambda _: None)),
    ):
        yield
    random.setstate(state)
