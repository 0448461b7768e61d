"""Mail hosts, collectors, a network and a database, all real, on which a schedule is played."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.e2e.processes import Agent, Collector, free_port
from tests.faults.blackbox.kept import Kept
from tests.faults.blackbox.plan import POSTGRES, Plan
from tests.faults.ledger.log_writer import LogWriter
from tests.faults.patches import SOUND, Clock, Mutant, patch_folder
from tests.faults.switch import Switch
from tests.postgres.server import PostgresServer

LOOK_SECONDS = 0.1
STATE_DISK = "size=512k"
# Its write-ahead log alone may grow to 32 MiB.
DATABASE_DISK = "size=96m"
HISTORY_LINES = 200


@dataclass(slots=True)
class Host:
    """A mail host: its log, its agent, and the way to a collector."""

    agent: Agent
    kept: Kept
    writer: LogWriter
    switch: Switch
    clock: Clock


@dataclass(slots=True)
class Station:
    """A collector."""

    collector: Collector
    kept: Kept
    clock: Clock


class World:
    """Everything of one schedule."""

    def __init__(self, plan: Plan, folder: Path, mutant: Mutant = SOUND) -> None:
        self.plan = plan
        self.folder = folder
        self._mutant = mutant
        self._closing = ExitStack()
        self._mounts: list[Path] = []
        self._over = threading.Event()
        self.cluster: PostgresServer | None = None
        self.stations: list[Station] = []
        self.hosts: list[Host] = []
        kinds = {fault.kind for fault in plan.faults}
        try:
            self._build(
                full_agents="agent disk full" in kinds, full_db="collector disk full" in kinds
            )
        except BaseException:
            self.close()
            raise

    def _build(self, *, full_agents: bool, full_db: bool) -> None:
        database = self._database(on_small_disk=full_db)
        count = 2 if self.plan.database == POSTGRES else 1
        self.stations += [self._station(f"collector{one}", database) for one in range(count)]
        for station in self.stations:
            station.collector.wait()
        random = Random(self.plan.seed)  # noqa: S311 - repeatable
        self.hosts += [
            self._host(f"mx{one + 1}", random, on_small_disk=full_agents)
            for one in range(self.plan.servers)
        ]
        manager = threading.Thread(target=self._manage, name="service manager", daemon=True)
        manager.start()
        self._closing.callback(manager.join)

    @property
    def collectors(self) -> list[Collector]:
        """All collectors."""
        return [station.collector for station in self.stations]

    @property
    def writers(self) -> dict[str, LogWriter]:
        """The log's writer of each server."""
        return {host.agent.server: host.writer for host in self.hosts}

    @property
    def kept(self) -> list[Kept]:
        """All programs, agents first."""
        return [*(host.kept for host in self.hosts), *(one.kept for one in self.stations)]

    def close(self) -> None:
        """End and remove everything."""
        self._over.set()
        for kept in self.kept:
            kept.kill()
        self._closing.close()
        for mount in self._mounts:
            subprocess.run(["umount", "--lazy", mount], check=False)

    def _manage(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            for kept in self.kept:
                kept.look()

    def _database(self, *, on_small_disk: bool) -> str:
        if self.plan.database == POSTGRES:
            self.cluster = PostgresServer("-c", "fsync=off")
            self._closing.callback(self.cluster.remove)
            self.cluster.create()
            self.cluster.start()
            return self.cluster.new_database()
        folder = self.folder / "database"
        folder.mkdir()
        if on_small_disk:
            self._mount(folder, DATABASE_DISK)
        return str(folder / "collector.db")

    def _station(self, name: str, database: str) -> Station:
        clock = Clock(self.folder / f"{name}.clock")
        patches = patch_folder(
            self.folder / f"{name}.patches", self._mutant.source_for("collector"), clock.patch()
        )
        collector = Collector(self.folder, free_port(), name, database, patches=patches)
        return Station(collector, Kept(collector, collector.launch), clock)

    def _host(self, server: str, random: Random, *, on_small_disk: bool) -> Host:
        folder = self.folder / server
        logs = folder / "log"
        logs.mkdir(parents=True)
        writer = LogWriter(
            logs / "mail.log",
            server,
            Random(random.random()),  # noqa: S311 - repeatable
            rfc3339=self.plan.rfc3339,
        )
        self._closing.callback(writer.close)
        writer.write(HISTORY_LINES)
        switch = Switch(random.choice(self.collectors).address)
        self._closing.callback(switch.close)
        clock = Clock(folder / "clock")
        patches = patch_folder(folder / "patches", self._mutant.source_for("agent"), clock.patch())
        agent = Agent(folder, switch.address, writer.path, server, patches=patches)
        agent.settings += ["[ship]", f"batch_records = {random.choice((1, 5, 50, 500))}"]
        if on_small_disk:
            agent.state.mkdir()
            self._mount(agent.state, STATE_DISK)
        return Host(agent, Kept(agent, agent.start), writer, switch, clock)

    def _mount(self, folder: Path, options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
        self._mounts.append(folder)


@contextmanager
def built(plan: Plan, folder: Path, mutant: Mutant = SOUND) -> Iterator[World]:
    """A world for the block."""
    world = World(plan, folder, mutant)
    try:
        yield world
    finally:
        world.close()
