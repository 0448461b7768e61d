"""A traced message for people: a block that reads from arrival to end."""

from zoneinfo import ZoneInfo

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.terminal import Cell, Screen, decoded
from mailtally_collector.query_cli.terms import endpoint, sender_shown, smtp_code, state_style, term
from mailtally_collector.query_cli.time_range import moment_of, shown
from mailtally_collector.query_cli.trace_words import (
    ORIGIN_WORDS,
    is_first,
    phase_words,
    spam_words,
    submitter,
    tls_words,
)
from mailtally_collector.query_cli.verdict import advice_shown
from mailtally_collector.terms import (
    AttemptOutcome,
    DeliveryState,
    Direction,
    LinkKind,
    MessageChange,
    TrafficClass,
)


def draw(screen: Screen, found: query_pb2.TracedMessage, zone: ZoneInfo) -> None:
    """Write head, recipients with their attempts, and what happened to the whole message."""
    screen.line(Cell(found.queue_id, "bold"), Cell(f" on {found.server} ({found.instance})"))
    if found.HasField("origin"):
        _fact(screen, "Origin", _origin(found.origin))
    _fact(screen, "Arrival", shown(moment_of(found, "arrival", zone)))
    if found.HasField("accepted"):
        _draw_accepted(screen, found)
    else:
        _fact(screen, "Sender", "not seen: the log begins in the middle of this message's life")
    _draw_submitter(screen, found)
    if found.HasField("spam_score"):
        _fact(screen, "Filter", spam_words(found.spam_score))
    for delivery in found.deliveries:
        _draw_delivery(screen, delivery, zone)
    for changed in found.changes:
        moment = shown(moment_of(changed, "time", zone))
        screen.line(Cell(f"  {moment}  message {term(MessageChange, changed.change)}"))


def _fact(screen: Screen, name: str, value: str) -> None:
    screen.line(Cell(f"  {name:<12}"), Cell(value))


def _origin(origin: query_pb2.TracedOrigin) -> str:
    words = ORIGIN_WORDS.get(origin.kind, f"link {term(LinkKind, origin.kind)} from")
    return f"{words} {origin.queue_id} on {origin.server} ({origin.instance})"


def _draw_accepted(screen: Screen, found: query_pb2.TracedMessage) -> None:
    said = found.accepted
    _fact(screen, "Sender", sender_shown(decoded(said.envelope_sender)))
    _fact(screen, "Message-ID", decoded(said.message_id) or "-")
    size = f"{said.size_bytes} bytes" if said.size_bytes else "-"
    recipients = (
        "1 recipient" if said.recipient_count == 1 else f"{said.recipient_count} recipients"
    )
    _fact(screen, "Size", f"{size}, {recipients}")
    _fact(screen, "Class", term(TrafficClass, found.traffic_class or said.traffic_class))


def _draw_submitter(screen: Screen, found: query_pb2.TracedMessage) -> None:
    """Who sent it, as the first message of its chain tells, and who handed this one over."""
    said, own = submitter(found), found.accepted
    if said.client_name or said.client_address:
        login = decoded(said.sasl_username)
        as_user = f", logged in as {login} ({said.sasl_method})" if login else ""
        _fact(screen, "Client", endpoint(said.client_name, said.client_address, 0) + as_user)
    if is_first(found):
        if said.HasField("submit_uid"):
            _fact(screen, "Submitted", f"on this host by user id {said.submit_uid}")
        return
    if said.HasField("submit_uid"):
        _fact(screen, "Submitted", f"by user id {said.submit_uid}")
    _fact(screen, "First", f"{said.queue_id} on {said.server} ({said.instance})")
    if own.client_name or own.client_address:
        _fact(screen, "Handed on", f"by {endpoint(own.client_name, own.client_address, 0)}")


def _draw_delivery(screen: Screen, delivery: query_pb2.TracedDelivery, zone: ZoneInfo) -> None:
    recipient, original = decoded(delivery.recipient), decoded(delivery.original_recipient)
    alias = f" (originally {original})" if original and original != recipient else ""
    if any(tried.attempt.recipient_ambiguous for tried in delivery.attempts):
        alias += " (not quoted in the log, may end elsewhere)"
    count = len(delivery.attempts)
    tries = f"{count} attempt" if count == 1 else f"{count} attempts"
    screen.line(
        Cell(f"  To {recipient}{alias}: "),
        Cell(term(DeliveryState, delivery.state), state_style(delivery.state)),
        Cell(f", {term(Direction, delivery.direction)}, {tries}"),
    )
    for tried in delivery.attempts:
        _draw_attempt(screen, tried, zone)
    if delivery.verdict.title:
        screen.line(Cell(f"    Advice: {advice_shown(delivery.verdict)}"))


def _draw_attempt(screen: Screen, tried: query_pb2.TracedAttempt, zone: ZoneInfo) -> None:
    said = tried.attempt
    # The log's own word says more than a number of a newer contract.
    outcome = (
        said.status if not said.outcome and said.status else term(AttemptOutcome, said.outcome)
    )
    code = smtp_code(said.reply_code, said.enhanced_status) or said.enhanced_status or "-"
    relay = endpoint(decoded(said.relay.host), said.relay.address, said.relay.port)
    moment = shown(moment_of(tried, "time", zone))
    cut = " (cut off in the log)" if said.reply_truncated else ""
    parts = [moment, outcome, code, relay, *filter(None, (phase_words(said), tls_words(said)))]
    screen.line(Cell("    " + "  ".join(parts)))
    screen.line(Cell(f"      {decoded(said.reply_text)}{cut}"))
