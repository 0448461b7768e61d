"""Lives of messages that lead to others: notices, forwards, filters, answers, requeues."""

from tests.traffic.family import Family
from tests.traffic.log_text import external
from tests.traffic.mail import FILTER, Mail
from tests.traffic.recipients import draw_recipients
from tests.traffic.truth import BOUNCED, FORWARD, MAIL, NOTIFICATION, OUTBOUND, Recipient


def notified(parent: Mail) -> None:
    """Postfix tells the sender, if anything failed; the link is logged after the notice begins."""
    truth, family = parent.truth, parent.family
    failed = truth.open_state == "expired" or any(r.state == BOUNCED for r in truth.recipients)
    if not failed or not truth.sender:
        return
    kind = family.random.choice(("sender", "postmaster"))
    notice = Mail(
        family,
        recipients=[Recipient(truth.sender, "", OUTBOUND)],
        sender="" if kind == "sender" else "double-bounced@example.test",
        traffic_class=NOTIFICATION,
        instance=truth.instance,
    )
    notice.identify()
    early = family.chance(1 / 2)
    if early:
        notice.activate()
    parent.say("bounce", f"{kind} non-delivery notification: {notice.truth.queue_id}")
    truth.links.append(("notification", notice.truth.queue_id))
    _finish(notice, activated=early)


def forwarded(family: Family) -> None:
    """local(8) passes a message on to the addresses of an alias, as a new message."""
    one = Recipient(family.names.address(), "", "alias")
    parent = Mail(family, recipients=[one])
    parent.receive()
    parent.activate()
    child = Mail(
        family,
        recipients=draw_recipients(family),
        sender=parent.truth.sender,
        traffic_class=FORWARD,
        instance=parent.truth.instance,
    )
    child.identify(parent.truth.message_id)
    early = family.chance(1 / 2)
    if early:
        child.activate()
    parent.tried(one, "local", "local", "sent", f"forwarded as {child.truth.queue_id}")
    parent.truth.links.append(("forward", child.truth.queue_id))
    parent.end()
    _finish(child, activated=early)


def filtered(family: Family) -> None:
    """Through a content filter and back; the message goes on under another queue id."""
    one = Recipient(family.names.address(), "", "filter")
    sender, kind = family.random.choice((("", NOTIFICATION), (family.names.address(), MAIL)))
    parent = Mail(family, recipients=[one], sender=sender, traffic_class=kind)
    parent.receive()
    parent.activate()
    child = Mail(
        family,
        recipients=draw_recipients(family),
        sender=sender,
        traffic_class=kind,
        instance=parent.truth.instance,
    )
    origin = "client=localhost[127.0.0.1]"
    if family.chance(1 / 2):
        origin += f", orig_queue_id={parent.truth.queue_id}, orig_client=unknown[192.0.2.9]"
        parent.truth.links.append(("hop", child.truth.queue_id))
    child.receive(origin)
    early = family.chance(1 / 2)
    if early:
        child.activate()
    if family.chance(1 / 2):
        family.write(
            f"amavis[{family.new_pid()}]",
            f"(01234-05) Passed CLEAN {{RelayedOutbound}}, [192.0.2.9] <{external(sender)}> ->"
            f" <{external(one.address)}>, Queue-ID: {parent.truth.queue_id}, mail_id: abcdef,"
            f" Hits: -1.9, size: 7, queued_as: {child.truth.queue_id}, 250 ms",
        )
        parent.truth.scored = True
    reply = f"250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 Ok: queued as {child.truth.queue_id}"
    parent.tried(one, "smtp", FILTER, "sent", reply)
    parent.end()
    _finish(child, activated=early)


def answered(family: Family) -> None:
    """A stranger answers with the queue id of a message of ours: a link, and nothing else."""
    victim = Mail(family, recipients=draw_recipients(family))
    victim.receive()
    mail = Mail(family, recipients=[Recipient(family.names.address(), "", OUTBOUND)])
    mail.receive()
    mail.activate()
    (one,) = mail.truth.recipients
    reply = f"250 forwarded as {victim.truth.queue_id} queued as {victim.truth.queue_id}"
    mail.tried(one, "smtp", f"{family.names.mx()}:25", "sent", reply)
    mail.end()
    _finish(victim, activated=False)


def requeued(family: Family) -> None:
    """``postsuper -r``: what is left goes on under a new queue id."""
    old = Mail(family, recipients=draw_recipients(family))
    old.receive()
    old.activate()
    old.round()
    waiting = old.truth.waiting()
    if not waiting:
        old.end()
        return
    old.end("requeued", "requeued")
    new = Mail(
        family,
        recipients=[Recipient(one.address, one.orig_to, one.route) for one in waiting],
        sender=old.truth.sender,
        instance=old.truth.instance,
    )
    sender = external(new.truth.sender)
    new.say("pickup", f"uid=104 from=<{sender}> orig_id={old.truth.queue_id}")
    old.truth.links.append(("requeue", new.truth.queue_id))
    new.identify(old.truth.message_id)
    new.truth.sasl_username = old.truth.sasl_username
    _finish(new, activated=False)


def _finish(mail: Mail, *, activated: bool) -> None:
    if not activated:
        mail.activate()
    mail.round(patience=0)
    mail.end()
