"""Refuses rules whose pattern takes too long on hostile text: strangers write the replies.

Method    Each pattern searches each of its ``hostile_texts``, 64 KiB long, cut as every reply is
          (``reply.MATCHED_MAX``). Ten milliseconds of processor time are the limit, in the best of
          three tries. A process of its own does it, for a search in ``re`` cannot be ended from
          outside in the same one.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mailtally_collector.classify.hostile_text import hostile_texts
from mailtally_collector.classify.reply import read_reply
from mailtally_collector.classify.rule import Rule, compile_pattern
from mailtally_collector.classify.toml_entries import RuleError

LIMIT_SECONDS = 0.010
TRIES = 3
GIVE_UP_SECONDS = 0.2
PROCESS_SECONDS = 60


class _TooLongError(Exception):
    """The alarm rang."""


def refuse_runaways(rules: Sequence[Rule]) -> None:
    """Raises RuleError naming each rule whose pattern can run away."""
    patterns = {rule.place: rule.pattern for rule in rules if rule.pattern}
    if not patterns:
        return
    try:
        done = subprocess.run(  # noqa: S603 - this module
            [sys.executable, "-m", __name__],
            input=json.dumps(patterns),
            capture_output=True,
            text=True,
            check=True,
            timeout=PROCESS_SECONDS,
        )
        slow: dict[str, str] = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        raise RuleError([f"{next(iter(patterns))}: pattern: could not be tried: {error}"]) from None
    if slow:
        raise RuleError(
            [
                f"{rule.place}: {rule.id}: pattern: {slow[rule.place]}"
                for rule in rules
                if rule.place in slow
            ]
        )


def slowness(pattern: str, limit_seconds: float = LIMIT_SECONDS) -> str:
    """Say on what the pattern takes longer than the limit; empty when it does not."""
    regex = compile_pattern(pattern)
    for hostile in hostile_texts(pattern):
        text = read_reply(hostile).text
        seconds = min(_seconds(regex.search, text) for _ in range(TRIES))
        if seconds > limit_seconds:
            return (
                f"can run away: it takes {'over ' if seconds >= GIVE_UP_SECONDS else ''}"
                f"{seconds * 1000:.0f} ms (limit {limit_seconds * 1000:.0f} ms) on a text such as"
                f" {hostile[:40]!r}...; bound its repetitions, such as .{{0,40}} instead of .*"
            )
    return ""


def _seconds(search: object, text: str) -> float:
    started = time.process_time()
    try:
        with _alarm():
            search(text)  # type: ignore[operator]
    except _TooLongError:
        return GIVE_UP_SECONDS
    return time.process_time() - started


@contextmanager
def _alarm() -> Iterator[None]:
    """Raise _TooLongError here after a while; ``re`` lets signals in while it searches."""

    def ring(_number: int, _frame: object) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, GIVE_UP_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def main() -> None:
    """Read patterns by name from standard input, and name the slow ones on standard output."""
    patterns: dict[str, str] = json.load(sys.stdin)
    found = {name: slowness(pattern) for name, pattern in patterns.items()}
    json.dump({name: why for name, why in found.items() if why}, sys.stdout)


if __name__ == "__main__":
    main()
