"""Verdicts follow the rules: templates that other rules judged are judged again.

Gives     ``reclassify_some``: a few hundred templates in the caller's transaction. Deliveries point
          to their template and are not touched. What is done carries the digest of the rules, so an
          interrupted run goes on where it was, and two runs at once do no harm.
"""

from mailtally_collector.classify.provider import Evidence
from mailtally_collector.classify.rule_set import RuleSet
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.templates import verdict_columns

SOME = 500
SELECT_OLD = (
    "SELECT id, sample, reply_code, enhanced_status, relay_provider, domain_provider"
    " FROM reply_template WHERE rule_set <> ? ORDER BY id LIMIT ?"
)


def count_old(sql: Sql, rules: RuleSet) -> int:
    """How many templates were judged by other rules than these."""
    row = sql.run(
        "SELECT COUNT(*) FROM reply_template WHERE rule_set <> ?", (rules.digest,)
    ).fetchone()
    return int(row[0])


def reclassify_some(sql: Sql, rules: RuleSet, most: int = SOME) -> int:
    """Judge templates again; how many, 0 when all follow these rules."""
    rows = sql.run(SELECT_OLD, (rules.digest, most)).fetchall()
    for template_id, sample, reply_code, enhanced_status, relay, domain in rows:
        evidence = Evidence(relay, domain)
        columns = verdict_columns(rules, bytes(sample), reply_code, enhanced_status, evidence)
        sql.update("reply_template", template_id, columns)
    return len(rows)
