"""The text in parentheses at the end of a delivery line: who answered what, and when.

Mirrors   postfix src/smtp/smtp_trouble.c, which introduces a server's answer by ``host H[ip]
          said:`` or ``host H[ip] refused to talk to me:`` and names the command that it answered.
Limits    The answer itself is free text and may repeat any of these phrases: the code is looked for
          where Postfix puts it, the command at the very end. A text cut short has no command.
"""

import re

# The host name was checked by Postfix and holds neither spaces nor brackets.
_ANSWER = re.compile(
    r"(?:delivery temporarily suspended: )?"
    r"host [^\s\[]+\[[^\]\s]+\](?::\d+)? (?:said|refused to talk to me): ([2-5]\d\d)(?![0-9])"
)
_CODE_FIRST = re.compile(r"([2-5]\d\d)(?![0-9])")
_IN_REPLY_TO = " (in reply to "
# smtp_proto.c and lmtp: "RCPT TO command", "end of DATA command", "sending message body".
_PHASE_MAX = 60


def reply_code(status: str, reply_text: str) -> int:
    """The SMTP reply code in the text of a delivery line, 0 when no server answered.

    With ``status=sent`` the text is the server's reply itself; else Postfix says who answered.
    """
    match = _CODE_FIRST.match(reply_text) if status == "sent" else _ANSWER.match(reply_text)
    return int(match[1]) if match else 0


def reply_phase(status: str, reply_text: str) -> str:
    """The command that was answered, without the word "command"; empty when none is named.

    >>> reply_phase("bounced", "host a[b] said: 550 no (in reply to end of DATA command)")
    'end of DATA'
    """
    start = reply_text.rfind(_IN_REPLY_TO)
    if start < 0 or status == "sent" or not reply_text.endswith(")"):
        return ""
    phase = reply_text[start + len(_IN_REPLY_TO) : -1].removesuffix(" command")
    return phase if len(phase) <= _PHASE_MAX else ""
