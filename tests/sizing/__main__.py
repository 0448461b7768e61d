"""``make sizing``: write the table into docs/decisions/0017."""

from tests.sizing.model import BEGIN, DOCUMENT, END, table

before, _, rest = DOCUMENT.read_text().partition(BEGIN)
DOCUMENT.write_text(before + BEGIN + table() + END + rest.partition(END)[2])
