"""Reply templates, stored once for each provider that may have said them, with their verdict.

Limits    The verdict is about the sample: the reply of the earliest attempt, so that it depends
          neither on the order in which attempts came in nor on how often.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from mailtally_collector.classify.classify import classify
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.classify.provider import Evidence
from mailtally_collector.classify.reply import read_reply
from mailtally_collector.classify.rule_set import RuleSet
from mailtally_collector.records import Attempt
from mailtally_collector.reply_template import reply_template
from mailtally_collector.store.hosts import plain_host
from mailtally_collector.store.names import CACHE_MAX, split_address
from mailtally_collector.store.sql import Sql

KEY = ("template", "reply_code", "enhanced_status", "relay_provider", "domain_provider")
VERDICT = ("rule_set", "rule_id", "reason", "severity", "basis", "provider", "mail_filter")
SEEN = ("first_seen_us", "last_seen_us")
# What another collector stored meanwhile may reach further.
SAMPLED = ", ".join(f"{name} = ?" for name in ("first_seen_us", "sample", *VERDICT))
UPDATE_EARLIER = f"UPDATE reply_template SET {SAMPLED} WHERE id = ? AND first_seen_us > ?"  # noqa: S608
UPDATE_LATER = "UPDATE reply_template SET last_seen_us = ? WHERE id = ? AND last_seen_us < ?"

Key = tuple[bytes, int, str, str, str]
# The same texts come again and again, and to compare them costs less than to take them apart.
_template_of = lru_cache(maxsize=8_192)(reply_template)


class Known(NamedTuple):
    """A stored template, and from when to when it was seen."""

    id: int
    first_us: int
    last_us: int


class Seen(NamedTuple):
    """The replies of one template in a batch: when, and the earliest."""

    first_us: int
    last_us: int
    sample: bytes


class Templates:
    """Finds or makes the rows of templates; ``forget`` after a rollback."""

    def __init__(self, sql: Sql, rules: CurrentRules) -> None:
        self._sql = sql
        self._rules = rules
        self._known: dict[Key, Known] = {}

    def forget(self) -> None:
        """Empty the cache."""
        self._known.clear()

    def __getitem__(self, what: Attempt) -> int:
        """Return the id of the template of a reply that was made sure of."""
        return self._known[self._key(what)].id

    def make_sure(self, attempts: Iterable[tuple[int, Attempt]]) -> None:
        """Find or make the templates of failed attempts, ``(time_us, attempt)`` each.

        What is seen earlier or later than before is written in the order of ids, so that two who do
        it at once do not wait for one another.
        """
        if len(self._known) > CACHE_MAX:
            self._known.clear()
        seen: dict[Key, Seen] = {}
        for time_us, what in attempts:
            key = self._key(what)
            was = seen.get(key)
            if was is None:
                seen[key] = Seen(time_us, time_us, what.reply_text)
            elif time_us < was.first_us:
                seen[key] = Seen(time_us, was.last_us, what.reply_text)
            elif time_us > was.last_us:
                seen[key] = was._replace(last_us=time_us)
        missing = {key for key in seen if key not in self._known}
        missing -= self._look_up(missing)
        if missing:
            rows = [self._row(key, seen[key]) for key in sorted(missing)]
            self._sql.insert_missing("reply_template", (*KEY, *SEEN, "sample", *VERDICT), rows)
            self._look_up(missing)
        self._note(seen)

    def _look_up(self, keys: set[Key]) -> set[Key]:
        rows = self._sql.find("reply_template", ("id", *SEEN, *KEY), KEY, keys) if keys else []
        found: dict[Key, Known] = {}
        for template_id, first_us, last_us, template, *rest in rows:
            code, status, relay, domain = rest
            key = (template, code, status, relay, domain)
            found[key] = Known(template_id, first_us, last_us)
        self._known.update(found)
        return set(found)

    def _note(self, seen: dict[Key, Seen]) -> None:
        """Write what is seen earlier or later than is known; the earliest is the sample."""
        known = sorted((self._known[key], key) for key in seen)
        earlier = [one for one in known if seen[one[1]].first_us < one[0].first_us]
        later = [one for one in known if seen[one[1]].last_us > one[0].last_us]
        sampled = [(row.id, self._sampled(key, seen[key])) for row, key in earlier]
        self._sql.run_many(UPDATE_EARLIER, [(*values, one, values[0]) for one, values in sampled])
        lasts = [(row.id, seen[key].last_us) for row, key in later]
        self._sql.run_many(UPDATE_LATER, [(last_us, one, last_us) for one, last_us in lasts])
        for row, key in known:
            first_us, last_us = seen[key].first_us, seen[key].last_us
            self._known[key] = Known(row.id, min(row.first_us, first_us), max(row.last_us, last_us))

    def _key(self, what: Attempt) -> Key:
        _, domain = split_address(what.recipient)
        evidence = self._rules.rules.providers.evidence(
            plain_host(what.relay_host), plain_host(domain)
        )
        template = _template_of(what.reply_text)
        return (template, what.reply_code, what.enhanced_status, evidence.relay, evidence.domain)

    def _row(self, key: Key, seen: Seen) -> tuple[object, ...]:
        first_us, *sampled = self._sampled(key, seen)
        return (*key, first_us, seen.last_us, *sampled)

    def _sampled(self, key: Key, seen: Seen) -> tuple[object, ...]:
        """First moment, sample and verdict."""
        _, reply_code, enhanced_status, *evidence = key
        columns = verdict_columns(
            self._rules.rules, seen.sample, reply_code, enhanced_status, Evidence(*evidence)
        )
        return (seen.first_us, seen.sample, *(columns[name] for name in VERDICT))


def verdict_columns(
    rules: RuleSet, sample: bytes, reply_code: int, enhanced_status: str, evidence: Evidence
) -> dict[str, object]:
    """Classify the sample; the columns of ``reply_template`` that say what it means."""
    reply = read_reply(sample, reply_code=str(reply_code or ""), enhanced_status=enhanced_status)
    verdict = classify(reply, rules, evidence)
    return {
        "rule_set": rules.digest,
        "rule_id": verdict.rule_id,
        "reason": verdict.reason,
        "severity": verdict.severity,
        "basis": verdict.basis,
        "provider": verdict.provider,
        "mail_filter": verdict.filter,
    }
