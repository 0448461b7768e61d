"""``mailtally jobs``: what the collectors do by the clock, and how it went."""

from zoneinfo import ZoneInfo

import typer

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.choices import Form
from mailtally_collector.query_cli.client import collector
from mailtally_collector.query_cli.export import Record, write_csv, write_document
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.terminal import Cell, Column, Screen, Table, open_screen
from mailtally_collector.query_cli.time_range import iso, moment_of, shown

NO_JOB = "No job was announced yet: a collector does it shortly after its start."
MOMENTS = ("running_since", "started", "ended", "next", "error_time")
NAMES = (
    *("name", "owner", "running_since", "started", "ended", "seconds", "result"),
    *("next", "runs", "failures", "error", "error_time"),
)


def show(connection: Connection, zone: ZoneInfo, output: Output) -> None:
    """Ask and write. Raises typer.Exit(1) when the last run of a job failed."""
    form = output.form()
    screen = open_screen(output.color, quiet=output.quiet)
    with collector(connection) as stub:
        answer = stub.ListJobs(query_pb2.ListJobsRequest(), timeout=connection.timeout)
    match form:
        case Form.JSON:
            horizons = {
                name: iso(moment_of(answer, name, zone)) for name in ("rows_since", "rollups_since")
            }
            write_document({"jobs": [_record(job, zone) for job in answer.jobs], **horizons})
        case Form.CSV:
            write_csv(NAMES, [_record(job, zone) for job in answer.jobs])
        case Form.TEXT:
            _draw(screen, answer, zone)
    if any(_has_failed(job) for job in answer.jobs):
        raise typer.Exit(1)


def _has_failed(job: query_pb2.Job) -> bool:
    """Whether the newest run that ended failed."""
    return bool(job.error) and job.error_time == job.ended


def _seconds(job: query_pb2.Job) -> float | None:
    if not job.HasField("ended"):
        return None
    return round((job.ended.ToMicroseconds() - job.started.ToMicroseconds()) / 1_000_000, 3)


def _record(job: query_pb2.Job, zone: ZoneInfo) -> Record:
    moments = {name: iso(moment_of(job, name, zone)) for name in MOMENTS}
    return {
        name: moments[name]
        if name in moments
        else _seconds(job)
        if name == "seconds"
        else getattr(job, name)
        for name in NAMES
    }


def _draw(screen: Screen, answer: query_pb2.ListJobsResponse, zone: ZoneInfo) -> None:
    if not answer.jobs:
        screen.line(Cell(NO_JOB))
        return
    columns = [Column("Job"), Column("Last run"), Column("Took", right=True)]
    columns += [Column("Next run"), Column("Result")]
    rows = []
    for job in answer.jobs:
        seconds = _seconds(job)
        following = shown(moment_of(job, "next", zone))
        rows.append(
            [
                Cell(job.name),
                Cell(shown(moment_of(job, "ended", zone))),
                Cell("-" if seconds is None else f"{seconds:.1f} s"),
                Cell(f"running at {job.owner}", "bold") if job.owner else Cell(following),
                Cell(job.result or "-", "red" if _has_failed(job) else ""),
            ]
        )
    screen.table(Table(columns, rows))
    if answer.HasField("rows_since"):
        moment = shown(moment_of(answer, "rows_since", zone))
        screen.line(Cell(f"Mail accepted before {moment} is kept in roll-ups only."))
