r"""Answers for programs: JSON and CSV.

Gives     JSON in which every text is exact, and whose bytes are safe to look at: what is not
          printable is written as JSON's own ``\uNNNN``. CSV (RFC 4180) in which text is escaped as
          on the terminal, and cannot be taken for a formula by a spreadsheet.
"""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from mailtally_collector.query_cli.terminal import visible

Value = str | int | float | bool | None
Record = Mapping[str, Value]

# Spreadsheets take a cell that begins so for a formula; the wide forms are the same to some.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")  # noqa: RUF001


def json_text(value: object, *, indent: int | None = None) -> str:
    r"""Serialise; line ends only between values, everything else printable.

    >>> json_text("a\x1b\u202e\u00e9")
    '"a\\u001b\\u202eé"'
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "".join(
        letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1]
        for letter in text
    )


def write_document(value: object) -> None:
    """Write one JSON document to stdout."""
    sys.stdout.write(json_text(value, indent=2) + "\n")


def write_json_lines(records: Iterable[Record], out: TextIO | None = None) -> None:
    """Write one JSON object a line (NDJSON), to stdout if not told where, each as it comes."""
    out = out or sys.stdout
    for record in records:
        out.write(json_text(dict(record)) + "\n")


def write_csv(names: Sequence[str], records: Iterable[Record], out: TextIO | None = None) -> None:
    """Write a header and the records, to stdout if not told where; None is an empty cell."""
    rows = csv.writer(out or sys.stdout)
    rows.writerow(names)
    for record in records:
        rows.writerow([csv_cell(record[name]) for name in names])


def csv_cell(value: Value) -> str:
    """One cell: numbers as they are, text escaped and guarded against formulas.

    >>> csv_cell("=1+1"), csv_cell(-1), csv_cell(None), csv_cell(True)
    ("'=1+1", '-1', '', 'true')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return ("'" if value.startswith(FORMULA_STARTS) else "") + visible(value)
