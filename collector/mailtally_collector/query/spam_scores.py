"""What spam filters thought of messages; most messages were seen by none.

Chains    A filter behind the queue scores what it is given and hands in another message, which is
          the one that leaves: ``chain_scores`` takes its score from what it continues.
"""

from collections.abc import Collection

from peewee import Database

from mailtally_collector.records import SpamScore
from mailtally_collector.store.models import Message, MessageScore
from mailtally_collector.terms import LinkKind

# Filter and smarthost: more steps lead to no other score.
STEPS_MAX = 3
CONTINUED = (int(LinkKind.HOP), int(LinkKind.REQUEUE))


def spam_scores(database: Database, message_ids: Collection[int]) -> dict[int, SpamScore]:
    """Read them by message; the log says nothing of those left out."""
    query = (
        MessageScore.select(
            MessageScore.message_id,
            MessageScore.scanner,
            MessageScore.score,
            MessageScore.required,
            MessageScore.verdict,
        )
        .where(MessageScore.message_id.in_(message_ids))
        .tuples()
    )
    return {message_id: SpamScore(*told) for message_id, *told in query.execute(database)}


def chain_scores(database: Database, message_ids: Collection[int]) -> dict[int, SpamScore]:
    """Read them by message, each its own or that of the nearest one that it continues."""
    found = spam_scores(database, message_ids)
    at = {one: one for one in message_ids if one not in found}
    for _ in range(STEPS_MAX):
        if not at:
            break
        query = Message.select(Message.id, Message.origin_id).where(
            Message.id.in_(set(at.values())), Message.origin_kind.in_(CONTINUED)
        )
        parents = dict(query.tuples().execute(database))
        at = {one: parents[place] for one, place in at.items() if parents.get(place)}
        scores = spam_scores(database, set(at.values()))
        found |= {one: scores[place] for one, place in at.items() if place in scores}
        at = {one: place for one, place in at.items() if place not in scores}
    return found
