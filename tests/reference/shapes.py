"""The lines of Postfix and of spam filters: one anchored expression for each shape.

Written from Postfix's sources and manuals, not from the agent: plain, strict and slow. The tests
compare what both make of the same log.
"""

import re

_SHORT_ID = r"[0-9A-F]{6,}"
_CONSONANT = "0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-"
_LONG_ID = rf"[{_CONSONANT}z]{{10,}}z[{_CONSONANT}y]+"
QUEUE_ID = rf"(?:{_SHORT_ID}|{_LONG_ID})"
# A local part is quoted unless it is a dot-string; behind it comes "@" and the domain.
_QUOTED = r'"(?:[^"\\]|\\.)*"(?:@[^<>"]*)?'
_ADDRESS = rf'(?:{_QUOTED}|[^<>"]*)'
_SECONDS = r"[0-9]+(?:\.[0-9]+)?"
_AGENTS = ("smtp", "lmtp", "local", "virtual", "pipe", "error", "retry", "discard")
_QMGR = ("qmgr", "nqmgr", "oqmgr")

# name of the shape: daemons that write it, and the text behind the queue id.
_SHAPES = {
    "delivery": (
        (*_AGENTS, *_QMGR),
        (
            rf"to=<(?P<recipient>{_ADDRESS})>(?:, orig_to=<(?P<orig_to>{_ADDRESS})>)?"
            rf", relay=(?P<relay>[^,]+)(?:, conn_use=(?P<conn_use>\d+))?"
            rf", delay=(?P<delay>{_SECONDS}), delays=(?P<pdelay>{_SECONDS})/(?P<adelay>{_SECONDS})"
            rf"/(?P<sdelay>{_SECONDS})/(?P<xdelay>{_SECONDS})(?:, tls=(?P<tls>[^,]+))?"
            r", dsn=(?P<dsn>\d\.\d+\.\d+), status=(?P<status>[A-Za-z-]+) \((?P<tail>.*)"
        ),
    ),
    "active": (
        _QMGR,
        (
            rf"from=<(?P<sender>{_ADDRESS})>, size=(?P<size>\d+), nrcpt=(?P<count>\d+)"
            r" \(queue active\)"
        ),
    ),
    "expired": (
        _QMGR,
        rf"from=<{_ADDRESS}>, status=(?:force-)?expired, returned to sender",
    ),
    "completed": (_QMGR, "removed"),
    "client": (
        ("smtpd", "qmqpd"),
        (
            r"client=(?P<name>[^\[]*)\[(?P<address>[^\]]*)\](?::\d+)?"
            r"(?:, sasl_method=(?P<method>[^,]*))?(?:, sasl_username=(?P<user>.*?))?"
            r"(?:, sasl_sender=.*?)?"
            r"(?:, orig_queue_id=(?P<original>[0-9A-Za-z]+))?(?:, orig_client=.*)?"
        ),
    ),
    "submitted": (
        ("pickup",),
        rf"uid=(?P<uid>\d+) from=<{_ADDRESS}>(?: orig_id=(?P<earlier>[0-9A-Za-z]+))?",
    ),
    "message_id": (("cleanup",), r"message-id=(?P<message_id>.*)"),
    "refused": (("cleanup",), r"(?:(?:milter-)?(?:reject|discard): .*|removed \(.*)"),
    "held": (("cleanup", "smtpd"), r"(?:milter-)?hold: .*"),
    "notified": (
        ("bounce",),
        (
            r"(?:sender|postmaster) (?:non-delivery|delay|delivery status) notification:"
            rf" (?P<child>{QUEUE_ID})"
        ),
    ),
    "administered": (
        ("postsuper",),
        "(?P<what>removed|placed on hold|released from hold|requeued)",
    ),
}
SHAPES = {
    name: (frozenset(daemons), re.compile(expression, re.DOTALL))
    for name, (daemons, expression) in _SHAPES.items()
}
OF_QUEUE_ID = re.compile(rf"(?P<queue_id>{QUEUE_ID}): (?P<rest>.*)", re.DOTALL)
TLS = re.compile(
    r"(?P<trust>\w+) TLS connection established to (?P<relay>[^ ]+): (?P<protocol>TLSv[\d.]+)"
    r" with cipher (?P<cipher>[\w-]+) .*"
)
RELAY = re.compile(r"(?P<host>[^\[]+)\[(?P<address>[^\]]+)\]:(?P<port>\d+)")
ANSWER = re.compile(
    r"(?:delivery temporarily suspended: )?host [^ \[]+\[[^\] ]+\](?::\d+)?"
    r" (?:said|refused to talk to me): (?P<code>[2-5]\d\d)(?!\d).*",
    re.DOTALL,
)
PHASE = re.compile(r".* \(in reply to (?P<phase>[A-Za-z ]+?)(?: command)?\)", re.DOTALL)
AMAVIS = re.compile(
    r"\([\w-]+\) (?:Passed|Blocked) (?P<verdict>[A-Z-]+) [^<>]*"
    rf"<{_ADDRESS}> -> <{_ADDRESS}>(?:,<{_ADDRESS}>)*"
    rf", Queue-ID: (?P<queue_id>{QUEUE_ID})(?:, Message-ID: <[^>]*>)?, mail_id: [^,]+"
    r", Hits: (?P<score>-|-?[\d.]+), size: .*",
    re.DOTALL,
)
