"""The virtual disk loses what a real one may lose, and nothing else."""

import os

import pytest

from mailtally_agent.source import disk as source_disk
from mailtally_agent.source.disk import RealDisk
from tests.faults.simulation.chance import chance
from tests.faults.simulation.disk import CurrentCalls, Disk, SystemCalls, running_as
from tests.faults.simulation.killed import Killed

PATH = "/var/lib/state.json"


@pytest.fixture(autouse=True)
def _virtual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_disk, "os", CurrentCalls())


def content(disk: Disk) -> bytes | None:
    inode = disk.find(PATH)
    return bytes(inode.data) if inode else None


def replace(disk: Disk, data: bytes, calls: int = 1_000) -> None:
    """Write as the agent does, by a process that is killed after so many system calls."""
    left = calls

    def entering(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    with running_as(SystemCalls(disk, entering)):
        RealDisk().replace(PATH, data)


def test_what_was_not_synced_may_be_gone_or_there_in_part() -> None:
    seen = set()
    for seed in range(100):
        one = Disk(lambda: 0)
        inode = one.create(PATH)
        one.sync_names()
        one.write(inode, b"kept ")
        one.sync(inode)
        one.write(inode, b"perhaps")
        one.cut(chance(seed))
        seen.add((content(one) or b"").rstrip(b"\0"))

    assert {b"kept ", b"kept perhaps", b"kept perh"} <= seen
    assert all(one.startswith(b"kept ") for one in seen)


def test_a_name_that_was_not_synced_may_be_gone() -> None:
    seen = set()
    for seed in range(20):
        one = Disk(lambda: 0)
        one.create(PATH)
        one.cut(chance(seed))
        seen.add(one.find(PATH) is None)

    assert seen == {True, False}


def test_what_was_replaced_is_there_as_a_whole_after_any_kill_and_power_cut() -> None:
    seen = set()
    for calls in range(12):
        for seed in range(10):
            one = Disk(lambda: 0)
            replace(one, b"old")
            try:
                replace(one, b"new", calls)
            except Killed:
                assert content(one) in {b"old", b"new"}
            one.cut(chance(seed))
            seen.add(content(one))

    assert seen == {b"old", b"new"}


def test_what_was_replaced_is_kept_once_it_is_done() -> None:
    for seed in range(20):
        one = Disk(lambda: 0)
        replace(one, b"old")
        replace(one, b"new")
        one.cut(chance(seed))
        assert content(one) == b"new"


def test_without_a_sync_a_replaced_file_may_be_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SystemCalls, "fsync", lambda *_: None)
    seen = set()
    for seed in range(50):
        one = Disk(lambda: 0)
        replace(one, b"new")
        one.cut(chance(seed))
        seen.add(content(one))

    assert {None, b"", b"new"} <= seen


def test_an_inode_number_is_used_again_at_once_and_not_while_the_file_is_open() -> None:
    disk = Disk(lambda: 0)
    calls = SystemCalls(disk, lambda _: None)
    first = disk.create(PATH).number
    held = calls.open(PATH, os.O_RDONLY)
    disk.unlink(PATH)
    assert disk.create("/other").number != first
    calls.close(held)
    assert disk.create(PATH).number == first
