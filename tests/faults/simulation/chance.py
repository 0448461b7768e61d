"""Chance that comes again: everything random follows from a seed and what it is for."""

from random import Random


def chance(*seed: object) -> Random:
    """Return a generator for a purpose."""
    return Random(" ".join(map(str, seed)))  # noqa: S311 - repeatable
