"""pflogsumm's report as figures, under its own words.

Mirrors   pflogsumm(1): "Grand Totals" and "Host/Domain Summary: Message Delivery".
Limits    Exact below 512 k; above that pflogsumm prints rounded units, and this gives ValueError.
"""

import re
from pathlib import Path

from tests.comparison.command import report
from tests.postfix.postfix_config import HOST_NAME, HOSTED

# What the sections of the report end with is an empty line.
TOTALS = re.compile(r"(?ms)^Grand Totals\n-+\nmessages\n\n(.*?)\n\n")
TOTAL = re.compile(r"(?m)^ *(\d+)([km ]) +([a-z ]+?)(?: +\((?:\d+%|(\d+) +deferrals)\))? *$")
HOSTS = re.compile(r"(?m)^Host/Domain Summary: Message Delivery *\n-+\n.*\n[- ]+\n((?:.+\n)*)")


class Pflogsumm:
    """One run over a log."""

    def __init__(self, log: Path, *options: str) -> None:
        text = report(["pflogsumm", *options, log])
        self.totals: dict[str, int] = {}
        for count, unit, word, deferrals in TOTAL.findall(_section(TOTALS, text)):
            if unit != " ":
                raise ValueError(f"pflogsumm rounded {word}")
            self.totals[word] = int(count)
            if word == "deferred":
                self.totals["deferrals"] = int(deferrals or 0)
        hosts = HOSTS.search(text)
        self.hosts = dict(_host(row) for row in hosts[1].splitlines()) if hosts else {}

    @property
    def outside(self) -> int:
        """Sum of its host table without our own domains: what a reader can add up by hand."""
        own = {*HOSTED, HOST_NAME}
        return sum(count for domain, count in self.hosts.items() if domain not in own)

    @property
    def attempts(self) -> int:
        """Delivery attempts that it read."""
        return sum(self.totals[w] for w in ("delivered", "forwarded", "deferrals", "bounced"))


def _section(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    if found is None:
        raise ValueError("the report has another form than that of pflogsumm 1.1.5")
    return found[1] + "\n"


def _host(row: str) -> tuple[str, int]:
    words = row.split()
    return words[-1], int(words[0])
