"""Schedules, some at the same time, each in a process of its own."""

import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.faults.blackbox.plan import Plan
from tests.faults.blackbox.play import Played, play
from tests.faults.patches import SOUND, Mutant


def play_in_new_folder(plan: Plan, recovery_seconds: float, mutant: Mutant = SOUND) -> Played:
    """Play, and leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="blackbox-", ignore_cleanup_errors=True) as name:
        return play(plan, Path(name), recovery_seconds=recovery_seconds, mutant=mutant)


def play_all(
    plans: Sequence[Plan], jobs: int, recovery_seconds: float, mutant: Mutant = SOUND
) -> Iterator[Played]:
    """Play all; what came of each as it ends. Those that wait are given up with the iterator."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context) as processes:
        running = [
            processes.submit(play_in_new_folder, one, recovery_seconds, mutant) for one in plans
        ]
        try:
            for done in as_completed(running):
                yield done.result()
        finally:
            processes.shutdown(cancel_futures=True)
