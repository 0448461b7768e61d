"""Reply templates, stored once for each provider that may have said them, with their verdict.

Limits    The verdict is about the sample: the reply of the earliest attempt, so that it depends
          neither on the order in which attempts came in nor on how often.
"""

from functools import lru_cache

from mailtally_collector.classify.classify import classify
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.classify.provider import Evidence
from mailtally_collector.classify.reply import read_reply
from mailtally_collector.classify.rule_set import RuleSet
from mailtally_collector.records import Attempt
from mailtally_collector.reply_template import reply_template
from mailtally_collector.store.names import CACHE_MAX, split_address
from mailtally_collector.store.sql import Sql

_Key = tuple[bytes, int, str, str, str]
KEY_NAMES = ("template", "reply_code", "enhanced_status", "relay_provider", "domain_provider")
SELECT_TEMPLATE = (
    "SELECT id, first_seen_us, last_seen_us FROM reply_template WHERE template = ?"
    " AND reply_code = ? AND enhanced_status = ? AND relay_provider = ? AND domain_provider = ?"
)


# The same texts come again and again, and to compare them costs less than to take them apart.
_template_of = lru_cache(maxsize=8_192)(reply_template)


class Templates:
    """Finds or makes the rows of templates. Used by the writer thread only."""

    def __init__(self, sql: Sql, rules: CurrentRules) -> None:
        self._sql = sql
        self._rules = rules
        self._known: dict[_Key, tuple[int, int, int]] = {}

    def forget(self) -> None:
        """Empty the cache."""
        self._known.clear()

    def find(self, what: Attempt, time_us: int) -> int:
        """Return the id of the template of an attempt's reply, and note moment and sample."""
        evidence = self._evidence(what)
        template = _template_of(what.reply_text)
        key = (template, what.reply_code, what.enhanced_status, *evidence)
        known = self._known.get(key) or self._sql.run(SELECT_TEMPLATE, key).fetchone()
        if known is None:
            values: dict[str, object] = dict(zip(KEY_NAMES, key, strict=True))
            values |= {"first_seen_us": time_us, "last_seen_us": time_us}
            values |= self._sample_columns(what, evidence)
            known = (self._sql.insert("reply_template", values), time_us, time_us)
        template_id, first_us, last_us = known
        if time_us < first_us:
            columns = {"first_seen_us": time_us} | self._sample_columns(what, evidence)
            self._sql.update("reply_template", template_id, columns)
        elif time_us > last_us:
            self._sql.update("reply_template", template_id, {"last_seen_us": time_us})
        if len(self._known) >= CACHE_MAX:
            self._known.clear()
        self._known[key] = (template_id, min(first_us, time_us), max(last_us, time_us))
        return template_id

    def _evidence(self, what: Attempt) -> Evidence:
        _, domain = split_address(what.recipient)
        return self._rules.rules.providers.evidence(_name(what.relay_host), _name(domain))

    def _sample_columns(self, what: Attempt, evidence: Evidence) -> dict[str, object]:
        verdict = verdict_columns(
            self._rules.rules, what.reply_text, what.reply_code, what.enhanced_status, evidence
        )
        return {"sample": what.reply_text} | verdict


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


def _name(host: bytes) -> str:
    return host.decode("ascii", "replace").strip(".").lower()
