"""Reading speed beside pflogsumm on the same log: ``make bench``.

The log is the bundled real one, repeated with later time stamps and other queue ids until it has
the asked number of lines. Each command runs in turn; CPU seconds and peak memory are the operating
system's own accounting of the finished process. The figure to quote is the ratio.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.corpus.bundled import BUNDLED

AGENT = Path(sys.executable).parent / "mailtally-agent"
STAMP = re.compile(r"(?m)^([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)")
SHORT_ID = re.compile(r"\b[0-9A-F]{2}(?=[0-9A-F]{8,12}\b)")


OPEN_MESSAGES = 100_000
DEFERRED = (
    "to=<user{number}@example.net>, relay=mx.example.net[192.0.2.25]:25, delay=1.2,"
    " delays=0.1/0/1/0.1, dsn=4.2.0, status=deferred (host mx.example.net[192.0.2.25] said: 450"
    " 4.2.0 <user{number}@example.net>: Greylisted (in reply to RCPT TO command))"
)
OPEN_LINES = (
    ("smtpd", "client=app{number}.example.com[192.0.2.1], sasl_method=PLAIN, sasl_username=app"),
    ("cleanup", "message-id=<{number}.0123456789abcdef@app.example.com>"),
    ("qmgr", "from=<sender{number}@app.example.com>, size=4321, nrcpt=1 (queue active)"),
    ("smtp", DEFERRED),
)


class Run(NamedTuple):
    """One finished process."""

    cpu_seconds: float
    peak_mib: float


def write_log(path: Path, lines: int) -> int:
    """Write at least so many lines; gives their number."""
    text = BUNDLED.log.read_bytes().decode("latin-1")
    count = text.count("\n")
    year = datetime.fromisoformat(BUNDLED.ledger["ended"]).year
    written = 0
    with path.open("w", encoding="latin-1", newline="") as file:
        copy = 0
        while written < lines:
            shift = timedelta(minutes=2 * copy)
            stamps: dict[str, str] = {}

            def later(
                match: re.Match[str], shift: timedelta = shift, seen: dict[str, str] = stamps
            ) -> str:
                old = match[1]
                if old not in seen:
                    moment = datetime.strptime(f"{year} {old}", "%Y %b %d %H:%M:%S")  # noqa: DTZ007
                    seen[old] = (moment + shift).strftime("%b %d %H:%M:%S")
                return seen[old]

            file.write(SHORT_ID.sub(f"{copy % 256:02X}", STAMP.sub(later, text)))
            written += count
            copy += 1
    return written


def count_lines(path: Path) -> int:
    """Lines of a file, without holding it: a child's peak memory begins with its parent's."""
    with path.open("rb") as file:
        return sum(1 for _ in file)


def measure(command: list[str], log: Path) -> Run:
    """Run a command with the log on standard input."""
    with log.open("rb") as stdin:
        process = subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def open_message_bytes(folder: Path) -> int:
    """Memory that one more message in the queue takes, by the growth of the peak."""
    peaks = []
    for count in (OPEN_MESSAGES // 10, OPEN_MESSAGES + OPEN_MESSAGES // 10):
        log = folder / "open.log"
        with log.open("w") as file:
            for number in range(count):
                queue_id = f"{number % 0xFFFFF:05X}{0x200000 + number:X}"
                for program, text in OPEN_LINES:
                    text = text.format(number=number)  # noqa: PLW2901
                    file.write(f"Mar  1 10:00:00 mx1 postfix/{program}[7]: {queue_id}: {text}\n")
        peaks.append(measure([str(AGENT), "parse", "--summary"], log).peak_mib)
    return round((peaks[1] - peaks[0]) * 2**20 / OPEN_MESSAGES)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--log", type=Path, help="measure this log instead")
    parser.add_argument("--json", action="store_true", help="also the writing of every record")
    parser.add_argument("--compiled", type=Path, help="mailtally-agent with a compiled reader")
    options = parser.parse_args()
    commands = {"mailtally-agent parse --summary": [str(AGENT), "parse", "--summary"]}
    if options.compiled:
        commands["the same, compiled"] = [str(options.compiled), "parse", "--summary"]
    if options.json:
        commands["mailtally-agent parse"] = [str(AGENT), "parse"]
    commands["pflogsumm"] = ["pflogsumm"]
    with tempfile.TemporaryDirectory() as folder:
        log = options.log or Path(folder) / "mail.log"
        lines = count_lines(log) if options.log else write_log(log, options.lines)
        runs: dict[str, list[Run]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                runs[name].append(measure(command, log))
        memory = open_message_bytes(Path(folder))
        print(
            f"{lines} lines, {log.stat().st_size / 1e6:.0f} MB, median of {options.rounds} rounds"
        )
    peer = median(run.cpu_seconds for run in runs["pflogsumm"])
    print(f"{'command':<32}{'CPU s':>8}{'lines/s':>10}{'x pflogsumm':>13}{'peak MiB':>10}")
    for name, done in runs.items():
        cpu = median(run.cpu_seconds for run in done)
        peak = max(run.peak_mib for run in done)
        print(f"{name:<32}{cpu:>8.2f}{lines / cpu:>10.0f}{peer / cpu:>13.2f}{peak:>10.0f}")
    print(f"memory of an open message: {memory} bytes (of {OPEN_MESSAGES}, each deferred once)")


if __name__ == "__main__":
    main()
