"""The ledger sees what is lost, doubled or made up, and excuses what was reported."""

from collections import Counter
from random import Random

import pytest

from tests.faults.ledger.ledger import Attempt, Ledger, Observed, Span
from tests.faults.ledger.lives import NEVER, STATES, Line, Lives, Tried

US = 1_000


def written(lines: int = 400) -> Ledger:
    """A ledger of which everything is on the disk, a line each millisecond."""
    lives = Lives(Random(1))  # noqa: S311 - repeatable
    ledger = Ledger(lives.recipients)
    time_us = 0
    while time_us < lines * US or not lives.is_between:
        time_us += US
        line = lives.next_line(begin=time_us < lines * US)
        ledger.written(ledger.begin(line, time_us))
    return ledger


def seen(ledger: Ledger) -> Observed:
    """What a collector tells that has all of it."""
    attempts: Counter[Attempt] = Counter()
    last: dict[tuple[str, str], str] = {}
    for entry in ledger.entries:
        if (tried := entry.line.tried) is not None:
            attempts[Attempt(tried, entry.time_us)] += 1
            last[tried.queue_id, tried.recipient] = STATES[tried.status]
    return Observed(attempts, Counter(list(ledger.recipients)), Counter(last.values()), [])


@pytest.fixture
def ledger() -> Ledger:
    return written()


def test_nothing_differs_when_all_is_there(ledger: Ledger) -> None:
    assert ledger.attempts() > 100
    assert ledger.differences(seen(ledger)) == []


def test_a_lost_attempt_is_told(ledger: Ledger) -> None:
    observed = seen(ledger)
    gone = next(iter(observed.attempts))
    del observed.attempts[gone]

    assert ledger.differences(observed) == [f"lost: {gone}"]


def test_a_doubled_attempt_is_told(ledger: Ledger) -> None:
    observed = seen(ledger)
    twice = next(iter(observed.attempts))
    observed.attempts[twice] += 1

    assert ledger.differences(observed) == [f"twice: {twice}"]


def test_an_attempt_that_was_never_written_is_told(ledger: Ledger) -> None:
    observed = seen(ledger)
    ghost = Attempt(Tried("BA77001", f"reply@{NEVER}", "sent", "2.0.0"), 7)
    observed.attempts[ghost] += 1

    assert ledger.differences(observed) == [f"ghost: {ghost}"]


def test_messages_and_states_are_compared_too(ledger: Ledger) -> None:
    observed = seen(ledger)
    (first, *_) = ledger.recipients
    observed.messages[first] += 1
    observed.messages["FACADE"] += 1
    observed.states["bounced"] += 1

    wrong = ledger.differences(observed)

    bounced = seen(ledger).states["bounced"]
    assert wrong[:2] == [f"message twice: {first}", "message ghost: FACADE"]
    assert wrong[2:] == [f"bounced: {bounced + 1} instead of {bounced}"]


def test_a_gap_excuses_what_lies_in_it_and_nothing_else(ledger: Ledger) -> None:
    ledger.may_lose = True
    observed = seen(ledger)
    gone = sorted(observed.attempts, key=lambda one: one.time_us)[10:20]
    for one in gone:
        del observed.attempts[one]
    observed.gaps = [Span(gone[0].time_us, gone[-2].time_us, certain=True, cause="")]

    assert ledger.differences(observed) == [f"lost: {gone[-1]}"]


def test_what_was_gone_before_anything_was_read_is_shown_as_not_read(ledger: Ledger) -> None:
    observed = seen(ledger)
    first, second = sorted(observed.attempts, key=lambda one: one.time_us)[:2]
    del observed.attempts[first]
    observed.oldest_us = second.time_us - 1
    assert f"lost: {first}" in ledger.differences(observed)

    ledger.may_lose = True
    assert ledger.differences(observed) == []


@pytest.mark.parametrize("certain", [True, False])
def test_a_gap_where_nothing_was_lost_is_told(ledger: Ledger, *, certain: bool) -> None:
    observed = seen(ledger)
    observed.gaps = [Span(1, 2, certain, "")]
    assert len(ledger.differences(observed)) == 1

    ledger.may_suspect = True
    assert len(ledger.differences(observed)) == certain


def test_lines_that_were_being_written_while_the_log_was_cut_may_be_lost() -> None:
    tried = Tried("A1", "a@example.net", "sent", "2.0.0")
    ledger = Ledger({"A1": ("a@example.net",)})
    entry = ledger.begin(Line("…", "A1", tried=tried), 5)
    with ledger.doubt():
        pass
    ledger.written(entry)
    nothing = Observed(Counter(), Counter(), Counter(), [])

    assert ledger.differences(nothing) == []

    ledger.written(ledger.begin(Line("…", "A1", tried=tried), 6))
    assert ledger.differences(nothing) == [f"lost: {Attempt(tried, 6)}"]


def test_a_line_that_was_not_written_yet_may_be_there_or_not() -> None:
    tried = Tried("A1", "a@example.net", "sent", "2.0.0")
    ledger = Ledger({"A1": ("a@example.net",)})
    ledger.begin(Line("…", "A1", tried=tried), 5)
    attempts = Counter({Attempt(tried, 5): 1})
    there = Observed(attempts, Counter({"A1": 1}), Counter(delivered=1), [])

    assert ledger.differences(Observed(Counter(), Counter(), Counter(), [])) == []
    assert ledger.differences(there) == []


def test_hostile_lines_are_among_the_lives() -> None:
    lives = Lives(Random(1))  # noqa: S311 - repeatable
    text = "\n".join(lives.next_line().text for _ in range(2_000))

    for kind in ("header", "cron", "reply"):
        assert f"to=<{kind}@{NEVER}>" in text
