"""How long the statistics page of 30 days takes and how large it is: ``make bench-page``.

What      The whole page, from the request to the last byte of HTML, in one warm process without a
          network: of the fleet, of a domain and of a customer, in turn, with names drawn anew.
Bars      p95 of all of them 200 ms of 10 million deliveries in SQLite, and 100 KB for the largest.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.presence import Presence
from mailtally_collector.query.scope import Scope
from mailtally_collector.store.database import close_reading, open_for_reading
from mailtally_collector.store.sql import Sql
from mailtally_collector.web.app import build_app
from mailtally_collector.web.viewer import Role, Viewer
from tests.bench.bench_data import HalfMadeError, add_arguments, chosen_database, make_data
from tests.bench.fleet_records import DOMAINS, END_US
from tests.web.believing import believe, cookie

MILLISECONDS_MAX, BYTES_MAX = 200, 100_000
WARM_UP = 6
SEED = 5
Asked = tuple[str, dict[str, str], str]
ADMIN = "admin"


def requests() -> Iterator[Asked]:
    """What to ask, without an end: large domains more often than small ones."""
    chance = Random(SEED)  # noqa: S311 - chance that can be repeated
    while True:
        name = f"domain{int(DOMAINS * chance.random() ** 3)}.example"
        yield "fleet", {"range": "30d"}, ADMIN
        yield "domain", {"range": "30d", "domain": name}, ADMIN
        yield "customer", {"range": "30d"}, name


def viewer_named(name: str) -> Viewer:
    """The administrator, or the customer with a domain of that name."""
    if name == ADMIN:
        return Viewer("bench", Role.ADMIN, Scope.everything())
    return Viewer("bench", Role.CUSTOMER, Scope.of([name.encode()]))


async def page(app: Callable[..., Awaitable[None]], asked: Asked) -> tuple[float, float, int]:
    """Seconds, of them of work, and bytes of one page. Raises SystemExit for one that is none."""
    _, params, viewer = asked
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "scheme": "http",
        "query_string": urlencode(params).encode(),
        "headers": [(b"host", b"bench"), cookie(viewer)],
        "client": ("127.0.0.1", 1),
        "server": ("bench", 80),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    started, worked = time.perf_counter(), time.process_time()
    await app(scope, receive, send)
    seconds, work = time.perf_counter() - started, time.process_time() - worked
    if sent[0]["status"] != 200:
        raise SystemExit(f"{params}: status {sent[0]['status']}")
    return seconds, work, sum(len(message.get("body", b"")) for message in sent)


async def measure(app: Callable[..., Awaitable[None]], count: int) -> dict[str, list[Any]]:
    """What ``page`` gives, by kind."""
    found: dict[str, list[Any]] = {}
    drawn = requests()
    for number in range(-WARM_UP, count):
        asked = next(drawn)
        one = await page(app, asked)
        if number >= 0:
            found.setdefault(asked[0], []).append(one)
    return found


def nothing_written(_: Callable[[Sql], Any], /) -> Any:
    """Pages of figures write nothing."""
    raise AssertionError("a page of figures wrote")


def main() -> None:
    """Make the data unless it is there, measure, and fail when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--pages", type=int, default=120, metavar="N")
    options = parser.parse_args()
    with chosen_database(options, options.rows) as location:
        try:
            make_data(location, options.rows)
        except HalfMadeError as error:
            sys.exit(str(error))
        database = open_for_reading(location)
        app = build_app(
            database, Presence(), CurrentRules(None), lambda: END_US, transact=nothing_written
        )
        believe(app, viewer_named)
        found = asyncio.run(measure(app, options.pages))
        close_reading(database)
    everything = [one for some in found.values() for one in some]
    for kind, some in [*found.items(), ("all", everything)]:
        parts = quantiles([one[0] * 1_000 for one in some], n=20, method="inclusive")
        work = quantiles([one[1] * 1_000 for one in some], n=20, method="inclusive")
        largest = max(one[2] for one in some)
        print(
            f"{kind:<9} {len(some):>4} pages  p50 {parts[9]:6.0f} ms  p95 {parts[18]:6.0f} ms"
            f"  (work: {work[9]:4.0f}, {work[18]:4.0f} ms)"
            f"  largest {largest / 1_000:6.1f} kB"
        )
    if parts[18] > MILLISECONDS_MAX or largest > BYTES_MAX:
        sys.exit(f"more than {MILLISECONDS_MAX} ms or {BYTES_MAX / 1_000:.0f} kB")


if __name__ == "__main__":
    main()
