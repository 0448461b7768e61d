"""Runs ``mailtally`` in this process, or as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from typer.testing import CliRunner

from mailtally_collector.query_cli import app
from tests.unit.query_cli.canned import Canned

PROGRAM = (sys.executable, "-W", "error", "-c")
MAIN = "from mailtally_collector.query_cli import main; main()"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: exit code and what it wrote, as UTF-8."""

    code: int
    out: str
    err: str


def run(canned: Canned, *arguments: str, **environment: str) -> Ended:
    """Run in this process, with UTC as the system's zone."""
    ended = CliRunner().invoke(
        app,
        [*arguments, "--collector", canned.address],
        env={"TZ": "UTC", "COLUMNS": "200"} | environment,
    )
    return Ended(ended.exit_code, ended.stdout_bytes.decode(), ended.stderr)


def start(
    address: str,
    *arguments: str,
    stdout: int = subprocess.PIPE,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start as a process whose warnings are errors."""
    variables = {"PATH": os.environ["PATH"], "TZ": "UTC", "MAILTALLY_COLLECTOR": address}
    if "PYTHONPATH" in os.environ:
        variables["PYTHONPATH"] = os.environ["PYTHONPATH"]
    return subprocess.Popen(
        [*PROGRAM, MAIN, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=variables | dict(environment or {}),
    )


def run_process(address: str, *arguments: str, **environment: str) -> Ended:
    """Run as a process of its own to its end, at most 60 seconds."""
    process = start(address, *arguments, environment=environment)
    out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out.decode(), err.decode())
