"""A file of the operator's: rules of their own, and what they change in those that are shipped.

Tables    [[rule]]     a whole rule; with the id of a shipped one it takes that one's place
          [[change]]   id, and what a rule shall say instead: severity, advice, advice_customer, doc
          [[disable]]  id of a shipped rule that shall not be used; ``why`` is for the reader
Raises    RuleError with one line for each mistake: ``FILE:LINE: ID: key: message``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mailtally_collector.classify.rule import Rule
from mailtally_collector.classify.rule_file import RuleEntry, Wording, make_rules
from mailtally_collector.classify.runaway import refuse_runaways
from mailtally_collector.classify.taxonomy import Reason
from mailtally_collector.classify.toml_entries import Entry, Placed, RuleError, TomlEntries


class Disabled(Entry):
    """One ``[[disable]]``."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class OperatorFile:
    """What one file says, checked for itself; whether the ids exist is checked by who merges."""

    path: Path
    text: str
    rules: tuple[Rule, ...]
    changes: tuple[Placed[Wording], ...]
    disabled: tuple[Placed[Disabled], ...]


def read_operator_file(
    path: Path, reasons: Mapping[str, Reason], providers: Mapping[str, str]
) -> OperatorFile:
    """Read one file and try its patterns on hostile texts. Raises RuleError."""
    entries = TomlEntries(path, ("rule", "change", "disable"))
    changes = entries.of("change", Wording)
    idle = [
        change.mistake("id", "give a severity, advice, advice_customer or doc")
        for change in changes
        if change.value.model_fields_set == {"id"}
    ]
    if idle:
        raise RuleError(idle)
    rules = make_rules(entries.of("rule", RuleEntry), reasons, providers)
    refuse_runaways(rules)
    return OperatorFile(
        path, entries.text, tuple(rules), tuple(changes), tuple(entries.of("disable", Disabled))
    )
