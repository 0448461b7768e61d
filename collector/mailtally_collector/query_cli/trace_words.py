"""What a trace says of a message beside states and replies, in words.

Limits    What the collector leaves unset (an older one knows no chains) is taken from the message
          itself, or left out.
"""

from mailtally.v1 import query_pb2, record_pb2
from mailtally_collector.terms import LinkKind

ORIGIN_WORDS: dict[int, str] = {
    LinkKind.NOTIFICATION: "notification about",
    LinkKind.FORWARD: "forwarded from",
    LinkKind.HOP: "hop from",
    LinkKind.REQUEUE: "requeued from",
}


def submitter(found: query_pb2.TracedMessage) -> query_pb2.Submitter:
    """Who handed in the first message of the chain."""
    if found.HasField("submitter"):
        return found.submitter
    own = found.accepted
    return query_pb2.Submitter(
        server=found.server,
        instance=found.instance,
        queue_id=found.queue_id,
        client_name=own.client_name,
        client_address=own.client_address,
        sasl_method=own.sasl_method,
        sasl_username=own.sasl_username,
        submit_uid=own.submit_uid if own.HasField("submit_uid") else None,
    )


def is_first(found: query_pb2.TracedMessage) -> bool:
    """Whether the message is the first of its chain."""
    said = submitter(found)
    place = (found.server, found.instance, found.queue_id)
    return place == (said.server, said.instance, said.queue_id)


def spam_words(told: record_pb2.SpamScore) -> str:
    """What a spam filter told.

    >>> spam_words(record_pb2.SpamScore(scanner="amavis", score=3.2, required=6.2))
    'spam score 3.2 of 6.2 (amavis)'
    >>> spam_words(record_pb2.SpamScore(scanner="amavis", verdict="CLEAN"))
    'no spam score (amavis): CLEAN'
    """
    score = f"spam score {told.score:g}" if told.HasField("score") else "no spam score"
    of = f" of {told.required:g}" if told.HasField("required") else ""
    verdict = f": {told.verdict}" if told.verdict else ""
    return f"{score}{of} ({told.scanner}){verdict}"


def phase_words(said: record_pb2.Attempt) -> str:
    """The SMTP command that was answered; empty when the log names none."""
    return f"after {said.reply_phase}" if said.reply_phase else ""


def tls_words(said: record_pb2.Attempt) -> str:
    """Transport security of an attempt; empty when the log tells nothing of it.

    >>> session = record_pb2.TlsSession(trust="Trusted", protocol="TLSv1.3")
    >>> tls_words(record_pb2.Attempt(tls=session, tls_policy="dane"))
    'TLSv1.3, Trusted, policy dane'
    """
    policy = f"policy {said.tls_policy}" if said.tls_policy else ""
    return ", ".join(filter(None, (said.tls.protocol, said.tls.trust, policy)))
