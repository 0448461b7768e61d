"""What the code has, the documentation names; what the documentation shows, works."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from mailtally.v1 import control_pb2, enrollment_pb2, ingest_pb2, query_pb2
from mailtally_agent.cli import build_parser
from mailtally_agent.config import load_config
from mailtally_collector import cli as collector_cli
from mailtally_collector import query_cli
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.classify.operator_file import Disabled
from mailtally_collector.classify.rule_file import RuleEntry, Wording
from mailtally_collector.classify.rule_set import shipped_rules
from mailtally_collector.classify.taxonomy import Reason
from mailtally_collector.classify.toml_entries import Entry

ROOT = Path(__file__).resolve().parents[2]
OPERATION = (ROOT / "docs" / "operation.md").read_text()
RULES = (ROOT / "docs" / "rules.md").read_text()
QUERIES = (ROOT / "docs" / "mailtally.md").read_text()


def agent_commands() -> Iterator[tuple[str, str]]:
    """(command, option) of ``mailtally-agent``."""
    # argparse tells its commands and options by private names only.
    actions = build_parser()._actions  # noqa: SLF001
    commands: Any = next(action.choices for action in actions if action.dest == "command")
    for name, parser in commands.items():
        for action in parser._actions:  # noqa: SLF001
            for option in action.option_strings:
                if option.startswith("--") and option != "--help":
                    yield name, option


def typer_commands(app: typer.Typer) -> Iterator[tuple[str, str]]:
    """(command, option) of a Typer application."""
    yield from click_commands(typer.main.get_command(app), "")


def click_commands(group: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """The same of a group, with the commands of its groups."""
    for name, command in getattr(group, "commands", {}).items():
        yield from click_commands(command, f"{prefix}{name} ")
        for parameter in command.params:
            for option in [*parameter.opts, *parameter.secondary_opts]:
                if option.startswith("--") and option != "--help":
                    yield f"{prefix}{name}", option


def section(text: str, heading: str) -> str:
    """The part of a document under a heading that holds the words."""
    match = re.search(rf"(?ms)^(#+) [^\n]*{re.escape(heading)}[^\n]*\n(.*?)(?=^\1 |\Z)", text)
    assert match is not None, f"no section {heading}"
    return match[2]


@pytest.mark.parametrize(("command", "option"), [*agent_commands()])
def test_agent_command_is_documented(command: str, option: str) -> None:
    assert f"`{option}" in section(OPERATION, f"mailtally-agent {command}")


@pytest.mark.parametrize(("command", "option"), [*typer_commands(collector_cli.app)])
def test_collector_command_is_documented(command: str, option: str) -> None:
    assert f"`{option}" in section(OPERATION, f"mailtally-collector {command}")


@pytest.mark.parametrize(("command", "option"), [*typer_commands(query_cli.app)])
def test_query_command_is_documented(command: str, option: str) -> None:
    assert f"mailtally {command}" in QUERIES
    assert option in QUERIES


@pytest.mark.parametrize(
    "method",
    [
        method.full_name
        for file in (control_pb2, enrollment_pb2, ingest_pb2, query_pb2)
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ],
)
def test_rpc_is_documented(method: str) -> None:
    assert f"`{method.removeprefix('mailtally.v1.')}`" in OPERATION


@pytest.mark.parametrize("name", ["agent", "collector"])
def test_every_setting_stands_in_the_example(name: str) -> None:
    """Taken out of its comments, the example sets every key that the code asks for."""
    from mailtally_collector.config import Config as CollectorConfig  # noqa: PLC0415

    example = (ROOT / "deploy" / "examples" / f"{name}.toml").read_text()
    shown = keys(tomllib.loads(re.sub(r"(?m)^# (?=[\w.]+ = )", "", example)))
    if name == "agent":
        source = (ROOT / "agent" / "mailtally_agent" / "config.py").read_text()
        methods = "text|path|flag|integer|choice|texts|one_or_more_texts|flag_or_texts"
        names = rf"settings\.(?:{methods})\(\s*\"([\w.]+)\""
        asked = set(re.findall(names, source))
        tls = {f"collector.tls.{key}" for key in ("ca_file", "certificate_file", "key_file")}
        asked |= {"direction.internal_next_hops"} | tls
    else:
        asked = model_keys(CollectorConfig)
    assert asked == shown


def test_example_of_the_agent_loads_as_it_is(tmp_path: Path) -> None:
    config = load_config(ROOT / "deploy" / "examples" / "agent.toml")

    assert config.collectors_of(None) == ("127.0.0.1:8790",)

    example = (ROOT / "deploy" / "examples" / "agent.toml").read_text()
    everything = tmp_path / "agent.toml"
    everything.write_text(re.sub(r"(?m)^# (?=[\w.]+ = )", "", example))
    assert load_config(everything).batch_records == config.batch_records


def test_files_that_the_documents_name_exist() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def keys(tables: dict[str, object], prefix: str = "") -> set[str]:
    """Dotted keys of a TOML document."""
    found: set[str] = set()
    for name, value in tables.items():
        if isinstance(value, dict):
            found |= keys(value, f"{prefix}{name}.")
        else:
            found.add(f"{prefix}{name}")
    return found


def model_keys(model: type, prefix: str = "") -> set[str]:
    """Dotted keys of a pydantic model."""
    found: set[str] = set()
    for name, value in getattr(model, "model_fields", {}).items():
        inner = value.annotation
        if hasattr(inner, "model_fields"):
            found |= model_keys(inner, f"{prefix}{name}.")
        else:
            found.add(f"{prefix}{name}")
    return found


@pytest.mark.parametrize("reason", shipped_rules().reasons.values(), ids=lambda reason: reason.id)
def test_reason_is_documented(reason: Reason) -> None:
    row = f"| `{reason.id}` | {reason.title} | {reason.severity} | {reason.owner} |"
    assert row in RULES.splitlines()


@pytest.mark.parametrize("entry", [RuleEntry, Wording, Disabled])
def test_key_of_a_rule_is_documented(entry: type[Entry]) -> None:
    assert [key for key in entry.model_fields if f"\n{key} = " not in RULES] == []


def test_the_rule_file_of_the_documentation_can_be_used(tmp_path: Path) -> None:
    example = RULES.partition("```toml\n")[2].partition("```")[0]
    disable = example[example.index("[[disable]]") :]
    (tmp_path / "own.toml").write_text(example.replace(disable, ""))
    assert CurrentRules(tmp_path).mistakes == ()
    (tmp_path / "own.toml").write_text(disable)
    assert CurrentRules(tmp_path).mistakes == ()
