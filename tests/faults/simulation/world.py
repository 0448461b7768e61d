"""Machines, network, collector and database, while a schedule runs.

Gives     ``World``: everything there is, what each kind of step needs of it, and ``rest``.
"""

import asyncio
import errno
from collections.abc import Callable, Coroutine
from random import Random

from tests.faults.simulation.chance import chance
from tests.faults.simulation.collector import Collector
from tests.faults.simulation.database import Storage
from tests.faults.simulation.disk import running_as
from tests.faults.simulation.machine import CHECKPOINT, LOG, STATE, Machine
from tests.faults.simulation.network import Network
from tests.faults.simulation.plan import Schedule

# How long everything may take to come to rest after the last fault, and how often it is looked.
REST_SECONDS = 60.0
LOOK_SECONDS = 0.5
LOOKS = 4
DAY_US = 86_400_000_000


class World:
    """Everything there is.

    troubles    what nobody caught
    rested      whether everything came to rest at the end
    horizon_us  behind which retention deleted rows
    """

    def __init__(self, schedule: Schedule, troubles: list[str]) -> None:
        self.schedule = schedule
        self.troubles = troubles
        self.storage = Storage()
        self.network = Network(self._chance("network"))
        self.network.slowest = schedule.slowest
        self.machines = [
            Machine(plan, self.network, self._chance(plan.server)) for plan in schedule.machines
        ]
        self.rested = False
        self.horizon_us = 0
        self.collector: Collector | None = None
        # Those that were killed too: what they left undone must not be collected as garbage.
        self._collectors: list[Collector] = []
        self._down = 0.0
        self._checkpoints = [b"" for _ in self.machines]
        self._tasks: set[asyncio.Task[None]] = set()

    def now_us(self) -> int:
        """Microseconds since 1970, by the collector's clock."""
        plan = self.machines[0].plan
        seconds = asyncio.get_running_loop().time() * plan.rate
        return plan.start_us + int(seconds * 1_000_000)

    def start(self) -> None:
        """Start the collector and the agents."""
        self._start_collector()
        for machine in self.machines:
            machine.start_agent()

    # Machines.

    def refuse_reading(self, machine: Machine, seconds: float) -> None:
        """Let the log be unreadable for a while."""
        self._refuse(machine.disk.refuses, LOG, errno.EACCES, seconds)

    def refuse_writing(self, machine: Machine, seconds: float) -> None:
        """Let the disk with the agent's state be full for a while."""
        self._refuse(machine.disk.refuses_writing, STATE, errno.ENOSPC, seconds)

    def change_checkpoint(self, machine: Machine, change: Callable[[bytearray], None]) -> None:
        """Kill the agent, and change what it finds when it is started again."""
        inode = machine.disk.find(CHECKPOINT)
        if inode is not None:
            machine.stop_agent(0.1)
            machine.forgot = True
            change(inode.data)

    def delete_checkpoint(self, machine: Machine) -> None:
        """Kill the agent and delete its checkpoint."""
        if machine.disk.find(CHECKPOINT) is not None:
            machine.stop_agent(0.1)
            machine.forgot = True
            machine.disk.unlink(CHECKPOINT)

    def old_checkpoint(self, machine: Machine) -> bytes:
        """What was kept at the last backup; empty for none."""
        return self._checkpoints[self.machines.index(machine)]

    # Network and collector.

    def be_unreachable(self, seconds: float) -> None:
        """Let no new connection come about for a while."""
        self.network.unreachable = True
        self.later(seconds, lambda: setattr(self.network, "unreachable", False))

    def be_silent(self, seconds: float) -> None:
        """Let new connections be answered by nobody for a while."""
        self.network.silent = True
        self.later(seconds, lambda: setattr(self.network, "silent", False))

    def kill_collector(self, down: float, fault: str, after: int) -> None:
        """Plan a fault that ends the collector."""
        self._down = down
        self.storage.fail(fault, after)

    def stop_collector(self, down: float) -> None:
        """Stop it as SIGTERM does; it is started again after ``down`` seconds."""
        self._down = down
        if self.collector is not None:
            self.do(self.collector.stop())

    def back_up(self) -> None:
        """Keep what the database and the checkpoints are."""
        self.storage.keep()
        for number, machine in enumerate(self.machines):
            inode = machine.disk.find(CHECKPOINT)
            self._checkpoints[number] = bytes(inode.data) if inode else b""

    def restore(self, down: float) -> None:
        """Kill the collector, set the database back to the last backup, start it again."""
        self._down = down
        if self.collector is not None:
            self.collector.kill()
        self.storage.set_back()

    def retain(self) -> None:
        """Delete what arrived before the present day."""
        if self.collector is not None:
            self.horizon_us = max(self.horizon_us, self.now_us() // DAY_US * DAY_US)
            self.do(self.collector.retain(self.horizon_us))

    def do(self, work: Coroutine[None, None, None]) -> None:
        """Let work go on beside the schedule."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something after a while."""
        asyncio.get_running_loop().call_later(seconds, action)

    # The end.

    async def rest(self) -> None:
        """Heal what is broken, and wait until all is read and acknowledged."""
        self._heal()
        loop = asyncio.get_running_loop()
        end = loop.time() + REST_SECONDS
        looks = 0
        written = False
        while looks < LOOKS and loop.time() < end:
            await asyncio.sleep(LOOK_SECONDS)
            if not written and not any(machine.is_happening for machine in self.machines):
                written = True
                self._write_last_lines()
            looks = looks + 1 if written and all(map(self._rests, self.machines)) else 0
        self.rested = looks == LOOKS

    def _write_last_lines(self) -> None:
        """Behind half a line nothing can be read until it ends, and a gap ends with a line."""
        for machine in self.machines:
            machine.write(2, 1.0)

    def _heal(self) -> None:
        self.network.unreachable = self.network.silent = False
        self.storage.heal()
        for machine in self.machines:
            machine.disk.refuses.clear()
            machine.disk.refuses_writing.clear()
            machine.syslog.complete()
            if machine.agent is not None:
                machine.agent.kill_after = None

    def _rests(self, machine: Machine) -> bool:
        agent = machine.agent
        if agent is None or not agent.idle or machine.is_happening or agent.harvest is None:
            return False
        with running_as(agent.calls):
            waits = agent.harvest.backlog_bytes()
        return not waits and self.network.is_connected(machine.plan.server)

    def _refuse(self, refused: dict[str, int], path: str, number: int, seconds: float) -> None:
        def heal() -> None:
            refused.pop(path, None)

        refused[path] = number
        self.later(seconds, heal)

    def _start_collector(self) -> None:
        self.collector = Collector(
            self.storage, self.now_us, self._chance("collector"), self._collector_ended
        )
        self._collectors.append(self.collector)
        self.network.accept = self.collector.accept

    def _collector_ended(self) -> None:
        self.collector = None
        self.network.accept = None
        self.later(self._down, self._start_collector)

    def _chance(self, name: str) -> Random:
        return chance(self.schedule.seed, name)
