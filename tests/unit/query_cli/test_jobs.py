"""``mailtally jobs`` and what ``mailtally servers`` says of stale servers."""

import csv
import io
import json

from mailtally.v1 import query_pb2
from tests.unit.query_cli.canned import Canned
from tests.unit.query_cli.running import run
from tests.unit.query_cli.samples import at


def listed() -> query_pb2.ListJobsResponse:
    done = query_pb2.Job(
        name="retention",
        started=at(3, 12),
        ended=at(3, 12, 1),
        result="deleted 5 messages",
        next=at(3, 13),
        runs=7,
        failures=1,
        error="database is locked",
        error_time=at(2, 12),
    )
    done.ended.nanos = 250_000_000
    running = query_pb2.Job(name="unused-names", owner="db1:77:ab", running_since=at(3, 12))
    return query_pb2.ListJobsResponse(jobs=[done, running], rows_since=at(1))


def test_jobs_say_when_what_and_what_next(canned: Canned) -> None:
    canned.jobs = listed()
    ended = run(canned, "jobs", "--time-zone", "UTC")

    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[1].split() == [
        *("retention", "2026-11-03", "12:01:00+00:00", "60.2", "s"),
        *("2026-11-03", "13:00:00+00:00", "deleted", "5", "messages"),
    ]
    assert lines[2].split()[:6] == ["unused-names", "-", "-", "running", "at", "db1:77:ab"]
    assert lines[-1] == ("Mail accepted before 2026-11-01 00:00:00+00:00 is kept in roll-ups only.")


def test_a_job_that_failed_last_time_is_exit_1(canned: Canned) -> None:
    canned.jobs = listed()
    canned.jobs.jobs[0].error_time.CopyFrom(canned.jobs.jobs[0].ended)
    canned.jobs.jobs[0].result = "failed: \x1b[31mlocked"
    ended = run(canned, "jobs")

    assert ended.code == 1
    assert r"failed: \x1b[31mlocked" in ended.out


def test_jobs_as_json_and_csv(canned: Canned) -> None:
    canned.jobs = listed()
    document = json.loads(run(canned, "jobs", "--json", "--time-zone", "UTC").out)
    rows = list(csv.DictReader(io.StringIO(run(canned, "jobs", "--csv").out)))

    assert document["rows_since"] == "2026-11-01T00:00:00+00:00"
    assert document["rollups_since"] is None
    first, second = document["jobs"]
    assert (first["seconds"], first["runs"], first["failures"]) == (60.25, 7, 1)
    assert (second["owner"], second["ended"], second["seconds"]) == ("db1:77:ab", None, None)
    assert list(rows[0]) == list(first)
    assert rows[0]["error"] == "database is locked"


def test_no_job_yet_says_why(canned: Canned) -> None:
    assert "No job was announced yet" in run(canned, "jobs").out


def test_a_stale_server_says_so(canned: Canned) -> None:
    canned.servers = query_pb2.ListServersResponse(
        servers=[query_pb2.Server(name="mx1", stale="silent", stale_since=at(3), records_too_old=4)]
    )
    assert run(canned, "servers").out.splitlines()[1].split()[2] == "silent"
    (server,) = json.loads(run(canned, "servers", "--json", "--time-zone", "UTC").out)["servers"]
    assert (server["stale"], server["stale_since"]) == ("silent", "2026-11-03T00:00:00+00:00")
    assert server["records_too_old"] == 4
