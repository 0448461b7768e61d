r"""Text for people: escaping of what strangers wrote, aligned tables, colours.

Every string that reaches a terminal through this module is escaped here, so that a caller cannot
forget it: a log line may hold terminal commands, text that runs backwards, line breaks and bytes
that are no UTF-8.

Limits    A backslash is left alone, so that ``\x1b`` may be the escape of one character or four
          characters of the log. JSON tells them apart, but for bytes that are no UTF-8.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from mailtally_collector.query_cli.choices import ColorOption, Form

GAP = "  "
# What the last column of a table needs at least on a terminal; it may run on into the next lines.
LAST_COLUMN_MIN = 40


class _Stream(Console):
    """A console that reports a reader that left, instead of ending the program."""

    def on_broken_pipe(self) -> None:
        """Called by rich while it handles BrokenPipeError; raises it anew."""
        raise BrokenPipeError


@dataclass(frozen=True, slots=True)
class Column:
    """Head of a table column; numbers stand on the right."""

    title: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of a table as it came (it is escaped when it is shown), and its rich style."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with one cell for each column."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Screen:
    """Where text goes. ``width`` is the terminal's in cells, None when stdout is none."""

    out: Console
    err: Console
    width: int | None
    quiet: bool

    def line(self, *cells: Cell) -> None:
        """Write the cells side by side as one line; a long one is left to the terminal to wrap."""
        text = Text()
        for cell in cells:
            text.append(visible(cell.text), cell.style)
        self.out.print(text, soft_wrap=True)

    def note(self, sentence: str) -> None:
        """Write a remark beside the answer, on stderr; nothing with --quiet."""
        if not self.quiet:
            self.err.print(Text(visible(sentence)), soft_wrap=True)

    def remark(self, sentence: str, form: Form | None) -> None:
        """Write what an answer must not be read without, if anything: beneath its text.

        Beside CSV and lines of JSON (None) it is a note; JSON documents say it themselves.
        """
        if sentence and form is Form.TEXT:
            self.line(Cell(sentence, "yellow"))
        elif sentence and form is not Form.JSON:
            self.note(sentence)

    def table(self, table: Table) -> None:
        """Write a table, or a block for each row on a terminal that is too narrow for it."""
        rows = [[Cell(visible(cell.text), cell.style) for cell in row] for row in table.rows]
        widths = [
            max(cell_len(text) for text in (column.title, *(row[at].text for row in rows)))
            for at, column in enumerate(table.columns)
        ]
        needed = sum(widths[:-1]) + len(GAP) * (len(widths) - 1) + min(widths[-1], LAST_COLUMN_MIN)
        if self.width is not None and needed > self.width:
            self._blocks(table.columns, rows)
        else:
            self._rows(table.columns, rows, widths)

    def _rows(
        self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], widths: Sequence[int]
    ) -> None:
        head = [Cell(column.title, "bold") for column in columns]
        for row in (head, *rows):
            text = Text()
            for at, (column, cell) in enumerate(zip(columns, row, strict=True)):
                padding = " " * (widths[at] - cell_len(cell.text))
                is_last = at == len(columns) - 1
                text.append(padding if column.right else "")
                text.append(cell.text, cell.style)
                text.append("" if column.right or is_last else padding)
                text.append("" if is_last else GAP)
            text.rstrip()
            self.out.print(text, soft_wrap=True)

    def _blocks(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        width = max(cell_len(column.title) for column in columns)
        for number, row in enumerate(rows):
            if number:
                self.out.print()
            for column, cell in zip(columns, row, strict=True):
                text = Text(column.title.ljust(width) + GAP, "bold")
                text.append(cell.text, cell.style or "not bold")
                self.out.print(text, soft_wrap=True)


def decoded(text: bytes) -> str:
    r"""Log bytes as text; what is no UTF-8 becomes ``\xNN``.

    >>> decoded(b"\xc3\xa9t\xc3\xa9 \xff")
    'été \\xff'
    """
    return text.decode("utf-8", "backslashreplace")


def visible(text: str) -> str:
    r"""Replace everything that is not printable by its escape: controls, bidi marks, line ends.

    >>> visible("a\x1b[2J\u202eb\n")
    'a\\x1b[2J\\u202eb\\n'
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def open_screen(color: ColorOption, *, quiet: bool) -> Screen:
    """Look at stdout, stderr and the environment (NO_COLOR, TERM). --color always wins."""
    is_terminal = sys.stdout.isatty()
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    colored = color is ColorOption.ALWAYS or (color is ColorOption.AUTO and is_terminal and wanted)
    out = _Stream(
        file=sys.stdout,
        force_terminal=colored,
        color_system="standard" if colored else None,
        no_color=not colored,
        highlight=False,
        markup=False,
        emoji=False,
    )
    err = _Stream(
        file=sys.stderr, force_terminal=False, no_color=True, highlight=False, markup=False
    )
    return Screen(out, err, out.width if is_terminal else None, quiet)
