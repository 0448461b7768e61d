"""The lives that messages lead, drawn at random; each writes a family's lines and its truth."""

from collections.abc import Callable

from tests.traffic.family import Family
from tests.traffic.linked_lives import (
    answered,
    filtered,
    forwarded,
    notified,
    requeued,
)
from tests.traffic.log_text import external
from tests.traffic.mail import Mail
from tests.traffic.recipients import draw_recipients
from tests.traffic.truth import PROBE, Recipient

Life = Callable[[Family], None]
_REFUSALS = (
    "milter-reject: END-OF-MESSAGE from x[192.0.2.9]: 5.7.1 no; from=<a@b> to=<c@d> proto=ESMTP",
    "reject: header Subject: to=<a@b>, status=sent from x[192.0.2.9]; from=<a@b>: 5.7.1 no",
    "discard: body removed from x[192.0.2.9]; from=<a@b> to=<c@d> proto=ESMTP helo=<x>: why",
    "milter-discard: END-OF-MESSAGE from x[192.0.2.9]: milter triggers DISCARD action",
    "removed (canceled)",
)
_RETRIES_MAX = 4


def delivered(family: Family) -> None:
    """Accepted, tried until nothing waits, done; or the log ends before."""
    mail = Mail(family, recipients=draw_recipients(family))
    mail.receive()
    if family.chance(1 / 6):
        _hold(mail)
        return
    _try_on(mail)
    if not mail.truth.waiting():
        if family.chance(7 / 8):
            notified(mail)
            mail.end()
    elif family.chance(1 / 2):
        _give_up(mail)


def _try_on(mail: Mail) -> None:
    for _ in range(mail.family.random.randint(1, _RETRIES_MAX)):
        mail.activate()
        mail.round()
        if not mail.truth.waiting():
            return
        mail.family.wait(300, 4_000)


def _give_up(mail: Mail) -> None:
    """Expired, removed by an administrator, or held and left so."""
    fate = mail.family.random.choice(("expired", "force-expired", "removed", "held"))
    if fate == "removed":
        mail.end("removed", "removed")
    elif fate == "held":
        mail.say("postsuper", "placed on hold")
        mail.truth.open_state = "held"
    else:
        mail.say(
            "qmgr", f"from=<{external(mail.truth.sender)}>, status={fate}, returned to sender", 7
        )
        mail.truth.open_state = "expired"
        notified(mail)
        mail.end()


def _hold(mail: Mail) -> None:
    """Held by cleanup before the queue manager saw it; released, removed or forgotten."""
    mail.say("cleanup", "hold: header Subject: to=<x@y> from x[192.0.2.9]; from=<a@b>: why")
    mail.truth.open_state = "held"
    if mail.family.chance(1 / 2):
        mail.family.wait(10, 10_000)
        mail.say("postsuper", "released from hold")
        mail.truth.open_state = "pending"
        mail.activate()
        mail.round(patience=0)
        mail.end()
    elif mail.family.chance(1 / 2):
        mail.end("removed", "removed")


def refused(family: Family) -> None:
    """Never in the queue; its queue id is used again at once."""
    mail = Mail(family, recipients=draw_recipients(family))
    mail.receive()
    mail.say("cleanup", family.random.choice(_REFUSALS))
    family.truths.remove(mail.truth)
    again = Mail(
        family,
        recipients=draw_recipients(family),
        instance=mail.truth.instance,
        queue_id=mail.truth.queue_id,
    )
    again.receive()
    _finish(again)


def abandoned(family: Family) -> None:
    """The client goes away before its data came: no end is logged, the queue id comes again."""
    mail = Mail(family, recipients=draw_recipients(family))
    mail.say("smtpd", "client=unknown[192.0.2.9]")
    family.truths.remove(mail.truth)
    again = Mail(
        family,
        recipients=draw_recipients(family),
        instance=mail.truth.instance,
        queue_id=mail.truth.queue_id,
    )
    again.receive()
    _finish(again)


def reused(family: Family) -> None:
    """The same queue id for one message after the other, within seconds."""
    first = Mail(family, recipients=draw_recipients(family))
    instance, queue_id = first.truth.instance, first.truth.queue_id
    first.receive()
    _finish(first)
    for _ in range(family.random.randint(1, 3)):
        again = Mail(
            family, recipients=draw_recipients(family), instance=instance, queue_id=queue_id
        )
        again.receive()
        _finish(again)


def twins(family: Family) -> None:
    """Messages of one queue id in two instances at the same time."""
    queue_id = family.names.queue_id()
    mails = [
        Mail(family, recipients=draw_recipients(family), instance=instance, queue_id=queue_id)
        for instance in family.instances
    ]
    for step in (Mail.receive, Mail.activate, _deliver, Mail.end):
        family.random.shuffle(mails)
        for mail in mails:
            step(mail)


def batch(family: Family) -> None:
    """Some messages at the same time, over the same connections."""
    mails = [Mail(family, recipients=draw_recipients(family)) for _ in range(4)]
    for step in (Mail.receive, Mail.activate, _deliver, Mail.end):
        family.random.shuffle(mails)
        for mail in mails:
            step(mail)


def probed(family: Family) -> None:
    """The address verifier asks whether an address could be delivered to; so may sendmail -bv."""
    sender = family.random.choice(("double-bounce@mx1.test", family.names.address()))
    one = Recipient(family.names.address(), "", "probe")
    mail = Mail(family, recipients=[one], sender=sender, traffic_class=PROBE)
    mail.identify()
    mail.activate()
    relay = family.names.mx()
    outcome = family.random.choice(("deliverable", "undeliverable", "undeliverable-but-not-cached"))
    mail.tried(one, "smtp", f"{relay}:25", outcome, f"host {relay} said: 550 5.1.1 status=sent (")
    mail.end()


def _deliver(mail: Mail) -> None:
    mail.round(patience=0)


def _finish(mail: Mail) -> None:
    mail.activate()
    mail.round(patience=0)
    mail.end()


LIVES: tuple[Life, ...] = (
    delivered,
    delivered,
    delivered,
    refused,
    abandoned,
    reused,
    twins,
    batch,
    probed,
    forwarded,
    filtered,
    answered,
    requeued,
)
