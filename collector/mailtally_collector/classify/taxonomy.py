"""The reasons that a verdict can have: what each means, whose turn it is and what to do.

Gives     ``load_taxonomy``: ``taxonomy.toml`` as a mapping from the reason's id.
Raises    RuleError naming file, line and key for a file that breaks its form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from mailtally_collector.classify.toml_entries import Entry, read_entries

Severity = Literal["hard", "soft", "block"]
Owner = Literal["sender-admin", "sender", "recipient", "receiver", "wait", "operator"]
UNKNOWN = "unknown"
TAXONOMY_FILE = Path(__file__).with_name("taxonomy.toml")


@dataclass(frozen=True, slots=True)
class Reason:
    """A cause of failure; ``category`` is the part of the id before the point."""

    id: str
    title: str
    severity: Severity
    owner: Owner
    advice: str
    advice_customer: str

    @property
    def category(self) -> str:
        """The wider class, such as ``rate``."""
        return self.id.partition(".")[0]


class _ReasonEntry(Entry):
    title: str
    severity: Severity
    owner: Owner
    advice: str
    advice_customer: str


def load_taxonomy(path: Path = TAXONOMY_FILE) -> Mapping[str, Reason]:
    """Read every reason. Raises RuleError."""
    entries = read_entries(path, "reason", _ReasonEntry)
    return MappingProxyType(
        {entry.value.id: Reason(**entry.value.model_dump()) for entry in entries}
    )
