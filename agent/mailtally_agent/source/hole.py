"""What a source could not read.

Lines lay before those that it gives next, and are nowhere any more, or cannot be read.
"""

from typing import NamedTuple

from mailtally_agent.terms import GapCause


class Hole(NamedTuple):
    """What it is.

    certain  lines are missing for sure; otherwise some may be
    again    lines behind it may have been given before
    """

    cause: GapCause
    certain: bool
    again: bool = False
