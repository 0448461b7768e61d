"""Whether a made log is counted as its maker counted: ``python -m tests.bench.check_truth LOG``.

Beside LOG lies LOG.truth.json with ``attempts`` by status, ``messages``, ``removed``, ``lines`` and
``notifications``. Recipients are added up from the queue manager's lines in another way than the
agent's. Exit status 1 when anything differs.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

AGENT = Path(sys.executable).parent / "mailtally-agent"
ACTIVE = re.compile(rb"qmgr\[\d+\]: (\w+): from=.* nrcpt=(\d+) \(queue active\)$")
REMOVED = re.compile(rb"(?:qmgr|postsuper)\[\d+\]: (\w+): removed$")


def recipients_of(log: Path) -> int:
    """Sum of nrcpt over all messages; a retry says it again."""
    active: set[bytes] = set()
    total = 0
    with log.open("rb") as file:
        for line in file:
            if (match := ACTIVE.search(line)) and match[1] not in active:
                active.add(match[1])
                total += int(match[2])
            elif match := REMOVED.search(line):
                active.discard(match[1])
    return total


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path)
    log: Path = parser.parse_args().log
    truth = json.loads(Path(f"{log}.truth.json").read_text())
    with log.open("rb") as stdin:
        command = [str(AGENT), "parse", "--summary"]
        done = subprocess.run(command, stdin=stdin, capture_output=True, check=True)
    summary: dict[str, Any] = json.loads(done.stdout)
    pairs = {
        "lines": (truth["lines"], summary["lines"]),
        "messages": (truth["messages"], summary["messages"]),
        "completed": (truth["removed"], summary["changes"].get("completed", 0)),
        "notifications": (truth["notifications"], summary["links"].get("notification", 0)),
        "recipients": (recipients_of(log), summary["recipients"]),
        "unparsed": (0, summary["unparsed"]),
    }
    for status, count in truth["attempts"].items():
        pairs[f"attempts {status}"] = (count, summary["status"].get(status, 0))
    for name, (expected, counted) in pairs.items():
        print(f"{name:<20}{expected:>12}{counted:>12}  {'' if expected == counted else 'DIFFERS'}")
    return 0 if all(expected == counted for expected, counted in pairs.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
