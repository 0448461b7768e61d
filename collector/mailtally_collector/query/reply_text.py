"""Searching in replies: bytes within bytes, ASCII letters in either case.

Stored    Replies are bytes of strangers: neither of one encoding nor free of NUL. Both databases
          compare them as bytes of which only A to Z are folded.
PostgreSQL  has no lower() for bytea, and no text with NUL. Each byte becomes the letter of Latin-1
          with its number, NUL that of 1: a text that is sought holds neither.
"""

from typing import Any

from peewee import SQL, Database, SqliteDatabase, Value, fn


def holds_text(database: Database, column: Any, text: bytes) -> Any:
    """Whether a column of bytes holds the text, which is in small letters without controls."""
    if isinstance(database, SqliteDatabase):
        folded = fn.LOWER(column.cast("TEXT")).cast("BLOB")
        return fn.INSTR(folded, Value(text, converter=False)) > 0
    octal = fn.REPLACE(fn.ENCODE(column, "escape"), "\\\\", "\\134")
    letters = fn.CONVERT_FROM(
        fn.DECODE(fn.REPLACE(octal, "\\000", "\\001"), "escape"), SQL("'LATIN1'")
    )
    return fn.STRPOS(fn.LOWER(letters.collate('"C"')), text.decode("latin-1")) > 0
