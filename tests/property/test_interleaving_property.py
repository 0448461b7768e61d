"""Messages whose lines are mixed in any way give the same records: each keeps to its queue id."""

import re
from collections import defaultdict
from datetime import UTC, datetime
from ipaddress import ip_network
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from mailtally_agent.direction import DirectionRules
from mailtally_agent.log_reader import LogReader
from mailtally_agent.syslog import epoch_us
from tests.corpus.bundled import BUNDLED
from tests.wire import wired

NEWEST_US = epoch_us(datetime(2026, 12, 1, tzinfo=UTC))
ABOUT_MESSAGE = re.compile(r".{15} (\S+ [^\[]+\[\d+\]: ([0-9A-Za-z]{6,}): .*)", re.DOTALL)
GOES_ON = re.compile(r" orig_id=([0-9A-Za-z]+)$")


def messages() -> list[list[str]]:
    """Lines of each message of the bundled log, all at one moment; a requeued one's child's too."""
    by_id: dict[str, list[str]] = defaultdict(list)
    earlier: dict[str, str] = {}
    for line in BUNDLED.log.read_bytes().decode("utf-8", "surrogateescape").split("\n"):
        match = ABOUT_MESSAGE.fullmatch(line)
        if match is None or match[2] == "NOQUEUE":
            continue
        if goes_on := GOES_ON.search(line):
            earlier[match[2]] = goes_on[1]
        name = match[2]
        while name in earlier:
            name = earlier[name]
        by_id[name].append(f"Nov 23 23:30:00 {match[1]}")
    return list(by_id.values())


MESSAGES = messages()


def read(lines: list[str]) -> list[bytes]:
    reader = LogReader(UTC, NEWEST_US, DirectionRules([ip_network("127.0.0.1/32")]))
    return sorted(wired(reader.read(lines)))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), together=st.integers(2, len(MESSAGES)))
def test_any_interleaving_of_queue_ids_gives_the_same_records(seed: int, together: int) -> None:
    rng = Random(seed)  # noqa: S311
    chosen = rng.sample(MESSAGES, together)
    turns = [number for number, lines in enumerate(chosen) for _ in lines]
    rng.shuffle(turns)
    rest = [iter(lines) for lines in chosen]

    mixed = read([next(rest[number]) for number in turns])

    assert mixed == read([line for lines in chosen for line in lines])
    assert len(mixed) > together
