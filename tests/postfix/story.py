"""The mail of the recorded run: who writes to whom, in two halves.

Gives     first_half, second_half: messages in order, the same at every call.
Limits    An everyday mixture plus the cases that mislead parsers; volumes are no one's traffic.
"""

from collections import Counter
from collections.abc import Iterator

from tests.postfix.injection import Message
from tests.postfix.postfix_config import HOSTED

APP = "app@partner-app.test"
ALERTS = "alerts@partner-app.test"
SENDERS = (*(f"{m}@{d}" for d, ms in HOSTED.items() for m in ms), APP, ALERTS)
# The number of kinds shares no factor with the number of senders: each sender meets each kind.
KINDS = (
    "kim@gmail.test",
    "lee@outlook.test max@outlook.test",
    "kim@corp.test ana@gmail.test bo@outlook.test",
    "nouser@gmail.test",
    "ana@gmail.test",
    "grey@corp.test",
    "spf@gmail.test",
    "bo@corp.test unknown@outlook.test",
    "ana@partner-app.test",
    "later@outlook.test",
    "ana@corp.test grey@corp.test nouser@gmail.test",
    "full@outlook.test",
    "bo@gmail.test lee@outlook.test",
    "bo@outlook.test",
    "spam@outlook.test",
    "kim@partner-app.test ana@gmail.test",
    "quota@corp.test kim@corp.test full@outlook.test",
    "eight@corp.test chkuser@outlook.test",
    "mo@gmail.test no@gmail.test po@gmail.test qo@outlook.test",
)
FORGED_ID = "<x>, from=<evil@x>, status=sent (fake)"
FORGED_SUBJECT = "status=sent to=<x@y.test> removed, relay=none, dsn=2.0.0, status=sent (250)"


def everyday(numbers: range) -> Iterator[Message]:
    """Mixed mail: ``range(0, 150)`` and ``range(150, 330)`` continue each other."""
    met: Counter[str] = Counter()
    for number in range(numbers.stop):
        sender = SENDERS[number % len(SENDERS)]
        recipients = []
        for kind in KINDS[number % len(KINDS)].split():
            local_part, _, domain = kind.partition("@")
            met[sender + kind] += 1
            recipients.append(f"{local_part}.{met[sender + kind]}@{domain}")
        if number in numbers:
            yield Message(
                sender,
                tuple(recipients),
                via="sendmail" if number % 4 == 3 else "smtp",
                subject=f"Message {number}",
                message_id=f"<{number}.mail@{sender.rpartition('@')[2]}>" if number % 5 else None,
                size=600 + number * 7919 % 30000,
            )


def first_half() -> Iterator[Message]:
    """Everyday mail, then mail for places that will not take it."""
    yield from everyday(range(150))
    yield Message("orders@shop-one.test", ("late.1@down.test", "late.1@gmail.test"))
    yield Message("orders@shop-one.test", ("late.2@down.test",), via="sendmail")
    yield Message("billing@clinic.test", ("late.1@busy.test", "late.1@refuse.test"))
    yield Message("news@bistro.test", ("drop.1@flaky.test", "full.50@corp.test"))
    yield Message(APP, ("late.3@down.test",))
    yield Message("mia@studio.test", ("who.1@nodns.test", "mia.1@outlook.test"))
    yield Message("office@school.test", ("contact@school.test", "everyone@bistro.test"))
    yield Message("parents@school.test", ("full.60@corp.test", "ok.60@corp.test"))  # removed
    yield Message("parents@school.test", ("full.61@outlook.test",))  # removed before it expires


def second_half() -> Iterator[Message]:
    """Everyday mail, then aliases, notifications, hostile text, and what stays in the queue."""
    yield from everyday(range(150, 330))
    letter = tuple(f"reader.{n}@{d}.test" for n in range(12) for d in ("gmail", "outlook", "corp"))
    yield Message("list@news-letter.test", (*letter, "nouser.70@gmail.test"), size=20000)
    # Local ends: mailboxes, a unix user, an alias that forwards, one whose target is refused.
    yield Message("desk@clinic.test", ("billing@clinic.test", "chef@bistro.test"))
    yield Message("info@shop-one.test", ("anna@mx1.mailtally.test", "far.1@gmail.test"))
    yield Message("chef@bistro.test", ("team@mx1.mailtally.test", "anna@shop-one.test"))
    yield Message(ALERTS, ("team@mx1.mailtally.test",), via="sendmail")
    yield Message("mia@studio.test", ("lost@mx1.mailtally.test",))
    yield Message("anna@mx1.mailtally.test", ("cron.1@corp.test",), via="sendmail")
    yield Message("parents@school.test", ("contact@school.test",))
    yield Message("", ("auto.1@gmail.test", "nouser.71@gmail.test"), subject="Out of office")
    # Text that imitates the log.
    yield Message("anna@shop-one.test", ('"a b"@corp.test',))
    yield Message(
        "anna@shop-one.test",
        ('"x> , relay=none, status=sent (y"@corp.test', '"full. x, y> b"@corp.test'),
    )
    yield Message('"o, status=sent (x> y"@shop-one.test', ("kim.80@gmail.test",))
    for number, tag in enumerate(("liar", "bidi", "longline", "endless", "glad")):
        for sender in ("info@shop-one.test", APP):
            yield Message(sender, (f"{tag}.{number}@corp.test", f"ok.{number}@gmail.test"))
    for number, sender in enumerate(("news@bistro.test", ALERTS)):
        yield Message(
            sender,
            (f"forged.{number}@gmail.test", f"unknown.{number}@corp.test"),
            subject=FORGED_SUBJECT,
            message_id=FORGED_ID,
        )
    # What stays: pending, held, removed, and one expired by hand.
    yield Message("desk@clinic.test", ("full.90@corp.test", "ok.90@corp.test"))  # held
    yield Message("desk@clinic.test", ("full.91@corp.test", "ok.91@corp.test"))  # removed
    yield Message(APP, ("full.92@corp.test", "ok.92@corp.test"))  # force-expired
    yield Message("mia@studio.test", ("stay.1@down.test", "stay.1@gmail.test"))
    yield Message("chef@bistro.test", ("stay.2@down.test",))
    yield Message("news@bistro.test", ("stay.1@busy.test", "stay.1@refuse.test"))
    # Enough failures in a row that qmgr suspends the destination: error(8) logs the rest.
    for number in range(10):
        yield Message(SENDERS[number], (f"burst.{number}@down.test",))
    yield Message("office@school.test", ("drop.2@flaky.test", "who.2@nodns.test"))
