"""docs/comparison.md: the prose of comparison.md.in with what the tools say.

Gives     counted(), the document as far as it is the same at every run; whole(), with the versions
          and the speed measured now; without_measured(), the same part of a written document.
"""

import json
import re
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tests.comparison.bundled_table import BundledRuns, ledger
from tests.comparison.command import package_version
from tests.comparison.hop_table import hop_table
from tests.comparison.logwatch import EXPIRED
from tests.comparison.mailtally import Mailtally
from tests.comparison.sample_table import sample_table
from tests.comparison.samples import TWO_INSTANCES, all_samples
from tests.comparison.speed import ROUNDS, speed_table
from tests.corpus.bundled import BUNDLED

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "comparison.md"
PROSE = Path(__file__).parent / "comparison.md.in"
# Between these two comments stands what a machine or a release of Debian decides.
MEASURED = re.compile(r"(?s)(<!-- measured -->\n).*?(<!-- /measured -->)")
PACKAGES = ("pflogsumm", "logwatch", "mtail")


def whole() -> str:
    """The document, everything run now."""
    versions = ", ".join(f"{name} {package_version(name)}" for name in PACKAGES)
    measured = iter((f"Packages of Debian: {versions}.", speed_table()))
    return MEASURED.sub(lambda found: f"{found[1]}{next(measured)}\n{found[2]}", counted())


def counted() -> str:
    """The document without what is measured."""
    with tempfile.TemporaryDirectory() as folder:
        samples = all_samples(Path(folder))
        outer = next(one.log for one in samples if one.syslog_name == "postfix-out")
        tables = {"samples": sample_table(samples), "hop": hop_table(outer)}
    runs = BundledRuns()
    text = PROSE.read_text().format_map({"bundled": runs.table(), **tables, **figures(runs)})
    return without_measured(text)


def without_measured(document: str) -> str:
    """A written document without its measured parts."""
    return MEASURED.sub(r"\1\2", document)


def figures(runs: BundledRuns) -> Mapping[str, int | str]:
    """The figures that the prose names."""
    ours, totals, settings = runs.mailtally, runs.pflogsumm.totals, runs.set.counts
    started = datetime.fromisoformat(BUNDLED.ledger["started"])
    unbalanced = Mailtally(TWO_INSTANCES).unbalanced
    hop = json.loads(TWO_INSTANCES.with_suffix(".json").read_text())
    return {
        "date": started.date().isoformat(),
        "date_hop": hop["started"].partition("T")[0],
        "hop_unbalanced": unbalanced,
        "speed_rounds": ROUNDS,
        "postfix": BUNDLED.ledger["postfix_version"],
        "lines": ours.summary["lines"],
        "audit_messages": ours.summary["messages"],
        "users_recipients": sum(
            count for (direction, _), count in ours.states.items() if direction == "outbound"
        ),
        "ledger_delivered": ledger("delivered"),
        "pflogsumm_delivered": totals["delivered"],
        "pflogsumm_outside": runs.pflogsumm.outside,
        "pflogsumm_inside": totals["delivered"] - runs.pflogsumm.outside,
        "pflogsumm_missed": ours.attempts - runs.pflogsumm.attempts,
        "pflogsumm_deferred": totals["deferred"],
        "logwatch_deferred": settings["Deferred"],
        "logwatch_expired": settings[EXPIRED],
        "expired_messages": ours.summary["changes"]["expired"],
        "logwatch_removed": runs.logwatch.counts["Removed from queue"],
        "mtail_removed": runs.mtail.counts["qmgr_messages_removed_total"],
        "mtail_cleanup": runs.mtail.counts["cleanup_messages_processed_total"],
        "mtail_attempts": runs.mtail.attempts,
        "mtail_queued": runs.mtail.counts["qmgr_messages_inserted_recipients_count"],
        "inserted": runs.mtail.counts["qmgr_messages_inserted_recipients_sum"],
    }
