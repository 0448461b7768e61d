"""One mail host: its disk, its log, and the agents that run on it one after another.

Gives     ``Machine``. The agent is the product's, from file to stream: Harvest, Session, Reporting,
          put together as daemon.py does. A killed or crashed agent is started again, as systemd
          does it.
Theory    What happens to the log while the agent runs happens between two of its system calls:
          ``happening`` are generators of small steps, of which one is taken now and then when the
          agent makes a call, and by a timer when it makes none.
"""

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from ipaddress import ip_network
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from mailtally_agent.collecting import Collecting
from mailtally_agent.config import Config
from mailtally_agent.daemon import CHECKPOINT_NAME
from mailtally_agent.direction import DirectionRules
from mailtally_agent.harvest import Harvest, HarvestOptions
from mailtally_agent.reading import LogOptions, ReadingOptions
from mailtally_agent.reporting import Reporting
from mailtally_agent.session import Session
from mailtally_agent.settings_state import SETTINGS_NAME
from mailtally_agent.ship import Window
from mailtally_agent.source.disk import RealDisk
from mailtally_agent.status import StatusFile
from tests.faults.simulation.disk import Disk, SystemCalls, running_as
from tests.faults.simulation.killed import Killed
from tests.faults.simulation.ledger import Ledger
from tests.faults.simulation.network import Channel, Network
from tests.faults.simulation.plan import MachinePlan
from tests.faults.simulation.syslog import Rotation, Syslog
from tests.faults.simulation.traffic import Traffic

LOG = "/var/log/mail.log"
STATE = "/var/lib/mailtally-agent"
CHECKPOINT = f"{STATE}/{CHECKPOINT_NAME}"
SETTINGS = f"{STATE}/{SETTINGS_NAME}"
RULES = DirectionRules([ip_network("127.0.0.1/32")])
logger = logging.getLogger(__name__)

RESTART_SECONDS = 0.5
STEP_SECONDS = 0.05
# One in so many system calls of the agent is preceded by a step of what happens to the log.
CALLS_A_STEP = 4


class NoStatusFile(StatusFile):
    """The file for ``mailtally-agent status`` is nothing that figures depend on."""

    def _write(self, harvest: Harvest, more: dict[str, Any]) -> None:
        del harvest, more


