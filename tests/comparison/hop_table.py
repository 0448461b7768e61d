"""Two instances with a hop between them: what each tool makes of it, beside the ledger."""

import json
from pathlib import Path

from tests.comparison import logwatch, markdown
from tests.comparison.mailtally import Mailtally
from tests.comparison.pflogsumm import Pflogsumm
from tests.comparison.samples import TWO_INSTANCES


def hop_table(outer_alone: Path) -> str:
    """Rows are runs; ``outer_alone`` holds the lines of the delivering instance only."""
    truth = json.loads(TWO_INSTANCES.with_suffix(".json").read_text())
    states = truth["by_state"]
    accepted = states["delivered"] + truth["null_sender_accepted_by_far_side"]
    ours = Mailtally(TWO_INSTANCES)
    bounced, probes = ours.outside("bounced"), ours.summary["traffic_class"]["probe"]
    out = "--syslog-name=postfix-out"
    head = ("run", "accepted by other hosts", "refused for good", "probes")
    return markdown.table(
        head,
        [
            ["ledger", accepted, states["bounced"], truth["probes"]],
            ["mailtally", ours.outside("sent"), bounced, probes],
            _pflogsumm("pflogsumm", Pflogsumm(TWO_INSTANCES)),
            _pflogsumm(f"pflogsumm `{out}`", Pflogsumm(TWO_INSTANCES, out)),
            _pflogsumm("… on the lines of `postfix-out` alone", Pflogsumm(outer_alone, out)),
            _logwatch("logwatch", logwatch.as_installed(TWO_INSTANCES)),
            _logwatch(
                "logwatch, `$postfix_Syslog_Name = postfix(?:-out)?`",
                logwatch.with_settings(TWO_INSTANCES, "postfix(?:-out)?"),
            ),
            _logwatch(
                "logwatch, `$postfix_Syslog_Name = postfix-out`",
                logwatch.with_settings(TWO_INSTANCES, "postfix-out"),
            ),
        ],
    )


def _pflogsumm(name: str, run: Pflogsumm) -> list[markdown.Cell]:
    return [name, run.outside, run.totals["bounced"], markdown.NONE]


def _logwatch(name: str, run: logwatch.Logwatch) -> list[markdown.Cell]:
    return [name, run.counts["Sent via SMTP"], run.bounced, run.probes]
