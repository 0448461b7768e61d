"""The counters of mtail with its own example program for Postfix, as it is delivered.

Mirrors   mtail(1) -one_shot; /usr/share/doc/mtail/examples/postfix.mtail.
Limits    Labels are added up; of the delays per stage the stage transmission alone is taken.
"""

import re
import tempfile
from collections import Counter
from pathlib import Path

from tests.comparison.command import report

PROGRAM = Path("/usr/share/doc/mtail/examples/postfix.mtail")
METRIC = re.compile(r"(?m)^postfix_(\w+)\{(.*?)\} ([\d.e+]+)$")


def command(log: Path, folder: str) -> list[str | Path]:
    """Read a log once and print the counters; mtail's own log goes to the folder."""
    once = ["-one_shot", "-one_shot_format", "prometheus", "-log_dir", folder]
    return ["mtail", *once, "-progs", PROGRAM, "-logs", log]


class Mtail:
    """One run over a log."""

    def __init__(self, log: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            text = report(command(log, folder))
        self.counts: Counter[str] = Counter()
        for name, labels, value in METRIC.findall(text):
            if "stage=" not in labels or 'stage="transmission"' in labels:
                self.counts[name] += int(float(value))

    @property
    def attempts(self) -> int:
        """Delivery attempts of smtp(8): the only ones of these logs that the program counts."""
        return self.counts["smtp_delivery_delay_seconds_count"]
