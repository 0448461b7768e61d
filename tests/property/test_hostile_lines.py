"""Strangers' text in log lines forges nothing; `make hostile` reads a hundred thousand of them."""

import pytest

from tests.hostile.cases import failure, make_case

CASES = 3_000


@pytest.mark.parametrize("seed", [1, 2])
def test_hostile_lines_say_what_postfix_said(seed: int) -> None:
    for number in range(CASES):
        case = make_case(seed, number)
        assert failure(case) == "", f"seed {seed}, case {number}: {case.line!a}"
