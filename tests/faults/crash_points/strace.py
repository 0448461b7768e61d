"""System calls of a process: counted, or one of them killed or failed, by strace.

Needs     strace, and leave to trace one's own children (ptrace); ``refusal`` says what is missing.
How       The tracer is a grandchild (``-D``), so that the process's own status is seen. Calls are
          counted for each thread on its own; a call that is hit does not happen any more.
"""

import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

_CALL = re.compile(r"^(\d+) +(\w+)\(", re.MULTILINE)
KILL = "kill"


def refusal() -> str:
    """Say why nothing can be traced here, and what to do; empty when it can be."""
    try:
        done = subprocess.run(
            ["strace", "-D", "-f", "-o", "/dev/null", "true"],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return "strace is missing: run tests/setup/packages"
    if done.returncode == 0 and not done.stderr:
        return ""
    return (
        "strace cannot trace here; a container needs the capability SYS_PTRACE and a seccomp"
        f" profile that lets ptrace pass: {done.stderr.strip()}"
    )


def counting(calls: Sequence[str], paths: Sequence[Path], output: Path) -> tuple[str, ...]:
    """Command that notes these calls, on these paths only unless there are none."""
    return (*_tracing(calls, paths), "-o", str(output), "--")


def counted(output: Path) -> Counter[str]:
    """How often each call was made, in the thread that made it most often."""
    most: Counter[str] = Counter()
    for (_, call), times in Counter(_CALL.findall(output.read_text())).items():
        most[call] = max(most[call], times)
    return most


def injecting(call: str, number: int, effect: str, paths: Sequence[Path]) -> tuple[str, ...]:
    """Command that ends the process at the call of that number, or lets it fail with an error."""
    what = "signal=KILL" if effect == KILL else f"error={effect}"
    inject = f"inject={call}:{what}:when={number}"
    return (*_tracing([call], paths), "-e", inject, "-o", "/dev/null", "--")


def _tracing(calls: Sequence[str], paths: Sequence[Path]) -> tuple[str, ...]:
    on = [option for path in paths for option in ("-P", str(path))]
    return ("strace", "-D", "-f", "-qq", *on, "-e", f"trace={','.join(calls)}")
