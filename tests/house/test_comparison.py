"""docs/comparison.md says what the tools say: they run again, on the same logs."""

from tests.comparison.document import DOCUMENT, counted, without_measured


def test_comparison_is_what_the_tools_say() -> None:
    assert counted() == without_measured(DOCUMENT.read_text()), "run make comparison"
