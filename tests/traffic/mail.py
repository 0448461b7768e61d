"""One generated message: what happens to it, and the lines that Postfix writes of that."""

from mailtally_agent.postfix.queue_line import is_queue_id
from tests.traffic.family import Family
from tests.traffic.log_text import active, delivery, external
from tests.traffic.truth import (
    BOUNCED,
    DELIVERED,
    DISCARDED,
    INTERNAL_HOP,
    LOCAL,
    MAIL,
    OUTBOUND,
    Recipient,
    Tried,
    Truth,
)

FILTER = "127.0.0.1[127.0.0.1]:10024"
_STORES = (
    ("local", "local", "delivered to mailbox"),
    ("virtual", "virtual", "delivered to maildir"),
    ("pipe", "spamc", "delivered via spamc service"),
    ("lmtp", "dovecot.test[private/lmtp]", "250 2.0.0 <x@y> abc Saved"),
)

# Postfix's words for an end; of a probe, that an address would be delivered to or not.
_FINAL = {
    "sent": DELIVERED,
    "bounced": BOUNCED,
    "deliverable": DELIVERED,
    "undeliverable": BOUNCED,
    "undeliverable-but-not-cached": BOUNCED,
}


class Mail:
    """A message on its way through one instance."""

    def __init__(
        self,
        family: Family,
        *,
        recipients: list[Recipient],
        sender: str | None = None,
        traffic_class: str = MAIL,
        instance: str = "",
        queue_id: str = "",
    ) -> None:
        """Decide what it is; nothing is written yet."""
        names = family.names
        self.family = family
        self.truth = Truth(
            instance or family.random.choice(family.instances),
            queue_id or names.queue_id(),
            names.address() if sender is None else sender,
            family.random.randrange(300, 10**7),
            traffic_class,
            recipients,
        )
        family.truths.append(self.truth)

    def say(self, daemon: str, text: str, pid: int = 0) -> None:
        """Write a line about it."""
        program = f"{self.truth.instance}/{daemon}[{pid or self.family.new_pid()}]"
        self.family.write(program, f"{self.truth.queue_id}: {text}")

    def receive(self, origin: str = "") -> None:
        """It arrives by SMTP, with a login or without, or is submitted here."""
        if not origin and self.family.chance(1 / 3):
            sender = external(self.truth.sender)
            self.say("pickup", f"uid={self.family.random.randrange(2000)} from=<{sender}>")
        elif not origin and self.family.chance(1 / 2):
            user = self.family.random.choice(("web1", "a, b c@d", "x, status=sent (250 ok)"))
            self.truth.sasl_username = user
            client = f"client=app[192.0.2.9], sasl_method=PLAIN, sasl_username={user}"
            self.say("submission/smtpd", client)
        else:
            self.say("smtpd", origin or "client=unknown[192.0.2.9]")
        self.identify()

    def identify(self, message_id: str = "") -> None:
        """Cleanup finds the Message-ID, and perhaps says something that changes nothing."""
        self.truth.message_id = message_id or self.family.names.message_id()
        self.say("cleanup", f"message-id={self.truth.message_id}")
        if self.family.chance(1 / 8):
            self.say(
                "cleanup",
                "info: header Subject: x status=sent to=<x@y> removed from h[192.0.2.9];"
                " from=<a@b> to=<c@d> proto=ESMTP helo=<h>",
            )

    def activate(self) -> None:
        """The queue manager takes it up, at first or again."""
        truth = self.truth
        truth.accepted = True
        self.say("qmgr", active(external(truth.sender), truth.size, len(truth.recipients)), 7)

    def round(self, *, patience: float = 1 / 2) -> None:
        """Try every recipient that waits; with patience as the odds that one has to go on so."""
        waiting = self.truth.waiting()
        self.family.random.shuffle(waiting)
        for one in waiting:
            self.family.wait(0, 1)
            if one.route == OUTBOUND:
                self._try_outside(one, patience)
            elif one.route == LOCAL:
                daemon, relay, reply = self.family.random.choice(_STORES)
                self.tried(one, daemon, relay, "sent", reply)
            elif one.route == DISCARDED:
                self.tried(one, "discard", "none", "sent", "example.test")
            elif one.route == "unknown here":
                reply = 'User unknown in virtual mailbox table: status=sent (to "x")'
                self.tried(one, "error", "none", "bounced", reply)

    def _try_outside(self, one: Recipient, patience: float) -> None:
        names, relay = self.family.names, self.family.names.mx()
        if self.family.chance(1 / 10):
            self.say("smtp", f"host {relay} said: 451 4.7.1 status=sent (in reply to MAIL FROM)")
        if self.family.chance(patience):
            if self.family.chance(1 / 4):
                self.tried(one, "error", "none", "deferred", f"delivery suspended: {relay}")
            else:
                status = self.family.random.choice(("deferred", "deferred", "SOFTBOUNCE"))
                self.tried(one, "smtp", f"{relay}:25", status, names.temporary(relay))
        elif self.family.chance(1 / 3):
            self.tried(one, "smtp", f"{relay}:25", "bounced", names.permanent(relay))
        else:
            queued = self.family.random.choice(("", f" queued as {names.queue_id()}"))
            self.tried(one, "smtp", f"{relay}:25", "sent", f"250 2.0.0 Ok:{queued}")

    def tried(self, one: Recipient, daemon: str, relay: str, status: str, reply: str) -> None:
        """Write one attempt, and note what it changed."""
        pid, conn_use, trust = 0, 0, ""
        if daemon == "smtp" and relay != "none":
            connection = self.family.connect(self.truth, relay)
            pid, trust = connection.pid, connection.trust
            conn_use = connection.uses if connection.uses > 1 else 0
        dsn = {"s": "2.0.0", "b": "5.1.1", "u": "5.1.1"}.get(status[0], "4.2.0")
        to, orig_to = external(one.address), external(one.orig_to)
        text = delivery(
            to, orig_to, relay=relay, conn_use=conn_use, dsn=dsn, status=status, reply=reply
        )
        self.say(daemon, text, pid)
        one.attempts += 1
        one.direction = _direction(one.route, daemon, relay)
        if daemon == "discard":
            one.state = DISCARDED
        else:
            one.state = _FINAL.get(status, "")
        attempt = Tried(to, orig_to, status, one.direction, reply, conn_use, trust)
        self.truth.attempts.append(attempt)
        child = reply.rpartition("queued as ")[2]
        if "queued as " in reply and is_queue_id(child) and status == "sent":
            self.truth.links.append(("hop", child))

    def end(self, ended: str = "completed", state: str = "unknown") -> None:
        """It leaves the queue; what waited gets that state."""
        daemon = {"completed": "qmgr", "removed": "postsuper", "requeued": "postsuper"}[ended]
        self.say(daemon, "requeued" if ended == "requeued" else "removed", 7)
        self.truth.ended = ended
        if self.truth.open_state != "expired":
            self.truth.open_state = state


def _direction(route: str, daemon: str, relay: str) -> str:
    if relay == FILTER:
        return INTERNAL_HOP
    return LOCAL if route in {LOCAL, "unknown here", "alias"} and daemon != "smtp" else OUTBOUND
