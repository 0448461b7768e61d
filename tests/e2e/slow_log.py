"""A log that grows in pieces which end anywhere, and is rotated once on the way."""

import random
import time
from collections.abc import Callable
from pathlib import Path

PIECES = 60


def write_slowly(
    path: Path,
    content: bytes,
    generator: random.Random,
    seconds: float,
    after_piece: Callable[[Path], None] | None = None,
) -> None:
    """Write the content within about so many seconds."""
    cuts = sorted(generator.sample(range(1, len(content)), PIECES))
    turn = generator.randrange(PIECES)
    start = 0
    for number, end in enumerate([*cuts, len(content)]):
        with path.open("ab") as file:
            file.write(content[start:end])
        if after_piece:
            after_piece(path)
        if number == turn:
            line_end = content.index(b"\n", end - 1) + 1
            with path.open("ab") as file:
                file.write(content[end:line_end])
            path.rename(path.with_name(f"{path.name}.1"))
            end = max(end, line_end)  # noqa: PLW2901 - the rest of the line is in the old file
        start = max(start, end)
        time.sleep(seconds / PIECES)
