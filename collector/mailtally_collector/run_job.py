"""``mailtally-collector run-job``: one periodic job by hand, now, on a database file.

Limits    Safe beside running collectors: the job is taken as they take it (store/job_board.py), and
          what it deletes they notice with their next batch.
"""

import time
from random import SystemRandom

from mailtally_collector.config import Config
from mailtally_collector.jobs import jobs_of
from mailtally_collector.store.database import migrate, open_for_reading, open_for_writing
from mailtally_collector.store.transact import transact_on
from mailtally_collector.timetable import Timetable


class UnknownJobError(Exception):
    """There is no such job; the message names those that there are."""


def run_job(config: Config, name: str) -> str:
    """Run it; what it says. Raises UnknownJobError, JobBusyError, and what the job raises."""
    path = config.storage.database
    database = open_for_writing(path)
    transact = transact_on(database)
    jobs = {
        job.name: job for job in jobs_of(config, transact, open_for_reading(path), SystemRandom())
    }
    if name not in jobs:
        raise UnknownJobError(f"there is no job {name}; there are {', '.join(sorted(jobs))}")
    migrate(path)
    with database.connection_context():
        timetable = Timetable(list(jobs.values()), transact, lambda: time.time_ns() // 1_000)
        return timetable.run_now(jobs[name])
