"""The periodic jobs, and how far back rows and roll-ups go."""

from dataclasses import dataclass
from typing import Any

from peewee import Database

from mailtally_collector.store import models


@dataclass(frozen=True, slots=True)
class Job:
    """One job; moments are 0 when there was none, ``owner`` is empty when nobody runs it."""

    name: str
    owner: str
    running_us: int
    started_us: int
    ended_us: int
    result: str
    error: str
    error_us: int
    next_us: int
    runs: int
    failures: int


@dataclass(frozen=True, slots=True)
class JobList:
    """All jobs by name; the horizons are 0 while everything is there."""

    jobs: list[Job]
    rows_us: int
    rollups_us: int


def list_jobs(database: Database, now_us: int) -> JobList:
    """List them. A lease that ran out is nobody's."""
    with database.atomic():
        rows = list(models.Job.select().order_by(models.Job.name).dicts().execute(database))
        horizons = models.Retention.select(models.Retention.rows_us, models.Retention.rollups_us)
        ((rows_us, rollups_us),) = horizons.tuples().execute(database)
    return JobList([_job(row, now_us) for row in rows], rows_us, rollups_us)


def _job(row: dict[str, Any], now_us: int) -> Job:
    until_us = row.pop("until_us")
    if until_us <= now_us:
        row |= {"owner": "", "running_us": 0}
    return Job(**row)
