"""logwatch's report on Postfix as figures, under its own words.

Mirrors   logwatch(8) with its service postfix; postfix-logwatch(1).
Gives     as_installed(): the whole command. with_settings(): what the command runs when its
          configuration sets $postfix_Enable_Long_Queue_Ids and $postfix_Syslog_Name.
"""

import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.comparison.command import report

SHARED = Path("/usr/share/logwatch")
SCRIPT = SHARED / "scripts" / "services" / "postfix"
DATES = SHARED / "scripts" / "shared" / "applystddate"
COUNT = re.compile(r"(?m)^ *(\d+) {2,}(\S.*?) {2,}[\d.,]+%? *$")
ATTEMPTS = (
    "Sent via SMTP",
    "Delivered",
    "Forwarded",
    "Deferrals",
    "Bounced (local)",
    "Bounced (remote)",
    "Deliverable (address verification)",
    "Undeliverable (address verification)",
)
EXPIRED = "Expired and returned to sender"
BY_QUEUE_ID = (*ATTEMPTS, EXPIRED, "Accepted", "Deferred", "Notifications sent")


class Logwatch(NamedTuple):
    """A report."""

    counts: Counter[str]
    told: bool  # whether it lists lines that it did not understand

    @property
    def bounced(self) -> int:
        """Local and remote."""
        return self.counts["Bounced (local)"] + self.counts["Bounced (remote)"]

    @property
    def probes(self) -> int:
        """Deliverable or not."""
        return sum(self.counts[word] for word in ATTEMPTS[-2:])

    @property
    def attempts(self) -> int:
        """Delivery attempts that it read."""
        return sum(self.counts[word] for word in ATTEMPTS)


def as_installed(log: Path) -> Logwatch:
    """Run the command, over all days."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mail.log").write_bytes(log.read_bytes())
        command = ["logwatch", "--service", "postfix", "--range", "all", "--output", "stdout"]
        return _read(report([*command, "--logdir", folder]))


def with_settings(log: Path, syslog_name: str = "postfix") -> Logwatch:
    """Add up one run for short and one for long queue ids: it reads one kind at a time."""
    dated = report(["perl", f"-I{SHARED}/lib", DATES], log.read_bytes(), LOGWATCH_DATE_RANGE="all")
    command: list[str | Path] = ["perl", SCRIPT, "--nodetail", "--syslog_name", syslog_name]
    kinds = ("--nolong_queue_ids", "--long_queue_ids")
    runs = [_read(report([*command, kind], dated.encode("latin-1"))) for kind in kinds]
    # What it finds without a queue id, both runs find.
    counts = runs[0].counts | runs[1].counts
    for word in BY_QUEUE_ID:
        counts[word] = runs[0].counts[word] + runs[1].counts[word]
    return Logwatch(counts, all(run.told for run in runs))


def _read(text: str) -> Logwatch:
    summary, unmatched, _ = text.partition("**Unmatched Entries**")
    counts: Counter[str] = Counter()
    for count, word in COUNT.findall(summary):
        counts[word] += int(count)
    return Logwatch(counts, bool(unmatched))
