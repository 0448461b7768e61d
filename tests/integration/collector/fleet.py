"""Invented traffic of two servers: mail leaves mx1 through the smarthost relay, or by itself."""

from mailtally.v1 import record_pb2 as pb
from tests.integration.collector.reports import (
    accepted,
    attempt,
    changed,
    handed_on,
    link,
    ref,
    scored,
)

SENT, DEFERRED = pb.ATTEMPT_OUTCOME_SENT, pb.ATTEMPT_OUTCOME_DEFERRED
DONE = pb.MESSAGE_CHANGE_COMPLETED
MX1 = "mx1.example.com"
FILTER = "localhost"

Reported = list[tuple[str, pb.Record]]


def on(server: str, *records: pb.Record) -> Reported:
    """Say that a server reported the records."""
    return [(server, record) for record in records]


def through_the_smarthost() -> Reported:
    """Three recipients: delivered; expired, with a notice; bounced. The child begins in mid-life.

    Another instance has a message of the child's queue id and Message-ID, which is nearer to the
    answer than the child's first line that was seen.
    """
    web, one, two = ref("4WEB01", 0, 1), ref("4REL01", 1, 10), ref("4REL02", 1, 20)
    late = ref("4REL01", 100, 13, origin=False, arrival=1.4)
    other = ref("4REL01", 30, 90, instance="postfix-out")
    notice = ref("4NOTE1", 500, 30)
    name = b"<web@example.com>"
    return [
        *on("mx1", accepted(web, 0, 2, recipients=3, message_id=name)),
        *on("mx1", *handed_on(web, 2, 3, "4REL01", to=b"a@example.net")),
        *on("mx1", *handed_on(web, 2, 4, "4REL01", to=b"b@example.net")),
        *on("mx1", *handed_on(web, 2, 5, "4REL02", to=b"c@example.org")),
        *on("mx1", changed(web, 3, 6, DONE)),
        *on("relay", accepted(one, 1, 11, recipients=2, message_id=name, client=MX1)),
        *on("relay", *handed_on(one, 4, 12, "4STRANGER", to=b"a@example.net")),
        *on("relay", attempt(late, 100, 13, DEFERRED, to=b"b@example.net")),
        *on("relay", changed(late, 499, 14, pb.MESSAGE_CHANGE_EXPIRED)),
        *on("relay", link(late, 500, 15, pb.LINK_KIND_NOTIFICATION, "4NOTE1")),
        *on("relay", accepted(other, 30, 91, message_id=name, client="", sender=b"x@y.example")),
        *on("relay", attempt(other, 31, 92, SENT, to=b"f@example.org")),
        *on("relay", accepted(two, 1, 21, message_id=name, client=MX1)),
        *on("relay", attempt(two, 5, 22, pb.ATTEMPT_OUTCOME_BOUNCED, to=b"c@example.org")),
        *on("relay", changed(two, 6, 23, DONE)),
        *on("relay", accepted(notice, 500, 31, sender=b"", client="")),
        *on("relay", *handed_on(notice, 501, 32, "4STRANGE2", to=b"shop@example.com")),
    ]


def through_a_filter() -> Reported:
    """A scored message, whose second life is told by its own first line too; and its notice.

    The notice has a sender, so that nothing but its link tells what it is, and passes both the
    filter and the smarthost.
    """
    mail, clean = ref("4FLT01", 10, 100), ref("4FLT02", 12, 110)
    notice, filtered = ref("4NOTE2", 20, 120), ref("4NOTE3", 21, 130)
    far = ref("4NOTE4", 23, 140)
    name, told = b"<filtered@example.com>", b"<notice@mx1.example.com>"
    hop = pb.DIRECTION_INTERNAL_HOP
    return [
        *on("mx1", accepted(mail, 10, 101, message_id=name)),
        *on("mx1", scored(mail, 11, 102, 3.2), scored(mail, 10.5, 103, 9.9)),
        *on("mx1", *handed_on(mail, 12, 104, "4FLT02", to=b"d@example.net", direction=hop)),
        *on("mx1", link(mail, 12, 110, pb.LINK_KIND_HOP, "4FLT02")),
        *on("mx1", accepted(clean, 12, 111, message_id=name, client=FILTER)),
        *on("mx1", attempt(clean, 13, 112, pb.ATTEMPT_OUTCOME_BOUNCED, to=b"d@example.net")),
        *on("mx1", link(clean, 20, 113, pb.LINK_KIND_NOTIFICATION, "4NOTE2")),
        *on("mx1", accepted(notice, 20, 121, message_id=told, client="")),
        *on("mx1", *handed_on(notice, 22, 122, "4NOTE3", to=b"shop@example.com", direction=hop)),
        *on("mx1", accepted(filtered, 21, 131, message_id=told, client=FILTER)),
        *on("mx1", *handed_on(filtered, 23, 132, "4NOTE4", to=b"shop@example.com")),
        *on("relay", accepted(far, 23, 141, message_id=told, client=MX1)),
        *on("relay", attempt(far, 24, 142, SENT, to=b"shop@example.com")),
    ]


def forwarded_and_requeued() -> Reported:
    """A forward that leaves through the smarthost, and a requeued rest that does."""
    parent, child, far = ref("4FWD01", 40, 200), ref("4FWD02", 41, 210), ref("4FWD03", 42, 220)
    first, rest, there = ref("4REQ01", 50, 300), ref("4REQ02", 90, 310), ref("4REQ03", 91, 320)
    passed_on, name = b"<forward@example.net>", b"<requeued@example.com>"
    return [
        *on("mx1", accepted(parent, 40, 201, message_id=passed_on, client="mx.example.net")),
        *on("mx1", attempt(parent, 41, 202, SENT, to=b"me", direction=pb.DIRECTION_LOCAL)),
        *on("mx1", link(parent, 41, 202, pb.LINK_KIND_FORWARD, "4FWD02")),
        *on("mx1", accepted(child, 41, 211, message_id=passed_on, client="")),
        *on("mx1", *handed_on(child, 42, 212, "4FWD03", to=b"far@example.org")),
        *on("relay", accepted(far, 42, 221, message_id=passed_on, client=MX1)),
        *on("relay", attempt(far, 44, 222, SENT, to=b"far@example.org")),
        *on("mx1", accepted(first, 50, 301, recipients=2, message_id=name)),
        *on("mx1", attempt(first, 51, 302, SENT, to=b"g@example.net")),
        *on("mx1", attempt(first, 51, 303, DEFERRED, to=b"h@example.net")),
        *on("mx1", changed(first, 90, 304, pb.MESSAGE_CHANGE_REQUEUED)),
        *on("mx1", link(first, 90, 310, pb.LINK_KIND_REQUEUE, "4REQ02")),
        *on("mx1", accepted(rest, 90, 311, message_id=name, client="")),
        *on("mx1", *handed_on(rest, 91, 312, "4REQ03", to=b"h@example.net")),
        *on("relay", accepted(there, 91, 321, message_id=name, client=MX1)),
        *on("relay", attempt(there, 92, 322, DEFERRED, to=b"h@example.net")),
    ]


def fleet() -> Reported:
    """Everything."""
    return through_the_smarthost() + through_a_filter() + forwarded_and_requeued()
