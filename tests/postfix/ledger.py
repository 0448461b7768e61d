"""The truth about a run, without its log: what was injected, and what became of each recipient.

Mirrors   seed definitions Q1, Q2, Q7: the unit is the recipient; sent is the sum of all states.
Gives     Destination, where an address leads; Entry, one recipient's end; expected figures.
Limits    Each (envelope sender, final recipient) occurs once in a run: that pair is the key under
          which injection, far side and queue are matched. The notifications that Postfix makes
          itself are no messages here.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from tests.postfix.injection import Injected
from tests.postfix.postfix_config import HOST_NAME, HOSTED, LOCAL_ALIASES, VIRTUAL_ALIASES
from tests.postfix.scripted_server import Answer
from tests.postfix.world import Place, place_of

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Destination:
    """Final recipient and its class.

    outbound        leaves through smtp, non-null sender
    null-sender     the same for a message injected with the null sender
    local           ends in a mailbox of this host
    forward-parent  handed to a local alias that sends it on
    forward         leaves through smtp as the alias's new message
    """

    recipient: str
    delivery_class: str
    orig_to: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One recipient's end. ``reply`` is the far side's last; attempts None where it cannot know."""

    destination: Destination
    state: str
    reply_code: int | None
    reply: str | None
    attempts: int | None

    def as_json(self) -> dict[str, object]:
        """Return the shape of a recipient in ledger.json."""
        values = asdict(self)
        place = values.pop("destination")
        return values | {
            "recipient": place["recipient"],
            "class": place["delivery_class"],
            "orig_to": place["orig_to"],
        }


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What the queue showed: where each pair still waits, and which left without an answer."""

    waiting: dict[Pair, str]
    expired: frozenset[Pair]
    removed: frozenset[Pair]


def destinations(envelope_sender: str, recipients: Iterable[str]) -> list[Destination]:
    """Follow virtual and local aliases as the configuration does."""
    found = []
    for recipient in recipients:
        local_part, _, domain = recipient.rpartition("@")
        if recipient in VIRTUAL_ALIASES:
            found += [
                Destination(target.recipient, target.delivery_class, orig_to=recipient)
                for target in destinations(envelope_sender, VIRTUAL_ALIASES[recipient])
            ]
        elif domain == HOST_NAME and local_part in LOCAL_ALIASES:
            found.append(Destination(recipient, "forward-parent"))
            found += [Destination(to, "forward", recipient) for to in LOCAL_ALIASES[local_part]]
        elif domain == HOST_NAME or domain in HOSTED:
            found.append(Destination(recipient, "local"))
        else:
            found.append(Destination(recipient, "outbound" if envelope_sender else "null-sender"))
    return found


def entry(pair: Pair, to: Destination, answers: list[Answer], aftermath: Aftermath) -> Entry:
    """Decide one recipient's end; LookupError when nothing testifies to any."""
    place = place_of(to.recipient)
    if place is None:
        return Entry(to, "delivered", None, None, None)
    last = next((a for a in answers if a.accepted), answers[-1] if answers else None)
    return Entry(
        to,
        state=state(pair, place, last, aftermath),
        reply_code=last.reply_code if last else None,
        reply=last.reply if last else None,
        attempts=len(answers) if place.counts_tries else None,
    )


def state(pair: Pair, place: Place, last: Answer | None, aftermath: Aftermath) -> str:
    """Name the state: the far side's final word first, then what was done to the queue."""
    if last is not None and last.accepted:
        return "delivered"
    if last is not None and last.reply_code is not None and last.reply_code >= 500:
        return "bounced"
    if pair in aftermath.removed:
        return "removed"
    if pair in aftermath.waiting:
        return "held" if aftermath.waiting[pair] == "hold" else "pending"
    if pair in aftermath.expired:
        return "expired"
    if place.address is None:
        return "bounced"
    raise LookupError(f"nothing tells what became of {pair}")


def expected(
    outcomes: list[tuple[Injected, list[Entry]]], answers: list[Answer]
) -> dict[str, object]:
    """Count as the product must."""
    by_state: Counter[str] = Counter()
    by_code: Counter[str] = Counter()
    other: dict[str, Counter[str]] = {}
    by_domain: dict[str, Counter[str]] = {}
    by_mailbox: dict[str, Counter[str]] = {}
    outbound_pairs = set()
    messages = 0
    for injected, entries in outcomes:
        sender = injected.message.envelope_sender
        outbound = [e for e in entries if e.destination.delivery_class == "outbound"]
        messages += bool(outbound)
        for one in entries:
            other.setdefault(one.destination.delivery_class, Counter())[one.state] += 1
        for one in outbound:
            outbound_pairs.add((sender, one.destination.recipient))
            by_state[one.state] += 1
            by_domain.setdefault(sender.rpartition("@")[2], Counter())[one.state] += 1
            by_mailbox.setdefault(sender, Counter())[one.state] += 1
            if one.state == "bounced":
                by_code[str(one.reply_code or "none")] += 1
    other.pop("outbound", None)
    asked = [a for a in answers if (a.envelope_sender, a.recipient) in outbound_pairs]
    return {
        "outbound": {
            "messages": messages,
            "recipients": by_state.total(),
            "by_state": by_state,
            "by_sender_domain": by_domain,
            "by_mailbox": by_mailbox,
            "bounced_by_reply_code": by_code,
        },
        "attempts_by_far_side": Counter(
            "dropped" if a.reply_code is None else f"{a.reply_code // 100}xx" for a in asked
        ),
        "not_outbound": other,
        "null_sender_accepted_by_far_side": sum(
            a.accepted and a.envelope_sender == "" for a in answers
        ),
    } | ({"forward": other["forward"]} if "forward" in other else {})
