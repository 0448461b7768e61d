"""``mailtally rules``: which rules the collector uses, and which files it cannot."""

import typer

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.choices import Form
from mailtally_collector.query_cli.client import collector
from mailtally_collector.query_cli.export import write_document
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.terminal import Cell, open_screen


def show(connection: Connection, output: Output) -> None:
    """Ask and write. Raises typer.Exit(1) when a file cannot be used."""
    form = output.form()
    screen = open_screen(output.color, quiet=output.quiet)
    with collector(connection) as stub:
        answer = stub.GetRules(query_pb2.GetRulesRequest(), timeout=connection.timeout)
    if form is Form.TEXT:
        screen.line(Cell(f"{answer.rules} rules in force, rule set {answer.digest}"))
        if answer.waiting:
            screen.line(Cell(f"{answer.waiting} stored replies wait to be judged again"))
        for mistake in answer.mistakes:
            screen.line(Cell("not used: ", "bold"), Cell(mistake))
    else:
        write_document(
            {
                "digest": answer.digest,
                "rules": answer.rules,
                "waiting": answer.waiting,
                "mistakes": list(answer.mistakes),
            }
        )
    if answer.mistakes:
        raise typer.Exit(1)
