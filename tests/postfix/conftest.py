"""Fixtures for tests beside a real Postfix.

Gives     world, the scripted far side; private_postfix, running; lab, both with their ledger.
Limits    One Postfix per test. PostfixUnavailable fails the test: this lab does not skip.
"""

from collections.abc import Iterator

import pytest

from tests.postfix.lab import Lab
from tests.postfix.postfix_config import Settings
from tests.postfix.private_postfix import PrivatePostfix
from tests.postfix.world import World, running_world


@pytest.fixture
def world() -> Iterator[World]:
    """Listen on 127.0.2.0/24 for one test."""
    with running_world() as running:
        yield running


@pytest.fixture
def private_postfix(world: World) -> Iterator[PrivatePostfix]:
    """Run a Postfix that routes the world's domains to ``world``."""
    with PrivatePostfix(Settings(world.hosts(), world.transport())) as running:
        yield running


@pytest.fixture
def lab(private_postfix: PrivatePostfix, world: World) -> Lab:
    """Offer ``log``, ``send``, ``flush``, ``settle``, ``ledger()["expected"]``."""
    return Lab(private_postfix, world)
