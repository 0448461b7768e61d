"""A collector to ask."""

from collections.abc import Iterator

import pytest

from tests.unit.query_cli.canned import Canned, serving
from tests.unit.query_cli.samples import ordinary


@pytest.fixture
def canned() -> Iterator[Canned]:
    """Answer with a little of everything."""
    with serving(ordinary()) as served:
        yield served
