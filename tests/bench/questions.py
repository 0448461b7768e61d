"""The questions that bench_queries.py asks, with their bars in milliseconds (95 of 100).

Range     The month of the fleet, but for a random part of its first and last hour: edges of ranges
          are read from the rows then, as they mostly are.
Deep      The 50th page of 50 events, or the last one where there are fewer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from peewee import Database

from mailtally_collector.durations import DAY_US, HOUR_US
from mailtally_collector.query.cursor import Cursor, encode
from mailtally_collector.query.event_keys import FAILING, Order, keys_after
from mailtally_collector.query.events import list_events
from mailtally_collector.query.filters import Filter, select
from mailtally_collector.query.reasons import top_reasons
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.summary import summarise
from mailtally_collector.query.trace import Sought, trace
from mailtally_collector.terms import Bucket, DeliveryState, EventOrder
from tests.bench.chosen_names import Names
from tests.bench.fleet_records import BEGIN_US, END_US

PAGE = 50
DEEP = 50
ALL = Scope.everything()
NEWEST = Order(EventOrder.LAST_TRY, ascending=False)
STATES = (DeliveryState.BOUNCED, DeliveryState.EXPIRED, DeliveryState.PENDING)
Asked = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Question:
    """``draw`` prepares one with other names each time; what it returns is what is timed."""

    name: str
    bar_ms: float | None
    draw: Callable[[], Asked]


def questions(database: Database, names: Names, chance: Random) -> Iterator[Question]:
    """List all questions to one database."""
    return _Questions(database, names, chance).all()


class _Questions:
    def __init__(self, database: Database, names: Names, chance: Random) -> None:
        self._database = database
        self._names = names
        self._chance = chance

    def all(self) -> Iterator[Question]:
        month, chance, names = self._month, self._chance, self._names
        whose: dict[str, Callable[[], Filter]] = {
            "a domain": lambda: replace(month(), domain=chance.choice(names.domains)),
            "the largest domain": lambda: replace(month(), domain="domain0.example"),
            "the fleet": month,
        }
        for name, asked in whose.items():
            bar = 100 if name == "the fleet" else 20
            yield Question(f"summary of {name}", bar, self._summary(asked))
            yield Question(f"reasons of {name}", bar, self._reasons(asked))
        filters: dict[str, Callable[[], Filter]] = {
            "no filter": month,
            "a server": lambda: replace(month(), servers=(chance.choice(names.servers),)),
            "a domain": whose["a domain"],
            "the largest domain": whose["the largest domain"],
            "a mailbox": lambda: replace(month(), mailbox=names.mailbox()),
            "the largest mailbox": lambda: replace(month(), mailbox="user0@domain0.example"),
            "a recipient domain": lambda: replace(
                month(), recipient_domain=chance.choice(names.recipient_domains)
            ),
            "the largest recipient domain": lambda: replace(month(), recipient_domain="gmail.com"),
            "a reason": lambda: replace(month(), reasons=(chance.choice(names.reasons),)),
            "a provider": lambda: replace(month(), providers=(chance.choice(names.providers),)),
            "a state": lambda: replace(month(), states=(int(chance.choice(STATES)),)),
            "a past day": self._past_day,
        }
        for name, asked in filters.items():
            yield Question(f"events by {name}, first page", 50, self._first_page(asked))
            yield Question(f"events by {name}, deep page", 50, self._deep_page(asked))
        yield Question("queue id", 10, lambda: self._trace(queue_id=names.message()[0]))
        yield Question("Message-ID", 10, lambda: self._trace(message_id=names.message()[1]))
        yield Question("recipient history", 10, lambda: self._trace(recipient=names.recipient()))
        yield Question(
            "recipient history, at gmail.com",
            10,
            lambda: self._trace(recipient=f"person{chance.randrange(1_000)}@gmail.com"),
        )

    def _month(self) -> Filter:
        start_us = BEGIN_US + self._chance.randrange(HOUR_US)
        return Filter(start_us=start_us, end_us=END_US - self._chance.randrange(HOUR_US))

    def _past_day(self) -> Filter:
        start_us = self._chance.randrange(BEGIN_US, END_US - DAY_US)
        return Filter(start_us=start_us, end_us=start_us + DAY_US)

    def _summary(self, asked: Callable[[], Filter]) -> Callable[[], Asked]:
        def draw() -> Asked:
            selection = select(asked(), END_US)
            return lambda: summarise(self._database, ALL, selection, Bucket.DAY, "Europe/Berlin")

        return draw

    def _reasons(self, asked: Callable[[], Filter]) -> Callable[[], Asked]:
        def draw() -> Asked:
            selection = select(asked(), END_US)
            return lambda: top_reasons(self._database, ALL, selection, 10)

        return draw

    def _first_page(self, asked: Callable[[], Filter]) -> Callable[[], Asked]:
        def draw() -> Asked:
            one = asked()
            return lambda: self._page(one, "")

        return draw

    def _deep_page(self, asked: Callable[[], Filter]) -> Callable[[], Asked]:
        def draw() -> Asked:
            one = asked()
            token = self._token(one)
            return lambda: self._page(one, token)

        return draw

    def _token(self, asked: Filter) -> str:
        """Return the token of the deep page; the 49 before it are not read, only passed."""
        selection = select(asked, END_US).with_default_states(FAILING)
        size = PAGE * (DEEP - 1)
        keys = keys_after(self._database, ALL, selection, NEWEST, last=None, size=size + 1)
        if len(keys) <= PAGE:
            return ""
        last = keys[(len(keys) - 1) // PAGE * PAGE - 1]
        cursor = Cursor(*last, selection.start_us, selection.end_us)
        return encode(cursor, asked, ALL, NEWEST)

    def _page(self, asked: Filter, token: str) -> object:
        return list_events(
            self._database, ALL, asked, NEWEST, token=token, size=PAGE, now_us=END_US
        )

    def _trace(self, queue_id: str = "", message_id: str = "", recipient: str = "") -> Asked:
        sought = Sought(queue_id, message_id, recipient, ())
        return lambda: trace(self._database, ALL, sought, 20)
