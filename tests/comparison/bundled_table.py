"""The bundled log: what each tool counts, beside the ledger.

Gives     BundledRuns, one run of every tool; table().
Limits    A figure stands in a row only if the tool gives it under words that mean the same; what
          it gives under other words is told in the text. The ledger does not know how often
          Postfix tried where nobody answered, so the rows of attempts have none.
"""

from pathlib import Path

from tests.comparison import logwatch, markdown
from tests.comparison.mailtally import Mailtally
from tests.comparison.mtail import Mtail
from tests.comparison.pflogsumm import Pflogsumm
from tests.corpus.bundled import BUNDLED

HEAD = ("asked", "ledger", "mailtally", "pflogsumm", "logwatch", "logwatch, settings", "mtail")
# The ledger says so in its notes: those messages do not exist.
REFUSED_BY_SMTPD = 3
REFUSED_NULL = BUNDLED.ledger["expected"]["not_outbound"]["null-sender"]["bounced"]
STATES = ("delivered", "bounced", "expired", "pending", "held", "removed")
WITH_NULL = "notifications and all"


class BundledRuns:
    """Every tool once over the bundled log."""

    def __init__(self, log: Path = BUNDLED.log) -> None:
        self.mailtally = Mailtally(log)
        self.pflogsumm = Pflogsumm(log)
        self.logwatch = logwatch.as_installed(log)
        self.set = logwatch.with_settings(log)
        self.mtail = Mtail(log)

    def table(self) -> str:
        """Ledger and tools side by side."""
        return markdown.table(HEAD, [*self._mail(), *self._recipients(), *self._lines()])

    def _mail(self) -> list[list[markdown.Cell]]:
        messages = BUNDLED.ledger["messages"]
        by_smtpd = sum(one["via"] == "smtp" for one in messages)
        totals, mtail = self.pflogsumm.totals, self.mtail.counts
        received = (totals["received"], *self._both("Accepted"))
        mtail_received = mtail["smtpd_messages_processed_total"]
        refused = (totals["rejected"], *self._both("Rejected"))
        mtail_refused = mtail["smtpd_messages_rejected_total"]
        return [
            _row(
                "messages that users handed over", len(messages), self.mailtally.messages, received
            ),
            _row("… by smtpd", by_smtpd, None, (None, None, None, mtail_received)),
            _row(
                "recipients that smtpd refused", REFUSED_BY_SMTPD, None, (*refused, mtail_refused)
            ),
        ]

    def _recipients(self) -> list[list[markdown.Cell]]:
        ours, totals = self.mailtally, self.pflogsumm.totals
        to_null_sender = BUNDLED.ledger["expected"]["null_sender_accepted_by_far_side"]
        accepted = (self.pflogsumm.outside, *self._both("Sent via SMTP"))
        refused = (totals["bounced"], self.logwatch.bounced, self.set.bounced)
        held = (totals["held"], *self._both("Placed on hold"))
        of_users = {state: (ledger(state), ours.outbound(state)) for state in STATES}
        in_all = [sum(column) for column in zip(*of_users.values(), strict=True)]
        sent, bounced = ours.outside("sent"), ours.outside("bounced")
        return [
            _row("users' recipients at other hosts, in all", *in_all),
            _row(
                f"accepted there, {WITH_NULL}", ledger("delivered") + to_null_sender, sent, accepted
            ),
            _row("… users' mail", *of_users["delivered"]),
            _row(
                f"refused for good, {WITH_NULL}", ledger("bounced") + REFUSED_NULL, bounced, refused
            ),
            _row("… users' mail", *of_users["bounced"]),
            _row("recipients that expired", *of_users["expired"]),
            _row("waiting at the end", *of_users["pending"]),
            _row("held at the end", *of_users["held"], held),
            _row("deleted by the operator", *of_users["removed"]),
        ]

    def _lines(self) -> list[list[markdown.Cell]]:
        summary = self.mailtally.summary
        deferrals = (self.pflogsumm.totals["deferrals"], *self._both("Deferrals"))
        made = (None, *self._both("Notifications sent"))
        return [
            _row("attempts that were deferred", None, summary["status"]["deferred"], deferrals),
            _row("notifications made", None, summary["links"]["notification"], made),
        ]

    def _both(self, word: str) -> tuple[int, int]:
        return self.logwatch.counts[word], self.set.counts[word]


def _row(
    asked: str, truth: int | None, ours: int | None, peers: tuple[int | None, ...] = ()
) -> list[markdown.Cell]:
    figures = [truth, ours, *peers, *[None] * (4 - len(peers))]
    return [asked, *(markdown.NONE if figure is None else figure for figure in figures)]


def ledger(state: str) -> int:
    """Users' recipients in this state, forwards of an alias included."""
    expected = BUNDLED.ledger["expected"]
    found = expected["outbound"]["by_state"].get(state, 0) + expected["forward"].get(state, 0)
    return int(found)
