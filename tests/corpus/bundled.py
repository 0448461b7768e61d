"""The bundled log: a real Postfix's, with the ledger of what was sent and what was answered.

The ledger was written by the sending and the answering side (tests/postfix/make_corpus.py), not
read from the log.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Corpus:
    """A log with its ledger."""

    log: Path
    ledger: dict[str, Any]

    @property
    def outbound(self) -> dict[str, Any]:
        """Expected figures: by_state, by_sender_domain, by_mailbox."""
        expected: dict[str, Any] = self.ledger["expected"]["outbound"]
        return expected


def _load(folder: Path) -> Corpus:
    return Corpus(folder / "mail.log", json.loads((folder / "ledger.json").read_text()))


BUNDLED = _load(Path(__file__).parent / "real")
