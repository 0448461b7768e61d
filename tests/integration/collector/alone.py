"""Invented mail of all in one database, and of each set of domains in one that has no other."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import combinations

from tests.integration.collector.conftest import NewLocation
from tests.integration.collector.mixed_mail import DOMAINS, mixed_mail
from tests.integration.collector.tables import Tables

Seen = tuple[str, ...]
ALL = ("*",)
SCOPES = [seen for size in range(4) for seen in combinations((*DOMAINS, "no.example"), size)]


@contextmanager
def databases_of(new_location: NewLocation) -> Iterator[dict[Seen, Tables]]:
    """All mail under ALL; under each scope, a database that never held any other mail."""
    with ExitStack() as stack:
        opened = {}
        for seen in [ALL, *SCOPES]:
            location = stack.enter_context(new_location())
            tables = stack.enter_context(closing(Tables(location)))
            for sent in mixed_mail(seed=8, count=60):
                if seen == ALL or sent.domain in seen:
                    tables.store(sent.records, sent.server)
            opened[seen] = tables
        yield opened