class Agent:
    """One process."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self.calls = SystemCalls(machine.disk, self._entering)
        self.kill_after: int | None = None
        self.dead = False
        self.harvest: Harvest | None = None
        self.reporting: Reporting | None = None
        with running_as(self.calls):
            self.task = asyncio.get_running_loop().create_task(self._run())

    @property
    def idle(self) -> bool:
        """Whether everything read was acknowledged."""
        return self.harvest is not None and self.harvest.window.empty

    def kill(self) -> None:
        """Let nothing of it happen from here on."""
        if not self.dead:
            self.dead = True
            self._machine.network.lose_agent(self._machine.plan.server)
            self.task.cancel()

    def _entering(self, call: str) -> None:
        del call
        if self.dead:
            raise Killed
        if self.kill_after is not None:
            self.kill_after -= 1
            if self.kill_after < 0:
                self.kill()
                raise Killed
        self._machine.agent_calls()

    def _channel(self) -> Channel:
        return Channel(self._machine.network, self._machine.plan.server, lambda: not self.dead)

    def _waiting(self, problem: str, pause: float) -> None:
        logger.info("%.3f s agent waits %.1f s: %s", self.task.get_loop().time(), pause, problem)

    async def _run(self) -> None:
        plan = self._machine.plan
        clock = self._machine.clock_us
        disk = RealDisk()
        options = HarvestOptions(
            logs=[LogOptions.of_file(disk, LOG)],
            checkpoint_path=CHECKPOINT,
            reading=ReadingOptions(UTC, RULES),
            since_us=None,
        )
        config = SimpleNamespace(
            server=plan.server,
            collectors_of=lambda _: ["c:1"],
            tls=None,
            insecure=True,
            channel=self._channel,
        )
        window = Window(plan.batch_records, plan.batches_in_flight)
        self.harvest = Harvest(options, disk, clock, window)
        status = NoStatusFile(Path(STATE), plan.server, clock)
        collecting = Collecting(self.harvest, plan.server, disk, SETTINGS, clock)
        session = Session(self.harvest, plan.server, status, clock, collecting)
        self.reporting = Reporting(cast("Config", config), self.harvest, session, until_end=False)
        await self.reporting.run(welcomed=lambda _: None, waiting=self._waiting)
        self.harvest.close()


class Machine:
    """A mail host."""

    def __init__(self, plan: MachinePlan, network: Network, random: Random) -> None:
        self.plan = plan
        self.network = network
        self.ahead_us = 0
        # By how much the clock was set back.
        self.back_us = 0
        # Whether its checkpoint was lost or damaged: then the agent cannot know what it missed.
        self.forgot = False
        self.disk = Disk(self.clock_us)
        self.ledger = Ledger()
        self.syslog = Syslog(self.disk, LOG, self.ledger)
        self.rotation = Rotation(
            self.disk,
            self.syslog,
            LOG,
            self.ledger,
            self.clock_us,
            keep=plan.keep,
            dated=plan.dated,
            packing=plan.packing,
        )
        self.traffic = Traffic(plan.server, self.ledger, random, iso=plan.iso)
        self.agent: Agent | None = None
        self.crashes: Counter[str] = Counter()
        self._random = random
        self._down: float | None = RESTART_SECONDS
        self._happening: list[Iterator[None]] = []

    def clock_us(self) -> int:
        """Microseconds since 1970, by this host's clock."""
        seconds = asyncio.get_running_loop().time() * self.plan.rate
        return self.plan.start_us + self.ahead_us + int(seconds * 1_000_000)

    @property
    def is_happening(self) -> bool:
        """Whether something that happens to the log is not at its end."""
        return bool(self._happening)

    def set_clock(self, by_us: int) -> None:
        """Move the clock."""
        self.ahead_us += by_us
        self.back_us += max(0, -by_us)

    def write(self, count: int, part: float) -> None:
        """Let the daemon write lines; of the last one only a part."""
        for number in range(count):
            line = self.traffic.next_line(self.clock_us())
            self.syslog.write(line, part if number == count - 1 else 1.0)

    def start_agent(self) -> None:
        """Start one."""
        self.agent = Agent(self)
        self.agent.task.add_done_callback(self._ended)

    def stop_agent(self, down: float, *, kill_after: int | None = None, term: bool = False) -> None:
        """End the agent, at once, after so many of its system calls, or by SIGTERM.

        It is started again after ``down`` seconds.
        """
        agent = self.agent
        if agent is None:
            return
        self._down = down
        if term and agent.reporting is not None:
            agent.reporting._stop(signal.SIGTERM)  # noqa: SLF001 - what the signal calls
        elif kill_after:
            agent.kill_after = kill_after
        else:
            agent.kill()

    def cut_power(self, down: float, random: Random) -> None:
        """Cut the power of the host."""
        before = self.rotation.texts()
        self._happening.clear()
        if self.agent is not None:
            self.stop_agent(down)
            self.agent.calls.vanish()
        self.disk.cut(random)
        self.ledger.doubt_unless(self.rotation.texts(), before)
        self.syslog.restart()

    def happen(self, steps: Iterator[None]) -> None:
        """Let something happen to the log, step by step."""
        if not self._happening:
            asyncio.get_running_loop().call_later(STEP_SECONDS, self._tick)
        self._happening.append(steps)

    def agent_calls(self) -> None:
        """The agent makes a system call."""
        if self._happening and self._random.randrange(CALLS_A_STEP) == 0:
            self._step()

    def _tick(self) -> None:
        self._step()
        if self._happening:
            asyncio.get_running_loop().call_later(STEP_SECONDS, self._tick)

    def _step(self) -> None:
        while self._happening:
            try:
                next(self._happening[0])
            except StopIteration:
                del self._happening[0]
            else:
                return

    def _ended(self, task: "asyncio.Task[None]") -> None:
        agent, self.agent = self.agent, None
        if agent is None:
            return
        error = None if agent.dead or task.cancelled() else task.exception()
        if error is not None and not isinstance(error, OSError):
            self.crashes[repr(error)] += 1
        agent.kill()
        agent.calls.exit()
        down, self._down = self._down or RESTART_SECONDS, RESTART_SECONDS
        asyncio.get_running_loop().call_later(down, self.start_agent)
