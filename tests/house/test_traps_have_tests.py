"""Every known trap of reading Postfix logs has a test that carries its number."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "unit" / "agent"
TRAPS = 25


def test_each_trap_has_a_test() -> None:
    source = "\n".join(path.read_text() for path in TESTS.glob("test_*.py"))
    numbers = {int(number) for number in re.findall(r"\ndef test_(\d\d)_", source)}

    assert numbers == set(range(1, TRAPS + 1))
