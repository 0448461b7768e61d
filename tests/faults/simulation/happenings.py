"""What each kind of step does to the world.

Gives     ``HAPPENINGS`` by kind; schedule.py draws what a kind needs to know, as ``how``.
"""
# ruff: noqa: ARG005 — all are called alike

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.faults.simulation.chance import chance
from tests.faults.simulation.database import KILL, UNKNOWN
from tests.faults.simulation.machine import Machine
from tests.faults.simulation.world import World

How = Mapping[str, Any]
Happening = Callable[[World, Machine, How], object]


def _times(machine: Machine, times: int, way: Callable[[], Iterator[None]]) -> None:
    for _ in range(times):
        machine.happen(way())


def _flip(how: How) -> Callable[[bytearray], None]:
    def flip(data: bytearray) -> None:
        if data:
            data[int(len(data) * how["at"])] ^= 1

    return flip


def _go_back(world: World, machine: Machine) -> Callable[[bytearray], None]:
    old = world.old_checkpoint(machine)

    def go_back(data: bytearray) -> None:
        data[:] = old or data

    return go_back


def _lose_connection(world: World, machine: Machine, how: How) -> None:
    world.be_unreachable(how["for"])
    world.network.cut(machine.plan.server, collector_notices_after=0.0)


HAPPENINGS: dict[str, Happening] = {
    "write": lambda _, machine, how: machine.write(how["lines"], how["part"]),
    "rotate": lambda _, machine, how: _times(machine, how["times"], machine.rotation.by_renaming),
    "copytruncate": lambda _, machine, how: _times(
        machine, how["times"], machine.rotation.by_copying
    ),
    "delete-oldest": lambda _, machine, how: machine.happen(machine.rotation.delete_oldest()),
    "truncate": lambda _, machine, how: machine.happen(machine.rotation.truncate()),
    "replace": lambda _, machine, how: machine.happen(machine.rotation.replace()),
    "flush": lambda _, machine, how: machine.syslog.flush(),
    "power-cut": lambda _, machine, how: machine.cut_power(how["down"], chance(how["draw"])),
    "kill-agent": lambda _, machine, how: machine.stop_agent(how["down"], kill_after=how["after"]),
    "stop-agent": lambda _, machine, how: machine.stop_agent(how["down"], term=True),
    "clock": lambda _, machine, how: machine.set_clock(how["by_us"]),
    "unreadable": lambda world, machine, how: world.refuse_reading(machine, how["for"]),
    "state-full": lambda world, machine, how: world.refuse_writing(machine, how["for"]),
    "old-checkpoint": lambda world, machine, how: world.change_checkpoint(
        machine, _go_back(world, machine)
    ),
    "torn-checkpoint": lambda world, machine, how: world.change_checkpoint(machine, _flip(how)),
    "no-checkpoint": lambda world, machine, how: world.delete_checkpoint(machine),
    "cut": lambda world, machine, how: world.network.cut(
        machine.plan.server, collector_notices_after=how["stale"]
    ),
    "unreachable": _lose_connection,
    "silent": lambda world, machine, how: world.be_silent(how["for"]),
    "replay": lambda world, machine, how: world.do(world.network.replay(chance(how["draw"]))),
    "kill-collector": lambda world, machine, how: world.kill_collector(
        how["down"], KILL, how["after"]
    ),
    "stop-collector": lambda world, machine, how: world.stop_collector(how["down"]),
    "database-fault": lambda world, machine, how: world.storage.fail(how["fault"], how["after"]),
    "unknown-commit": lambda world, machine, how: world.storage.fail(UNKNOWN, 0),
    "backup": lambda world, machine, how: world.back_up(),
    "restore": lambda world, machine, how: world.restore(how["down"]),
    "retention": lambda world, machine, how: world.retain(),
}
