"""Domains of the newest mail, to be offered where one can be typed: a sample, at a bounded cost."""

from collections import Counter

from peewee import Database

from mailtally_collector.store.models import Domain, Message

MESSAGES_LOOKED_AT = 3_000


def recent_domains(database: Database, limit: int) -> list[bytes]:
    """Name those that most of the newest messages are from; for who sees everything."""
    newest = (
        Message.select(Message.sender_domain_id)
        .order_by(Message.arrival_us.desc())
        .limit(MESSAGES_LOOKED_AT)
        .tuples()
    )
    counts = Counter(one for (one,) in newest.execute(database) if one is not None)
    ids = [one for one, _ in counts.most_common(limit)]
    names = Domain.select(Domain.name).where(Domain.id.in_(ids), Domain.name != b"").tuples()
    return sorted(bytes(name) for (name,) in names.execute(database))
