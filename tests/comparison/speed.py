"""CPU time and peak memory of each tool on a longer log, as rounded figures.

Limits    Ratios change by some tenths between runs; the test of the document leaves them out.
          The lines with long queue ids are left out: logwatch reads one kind at a time, and lists
          the other line by line.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.bench.bench_parse import Run, write_log
from tests.comparison import markdown, mtail
from tests.comparison.logwatch import SCRIPT
from tests.comparison.mailtally import AGENT

LINES = 400_000
LONG_ID = b": 4jY"
# A process's peak memory begins with that of the one that started it. The shell forks a small
# Python, so that what is started there begins small.
SHELL = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-S", "-E", "-c"]
MEASURER = """\
import resource, subprocess, sys
nothing = subprocess.DEVNULL
with open(sys.argv[1], "rb") as log:
    subprocess.run(sys.argv[2:], stdin=log, stdout=nothing, stderr=nothing, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""
ROUNDS = 3


def speed_table() -> str:
    """Measure; CPU seconds beside mailtally's."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "mail.log"
        write_log(log, LINES)
        _leave_out_long_ids(log)
        commands: dict[str, list[str]] = {
            "mailtally-agent parse --summary": [str(AGENT), "parse", "--summary"],
            "pflogsumm": ["pflogsumm"],
            "logwatch's script postfix": ["perl", str(SCRIPT), "--detail", "0"],
            "mtail": [str(word) for word in mtail.command(log, folder)],
        }
        runs: dict[str, list[Run]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                runs[name].append(_measure(command, log))
    cpu = {name: median(run.cpu_seconds for run in done) for name, done in runs.items()}
    ours = next(iter(cpu.values()))
    peak = {name: max(run.peak_mib for run in done) for name, done in runs.items()}
    return markdown.table(
        ("command", "CPU, mailtally = 1", "peak memory, MiB"),
        [[f"`{name}`", f"{cpu[name] / ours:.1f}", int(round(peak[name], -1))] for name in commands],
    )


def _measure(command: list[str], log: Path) -> Run:
    """Run a command with the log on standard input."""
    words = [*SHELL, MEASURER, str(log), *command]
    done = subprocess.run(words, capture_output=True, check=True, text=True)
    cpu_seconds, peak_mib = map(float, done.stdout.split())
    return Run(cpu_seconds, peak_mib)


def _leave_out_long_ids(log: Path) -> None:
    both = log.with_suffix(".both")
    log.rename(both)
    with both.open("rb") as lines, log.open("wb") as short:
        short.writelines(line for line in lines if LONG_ID not in line)
