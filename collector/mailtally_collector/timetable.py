"""What the collector does by the clock, in a thread of its own beside the services.

Gives     ``Timetable``: runs jobs when they are due; ``run_now`` for one of them by hand. A ``Job``
          does its work in steps, asks ``Turn.go_on`` between them, and says in words what it did.
Theory    When a job is due stands in the database (store/job_board.py), so that of several
          collectors one runs it, a restart does not run it again, and a run that was killed is made
          up for. ``schedule`` says when to look there.
Errors    A job that fails is logged and noted, and tried again at its next turn; nothing else ends.
Limits    Jobs run one after the other. A job whose lease ran out, because a step took longer than
          LEASE_SECONDS, may be taken over by another collector; steps are short.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from schedule import Scheduler

from mailtally_collector.durations import SECOND_US
from mailtally_collector.store.job_board import announce, finish, keep, owner_of, take
from mailtally_collector.store.transact import Transact
from mailtally_collector.store.writer import StoreUnavailableError

logger = logging.getLogger(__name__)

LOOK_SECONDS_MAX = 15
TURN_SECONDS = 0.5
LEASE_SECONDS = 300
# A lease is renewed when so much of it has gone by, not at every step.
RENEW_SECONDS = 60
ERROR_MAX = 500
# What is done as often as this is not worth a line of the log each time.
OFTEN_SECONDS = 3_600


class JobBusyError(Exception):
    """Another collector, or another command, runs the job."""


@dataclass(slots=True)
class Turn:
    """One run of a job: its moment, and whether it may go on."""

    now_us: int
    keep: Callable[[], bool]
    stopped: Callable[[], bool]
    renewed: float = field(default_factory=time.monotonic)

    def go_on(self) -> bool:
        """Whether the next step may be done; asked before each."""
        if self.stopped():
            return False
        if time.monotonic() - self.renewed < RENEW_SECONDS:
            return True
        self.renewed = time.monotonic()
        return self.keep()


@dataclass(frozen=True, slots=True)
class Job:
    """What is done every so many seconds; the work returns a sentence about what it did."""

    name: str
    every_seconds: int
    work: Callable[[Turn], str]


class Timetable:
    """Runs jobs until it is stopped. ``clock`` gives microseconds since 1970."""

    def __init__(self, jobs: Sequence[Job], transact: Transact, clock: Callable[[], int]) -> None:
        self._transact = transact
        self._clock = clock
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._stopped = threading.Event()
        self._announced: set[str] = set()
        self._scheduler = Scheduler()
        for job in jobs:
            look = min(job.every_seconds, LOOK_SECONDS_MAX)
            self._scheduler.every(look).seconds.do(self._look, job)
        self._thread = threading.Thread(target=self._run, name="timetable")

    def start(self) -> None:
        """Begin to look. At the first start of all nothing is due yet."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step under way; blocks until then."""
        self._stopped.set()
        self._thread.join()

    def run_now(self, job: Job) -> str:
        """Run the job whether it is due or not. Raises JobBusyError and whatever it raises."""
        self._announce(job)
        if not self._take(job, by_hand=True):
            owner = self._transact(lambda sql: owner_of(sql, job.name))
            host = owner[0].rpartition(":")[0] if owner else ""
            raise JobBusyError(f"{job.name} is being run by {host}")
        return self._work(job)

    def _run(self) -> None:
        self._scheduler.run_all()
        while not self._stopped.wait(TURN_SECONDS):
            idle_seconds = self._scheduler.idle_seconds
            if idle_seconds is not None and idle_seconds > LOOK_SECONDS_MAX:
                self._scheduler.run_all()  # clocks were set back: by an hour in autumn
            else:
                self._scheduler.run_pending()

    def _look(self, job: Job) -> None:
        """Run the job when it is due; the edge behind which its errors stay."""
        if self._stopped.is_set():
            return
        try:
            self._announce(job)
            if self._take(job, by_hand=False):
                result = self._work(job)
                level = logging.INFO if job.every_seconds >= OFTEN_SECONDS else logging.DEBUG
                logger.log(level, 'job done name=%s result="%s"', job.name, result)
        except StoreUnavailableError as error:
            logger.error('job failed name=%s reason="%s"', job.name, error)  # noqa: TRY400
        except Exception:
            logger.exception("job failed name=%s", job.name)

    def _announce(self, job: Job) -> None:
        if job.name in self._announced:
            return
        due_us = self._clock() + job.every_seconds * SECOND_US
        self._transact(lambda sql: announce(sql, job.name, due_us))
        self._announced.add(job.name)

    def _take(self, job: Job, *, by_hand: bool) -> bool:
        now_us = self._clock()
        until_us = now_us + LEASE_SECONDS * SECOND_US
        due_us = 2**63 - 1 if by_hand else now_us
        return self._transact(
            lambda sql: take(sql, job.name, self._owner, now_us, until_us, due_us=due_us)
        )

    def _work(self, job: Job) -> str:
        """Do the work of a job that is ours, and note how it went."""
        try:
            result = job.work(Turn(self._clock(), lambda: self._keep(job), self._stopped.is_set))
        except BaseException as error:
            words = str(error) or type(error).__name__
            self._finish(job, f"failed: {words}", words)
            raise
        self._finish(job, result, "")
        return result

    def _keep(self, job: Job) -> bool:
        until_us = self._clock() + LEASE_SECONDS * SECOND_US
        return self._transact(lambda sql: keep(sql, job.name, self._owner, until_us))

    def _finish(self, job: Job, result: str, error: str) -> None:
        """Note the end; a run that was cut short is due again at once."""
        ended_us = self._clock()
        cut_short = self._stopped.is_set()
        next_us = ended_us if cut_short else ended_us + job.every_seconds * SECOND_US
        self._transact(
            lambda sql: finish(
                *(sql, job.name, self._owner),
                ended_us=ended_us,
                next_us=next_us,
                result=result[:ERROR_MAX],
                error=error[:ERROR_MAX],
            )
        )
