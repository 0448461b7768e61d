"""Tables in Markdown."""

from collections.abc import Iterable

Cell = int | str
NONE = "\N{EN DASH}"  # the tool gives no such figure


def table(head: Iterable[str], rows: Iterable[Iterable[Cell]], left: int = 1) -> str:
    """Columns of words to the left, the others to the right."""
    names = list(head)
    rule = ["---"] * left + ["--:"] * (len(names) - left)
    return "\n".join(_line(row) for row in [names, rule, *rows])


def _line(cells: Iterable[Cell]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"
