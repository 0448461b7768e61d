"""``mailtally-collector run-job``: one periodic job by hand, now.

Limits    Safe beside running collectors: the job is taken as they take it (store/job_board.py), and
          what it deletes they notice with their next batch.
"""

import time
from random import SystemRandom

from mailtally_collector.config import Config
from mailtally_collector.jobs import jobs_of
from mailtally_collector.store.database import (
    close_reading,
    migrate,
    open_for_reading,
    open_for_writing,
    partitioned_at,
)
from mailtally_collector.store.transact import transact_on
from mailtally_collector.timetable import Timetable


class UnknownJobError(Exception):
    """There is no such job; the message names those that there are."""


def run_job(config: Config, name: str) -> str:
    """Run it; what it says. Raises UnknownJobError, JobBusyError, and what the job raises."""
    location = config.storage.database
    database = open_for_writing(location)
    transact = transact_on(database)
    reader = open_for_reading(location)
    jobs = {
        job.name: job
        for job in jobs_of(
            config, transact, reader, SystemRandom(), partitioned=partitioned_at(location)
        )
    }
    if name not in jobs:
        raise UnknownJobError(f"there is no job {name}; there are {', '.join(sorted(jobs))}")
    migrate(location)
    with database.connection_context():
        timetable = Timetable(list(jobs.values()), transact, lambda: time.time_ns() // 1_000)
        try:
            return timetable.run_now(jobs[name])
        finally:
            close_reading(reader)
