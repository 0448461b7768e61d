"""The log of a busy mail host for some hours, written as fast as it can be, and what is in it.

Shape     Three lines a delivery: messages of two recipients; 6 of 100 recipients are refused, 4
          deferred once before they are reached. Senders at 2,000 domains, the first of them the
          busiest. Moments are spread evenly over the hours before now.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

RECIPIENTS = 2
DOMAINS = 2_000
MX = "mx.example.net[192.0.2.25]:25"
AT_ONCE = 2_000


class BusyLog:
    """So many deliveries; ``states`` counts recipients by what became of them."""

    def __init__(self, deliveries: int, hours: float, seed: int = 1) -> None:
        self.deliveries = deliveries
        self.states: Counter[str] = Counter()
        self.lines = 0
        self._random = Random(seed)  # noqa: S311 - repeatable
        self.end = datetime.now(UTC)
        self.begin = self.end - timedelta(hours=hours)
        self._gap = (self.end - self.begin) / (deliveries // RECIPIENTS + 1)

    def write(self, path: Path, after_part: Callable[[int], None]) -> None:
        """Append everything; ``after_part`` is told how many messages are written."""
        messages = self.deliveries // RECIPIENTS
        for first in range(0, messages, AT_ONCE):
            last = min(messages, first + AT_ONCE)
            with path.open("a", encoding="ascii") as file:
                file.write("".join(self._lines(first, last)))
            after_part(last)

    def _lines(self, first: int, last: int) -> Iterator[str]:
        chance = self._random.random
        for number in range(first, last):
            stamp = (self.begin + number * self._gap).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")
            queue_id = f"{0x4000000 + number:X}"
            head = f"{stamp} mx1 postfix/"
            domain = f"domain{int(DOMAINS * chance() ** 3)}.example"
            yield f"{head}smtpd[41]: {queue_id}: client=web[192.0.2.9], sasl_method=PLAIN, "
            yield f"sasl_username=user@{domain}\n"
            yield f"{head}cleanup[42]: {queue_id}: message-id=<{number}@{domain}>\n"
            yield f"{head}qmgr[7]: {queue_id}: from=<user@{domain}>, size=4321, "
            yield f"nrcpt={RECIPIENTS} (queue active)\n"
            lines = 4
            for recipient in range(RECIPIENTS):
                drawn = chance()
                start = f"{head}smtp[43]: {queue_id}: to=<person{int(9_000 * drawn)}@"
                start += f"site{recipient}.example>, relay={MX}, delay=1.2, delays=0.1/0/0.9/0.2, "
                if drawn < 0.06:
                    self.states["bounced"] += 1
                    yield f"{start}dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.25] said:"
                    yield " 550 5.1.1 User unknown (in reply to RCPT TO command))\n"
                else:
                    self.states["delivered"] += 1
                    if drawn < 0.1:
                        lines += 1
                        yield f"{start}dsn=4.7.1, status=deferred (host mx.example.net[192.0.2.25]"
                        yield " said: 451 4.7.1 Greylisted (in reply to RCPT TO command))\n"
                    yield f"{start}dsn=2.0.0, status=sent (250 2.0.0 OK {number} - gsmtp)\n"
                lines += 1
            yield f"{head}qmgr[7]: {queue_id}: removed\n"
            self.lines += lines
