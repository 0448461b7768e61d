"""Operators' files and the shipped rules together: one rule set.

Order     The operator's rules by file name and place, then the shipped ones. A rule that carries
          the id of a shipped one stands in for it, at the place of the operator's.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mailtally_collector.classify.operator_file import Disabled, OperatorFile
from mailtally_collector.classify.rule import Rule
from mailtally_collector.classify.rule_file import Wording
from mailtally_collector.classify.rule_set import RuleSet, digest_of, make_rule_set
from mailtally_collector.classify.toml_entries import Placed, RuleError


def with_operator_files(shipped: RuleSet, files: Sequence[OperatorFile]) -> RuleSet:
    """Make the rule set that the files ask for. Raises RuleError for ids that do not fit."""
    if not files:
        return shipped
    own = [rule for file in files for rule in file.rules]
    taken = {rule.id for rule in own}
    rules = {rule.id: rule for rule in shipped.rules if rule.id not in taken}
    mistakes = _taken_twice(own)
    for file in files:
        mistakes += _disable(rules, file.disabled)
        mistakes += _change(rules, file.changes)
    if mistakes:
        raise RuleError(mistakes)
    digest = digest_of([shipped.digest, *(file.text for file in files)])
    return make_rule_set([*own, *rules.values()], shipped.reasons, shipped.providers, digest)


def _taken_twice(own: Sequence[Rule]) -> list[str]:
    places: dict[str, str] = {}
    return [
        f"{rule.place}: {rule.id}: id: is taken by {places[rule.id]}"
        for rule in own
        if places.setdefault(rule.id, rule.place) != rule.place
    ]


def _disable(rules: dict[str, Rule], disabled: Sequence[Placed[Disabled]]) -> list[str]:
    return [
        _no_such_rule(entry, rules) for entry in disabled if rules.pop(entry.value.id, None) is None
    ]


def _change(rules: dict[str, Rule], changes: Sequence[Placed[Wording]]) -> list[str]:
    mistakes = []
    for entry in changes:
        rule = rules.get(entry.value.id)
        if rule is None:
            mistakes.append(_no_such_rule(entry, rules))
        else:
            said = entry.value.model_dump(exclude={"id"}, exclude_unset=True)
            rules[rule.id] = replace(rule, **said)
    return mistakes


def _no_such_rule(entry: Placed[Wording] | Placed[Disabled], rules: Mapping[str, Rule]) -> str:
    near = difflib.get_close_matches(entry.value.id, rules, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return entry.mistake("id", f"is no shipped rule, or is disabled or replaced already{hint}")
