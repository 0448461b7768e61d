"""``mailtally explain``: what a reply means, which rule says so, and which others would."""

from pathlib import Path
from typing import Any

import typer

from mailtally_collector.classify.classify import Verdict, verdict_of
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.classify.reply import Reply, read_reply
from mailtally_collector.classify.rule import Rule
from mailtally_collector.query_cli.choices import Form
from mailtally_collector.query_cli.export import write_document
from mailtally_collector.query_cli.options import Output
from mailtally_collector.query_cli.terminal import Cell, Column, Screen, Table, open_screen

LABEL_CELLS = 17


def show(text: str, relay: str, domain: str, folder: Path, output: Output) -> None:
    """Classify with the rules of this installation and the folder; no collector is asked."""
    form = output.form()
    if form is Form.CSV:
        raise typer.BadParameter("one verdict is no table: use --json", param_hint="--csv")
    screen = open_screen(output.color, quiet=output.quiet)
    current = CurrentRules(folder)
    for mistake in current.mistakes:
        screen.note(f"rule file not used: {mistake}")
    rules = current.rules
    reply = read_reply(text, relay_host=relay, recipient_domain=domain)
    answerer, matching = rules.answerer_and_matches(reply)
    matches = list(matching)
    verdict = verdict_of(matches[0] if matches else None, reply, answerer, rules)
    if form is Form.TEXT:
        _draw(screen, reply, verdict, matches)
    else:
        write_document(_document(reply, verdict, matches))


def _document(reply: Reply, verdict: Verdict, matches: list[Rule]) -> dict[str, Any]:
    document: dict[str, Any] = dict(verdict.record())
    document["reply"] = {
        "text": reply.text,
        "reply_code": reply.reply_code or None,
        "enhanced_status": reply.enhanced_status or None,
        "stage": reply.stage or None,
    }
    document["rules"] = [
        {"rule": rule.id, "reason": rule.reason, "basis": rule.basis, "place": rule.place}
        for rule in matches
    ]
    return document


def _draw(screen: Screen, reply: Reply, verdict: Verdict, matches: list[Rule]) -> None:
    screen.line(Cell(verdict.title, "bold"))
    lines = (
        ("Reason", verdict.reason),
        ("Severity", verdict.severity),
        ("Who must act", verdict.owner),
        ("Provider", verdict.provider or "-"),
        ("Filter", verdict.filter or "-"),
        ("Codes", " ".join(filter(None, (reply.reply_code, reply.enhanced_status))) or "-"),
        ("For the admin", verdict.advice),
        ("For the customer", verdict.advice_customer),
        ("More", verdict.doc or "-"),
        ("Rule", f"{verdict.rule_id} (by {verdict.basis})" if verdict.rule_id else "none matches"),
    )
    for label, value in lines:
        screen.line(Cell(f"{label:<{LABEL_CELLS}}", "dim"), Cell(value))
    if len(matches) > 1:
        screen.line()
        screen.line(Cell("Would match next"))
        rows = [[Cell(rule.id), Cell(rule.reason), Cell(rule.basis)] for rule in matches[1:]]
        screen.table(Table((Column("Rule"), Column("Reason"), Column("Basis")), rows))
