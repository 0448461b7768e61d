"""What strangers wrote into a log never reaches a terminal or a spreadsheet as more than text."""

import csv
import io
import json
import os
import re
from collections.abc import Iterator

import grpc
import pytest

from tests.unit.query_cli.canned import Canned, serving
from tests.unit.query_cli.running import Ended, run, start
from tests.unit.query_cli.samples import HOSTILE, hostile

COMMANDS = (
    ["stats"],
    ["reasons"],
    ["events"],
    ["by", "domain"],
    ["trace", "X"],
    ["servers"],
    ["unknown"],
)
FORMS: tuple[list[str], ...] = ([], ["--json"], ["--csv"], ["--color", "always"])
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def canned() -> Iterator[Canned]:
    with serving(hostile()) as served:
        yield served


def unsafe(text: str) -> set[str]:
    return {letter for letter in text if not letter.isprintable() and letter != "\n"}


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_output_has_only_printable_characters_and_line_ends(
    canned: Canned, command: list[str], form: list[str]
) -> None:
    ended = run(canned, *command, *form)

    assert ended.code == 0, ended.err
    text = ended.out
    if form == ["--csv"]:
        text = text.replace("\r\n", "\n")
    if "always" in form:
        text = SGR.sub("", text)
    assert unsafe(text) == set()
    assert unsafe(ended.err) == set()


@pytest.mark.parametrize("columns", ["60", "1000"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_terminal_gets_colours_and_nothing_else(
    canned: Canned, command: list[str], columns: str
) -> None:
    ended = on_terminal(canned, *command, COLUMNS=columns, TERM="xterm")

    assert ended.code == 0, ended.err
    assert SGR.search(ended.out)
    assert unsafe(SGR.sub("", ended.out.replace("\r\n", "\n"))) == set()


def on_terminal(canned: Canned, *arguments: str, **environment: str) -> Ended:
    ours, theirs = os.openpty()
    process = start(canned.address, *arguments, stdout=theirs, environment=environment)
    os.close(theirs)
    parts = []
    try:
        while part := os.read(ours, 65536):
            parts.append(part)
    except OSError:
        pass  # EIO: the other side is closed
    os.close(ours)
    _, err = process.communicate(timeout=60)
    return Ended(process.returncode, b"".join(parts).decode(), err.decode())


def test_a_narrow_terminal_gets_a_block_for_each_event(canned: Canned) -> None:
    ended = on_terminal(canned, "events", COLUMNS="60", TERM="xterm", NO_COLOR="1")

    lines = ended.out.replace("\r\n", "\n").splitlines()
    assert sum(line.startswith("Queue ID ") for line in lines) == len(HOSTILE)
    assert "\x1b" not in ended.out


def test_markup_stays_what_it_was(canned: Canned) -> None:
    for command in (["events"], ["reasons"], ["trace", "X"]):
        assert "[red]x[/red] [link=file:///etc/passwd]y[/link] :smile:" in run(canned, *command).out


def test_one_event_is_one_line(canned: Canned) -> None:
    assert len(run(canned, "events").out.splitlines()) == 1 + len(HOSTILE)


def test_json_gives_texts_back_exactly(canned: Canned) -> None:
    records = [json.loads(line) for line in run(canned, "events", "--json").out.splitlines()]

    expected = [text.decode("utf-8", "backslashreplace") for text in HOSTILE]
    assert expected == [one["reply_text"] for one in records]


def test_csv_parses_back_and_no_text_cell_is_a_formula(canned: Canned) -> None:
    for command in (["events"], ["reasons"], ["trace", "X"], ["servers"]):
        out = run(canned, *command, "--csv").out
        rows = list(csv.reader(io.StringIO(out, newline=""), strict=True))

        assert len({len(row) for row in rows}) == 1
        texts = [cell for row in rows for cell in row if not NUMBER.fullmatch(cell)]
        assert not [text for text in texts if text.startswith(tuple("=+-@\t\r"))]
        assert len(rows) >= 1 + len(HOSTILE)
    cells = {
        row["reply_text"] for row in csv.DictReader(io.StringIO(run(canned, "events", "--csv").out))
    }
    assert "'=cmd|'/c calc'!A1" in cells
    assert "'\\t=1" in cells
    assert '"quoted", comma; 你好 été' in cells


def test_the_collectors_own_error_text_is_escaped() -> None:
    refusing = Canned(status=grpc.StatusCode.INTERNAL, details="\x1b[2J\u202e[red]x[/red]\n")
    with serving(refusing):
        ended = run(refusing, "servers")

    assert ended.code == 1
    assert "\\x1b[2J\\u202e[red]x[/red]\\n" in ended.err
    assert unsafe(ended.err) == set()
