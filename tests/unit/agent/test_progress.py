"""How far a piece of work is: one line on a terminal, a line now and then elsewhere."""

import io

import pytest

from mailtally_agent.progress import Progress


class Terminal(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds, moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_bar_is_written_over_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    terminal, clock = Terminal(), Clock()
    progress = Progress(terminal, clock=clock)
    progress.begin(4_000_000, 1_000_000)
    progress.tell(1_000_000, 0)
    clock.now += 10
    progress.tell(2_000_000, 20_000)
    progress.tell(2_000_001, 20_001)
    progress.say("something happened")
    progress.end()

    clear = "\r\x1b[K"
    bar = "[" + "#" * 16 + "-" * 17 + "]  50%  1.9 MiB of 3.8 MiB  20,000 records  2,000/s"
    assert terminal.getvalue().startswith(f"{clear}{bar}  0:00:20 left{clear}something happened\n")
    assert terminal.getvalue().endswith(clear)
    assert max(map(len, terminal.getvalue().split(clear))) < 100


@pytest.mark.parametrize("columns", ["1", "20", "60"])
def test_bar_fits_into_a_narrow_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    terminal, clock = Terminal(), Clock()
    progress = Progress(terminal, clock=clock)
    progress.begin(4_000_000, 0)
    clock.now += 1
    progress.tell(3_999_999, 20_000)

    assert len(terminal.getvalue().removeprefix("\r\x1b[K")) < int(columns)


def test_lines_elsewhere() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)
    progress.begin(1_000, 0)
    for done in range(100):
        clock.now += 0.25
        progress.tell(done * 10, done)
    progress.end()

    assert stream.getvalue().splitlines() == [
        "39%, 390 B of 1000 B, 39 records, 4/s, 0:00:16 left",
        "79%, 790 B of 1000 B, 79 records, 4/s, 0:00:05 left",
    ]


def test_quiet_keeps_what_has_to_be_said() -> None:
    for stream in (io.StringIO(), Terminal()):
        clock = Clock()
        progress = Progress(stream, quiet=True, clock=clock)
        progress.begin(1_000, 0)
        clock.now += 60
        progress.tell(500, 5)
        progress.say("damaged")
        progress.end()

        assert stream.getvalue() == "damaged\n"


def test_log_that_grew_is_not_more_than_done() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock=clock)
    progress.begin(0, 0)
    clock.now += 10
    progress.tell(10, 5)

    assert stream.getvalue().startswith("0%, 0 B of 0 B")
