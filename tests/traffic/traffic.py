"""The traffic of a mail host for some hours, drawn from a seed, with the truth about it.

Gives     Traffic: messages with their truth; lines(), the log, with the lines of families that
          have nothing to do with each other in another order for each seed.
Limits    Within a family the order is one that Postfix writes. Lines come in the order of their
          seconds, as one syslog daemon writes them.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from random import Random

from tests.traffic.family import Family, Line
from tests.traffic.lives import LIVES
from tests.traffic.names import Names
from tests.traffic.truth import Truth

BEGIN = int(datetime(2026, 3, 1, 10, tzinfo=UTC).timestamp())
_WITHIN_SECONDS = 20


class Traffic:
    """What one seed draws."""

    def __init__(self, seed: int, families: int) -> None:
        """Draw some families of messages, all of which begin within a few seconds."""
        random = Random(seed)  # noqa: S311 - chance that can be repeated is what is wanted
        names = Names(random)
        self.rfc3339 = bool(seed % 2)
        self.families = []
        for number in range(1, families + 1):
            family = Family(random, names, number, BEGIN + random.randrange(_WITHIN_SECONDS))
            random.choice(LIVES)(family)
            self.families.append(family)

    def truths(self) -> list[Truth]:
        """All messages that were begun."""
        return [truth for family in self.families for truth in family.truths]

    def lines(self, order: int = 0) -> list[str]:
        """The log; families take turns in an order that is drawn from this seed."""
        random = Random(order)  # noqa: S311
        seconds: defaultdict[int, list[deque[Line]]] = defaultdict(list)
        for family in self.families:
            here: dict[int, deque[Line]] = {}
            for line in family.lines:
                if line.second not in here:
                    here[line.second] = deque()
                    seconds[line.second].append(here[line.second])
                here[line.second].append(line)
        return [
            self._render(line)
            for second in sorted(seconds)
            for line in _interleaved(seconds[second], random)
        ]

    def _render(self, line: Line) -> str:
        moment = datetime.fromtimestamp(line.second, UTC)
        traditional = f"{moment:%b} {moment.day:2} {moment:%H:%M:%S}"
        stamp = moment.isoformat() if self.rfc3339 else traditional
        return f"{stamp} mx1 {line.program}: {line.text}"


def _interleaved(queues: Iterable[deque[Line]], random: Random) -> Iterator[Line]:
    waiting = [queue for queue in queues if queue]
    while waiting:
        queue = random.choice(waiting)
        yield queue.popleft()
        if not queue:
            waiting.remove(queue)
