"""What ``mailtally-agent audit`` and ``parse --summary`` say of a log."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

AGENT = Path(sys.executable).parent / "mailtally-agent"


class Mailtally:
    """One run of each command over a log."""

    def __init__(self, log: Path) -> None:
        audit = _output(["audit", str(log)])
        lines = [line.split() for line in audit.split("\n")]
        balance = re.search(r"(?m)^(\d+) messages do not balance", audit)
        self.unbalanced = int(balance[1]) if balance else 0
        self.states: dict[tuple[str, str], int] = {
            (w[0], w[1]): int(w[2]) for w in lines if len(w) == 3 and w[2].isdigit()
        }
        self.summary: dict[str, Any] = json.loads(_output(["parse", "--summary"], log))

    def outbound(self, state: str) -> int:
        """Users' recipients outside in this state."""
        return self.states.get(("outbound", state), 0)

    def outside(self, status: str) -> int:
        """Attempts outside with this status, notifications included."""
        wanted = (status, "outbound")
        counts: list[dict[str, Any]] = self.summary["attempts_by"]
        return sum(int(c["count"]) for c in counts if (c["status"], c["direction"]) == wanted)

    @property
    def messages(self) -> int:
        """Messages that users handed over: without what Postfix made of them itself."""
        links = self.summary["links"]
        made = links.get("notification", 0) + links.get("forward", 0)
        return int(self.summary["messages"]) - int(made)

    @property
    def attempts(self) -> int:
        """Delivery attempts that it read."""
        return int(self.summary["attempts"])

    @property
    def told(self) -> bool:
        """Whether it says that there are lines that it did not understand."""
        return int(self.summary["unparsed"]) > 0


def _output(arguments: list[str], stdin: Path | None = None) -> str:
    # audit ends with 1 when a message does not balance: a finding, not a failure.
    done = subprocess.run(
        [AGENT, *arguments],
        input=stdin.read_bytes() if stdin else b"",
        capture_output=True,
        check=False,
    )
    if done.returncode not in {0, 1}:
        raise RuntimeError(done.stderr.decode())
    return done.stdout.decode()
