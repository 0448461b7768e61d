"""A remote mail exchanger that plays a script and remembers each of its decisions.

Mirrors   the server's side of RFC 5321: banner, EHLO, MAIL, RCPT, DATA, RSET, NOOP, QUIT.
Gives     ScriptedServer, listening on one 127/8 address; Answer, one decision on one recipient.
Limits    No extensions, hence no pipelining, SIZE or TLS. Not a server for anything but tests.
"""

import re
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.postfix.replies import Script, script_for

# RFC 5321 4.1.2: a quoted local part may hold "<", ">" and ",".
PATH = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^>"])*)>')


@dataclass(frozen=True, slots=True)
class Answer:
    r"""A final decision; ``recipient`` is empty when the banner already refused the connection.

    verb        CONNECT, RCPT or END-OF-DATA; RCPT only if it refused
    reply_code  None when the connection was dropped instead
    reply       full text, lines joined by a newline, bytes that are no UTF-8 as ``\xff``
    """

    time_us: int
    server: str
    envelope_sender: str
    recipient: str
    verb: str
    reply_code: int | None
    reply: str
    accepted: bool


def reply_text(raw: bytes) -> str:
    """Reply as text: lines joined by a newline, undecodable bytes escaped."""
    return raw.decode("utf-8", "backslashreplace").removesuffix("\r\n").replace("\r\n", "\n")


class ScriptedServer(socketserver.ThreadingTCPServer):
    """One address of the world. ``ledger`` is shared by all servers of a world."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(
        self, host_name: str, address: str, port: int, banner: bytes | None, ledger: list[Answer]
    ) -> None:
        self.host_name = host_name
        self.address = address
        self.banner = banner
        self.ledger = ledger
        self._tries: dict[tuple[str, str], int] = {}
        super().__init__((address, port), _Session)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> None:
        """Accept connections in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Close the listening socket; sessions end when the client leaves."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def record(self, envelope_sender: str, recipient: str, verb: str, raw: bytes | None) -> None:
        """Note a final decision; ``raw`` is None for a dropped connection."""
        self.ledger.append(
            Answer(
                time_us=time.time_ns() // 1000,
                server=self.address,
                envelope_sender=envelope_sender,
                recipient=recipient,
                verb=verb,
                reply_code=None if raw is None else int(raw[:3]),
                reply="" if raw is None else reply_text(raw),
                accepted=raw is not None and raw.startswith(b"2"),
            )
        )

    def script(self, envelope_sender: str, recipient: str) -> Script:
        """Script that holds for this try of this recipient."""
        pair = (envelope_sender, recipient)
        self._tries[pair] = self._tries.get(pair, 0) + 1
        script = script_for(recipient)
        return Script() if script.first_try_only and self._tries[pair] > 1 else script


class _Session(socketserver.StreamRequestHandler):
    """One connection."""

    server: ScriptedServer

    def setup(self) -> None:
        super().setup()
        self.sender = ""
        self.accepted: list[tuple[str, Script]] = []

    def handle(self) -> None:
        if self.server.banner is not None:
            self.server.record("", "", "CONNECT", self.server.banner)
            self.wfile.write(self.server.banner)
            return
        self.say(f"220 {self.server.host_name} ESMTP")
        verbs: dict[bytes, Callable[[str], bool]] = {
            b"EHLO": self.hello,
            b"HELO": self.hello,
            b"MAIL": self.mail,
            b"RCPT": self.rcpt,
            b"DATA": self.data,
            b"QUIT": self.quit,
        }
        while line := self.rfile.readline(4096):
            verb = verbs.get(line[:4].upper(), self.other)
            if not verb(line.decode("utf-8", "surrogateescape")):
                return

    def say(self, text: str) -> bool:
        self.wfile.write(text.encode() + b"\r\n")
        return True

    def hello(self, _line: str) -> bool:
        return self.say(f"250 {self.server.host_name}")

    def other(self, _line: str) -> bool:
        self.accepted = []
        return self.say("250 2.0.0 Ok")

    def quit(self, _line: str) -> bool:
        self.say("221 2.0.0 Bye")
        return False

    def mail(self, line: str) -> bool:
        self.sender, self.accepted = path(line), []
        return self.say("250 2.1.0 Ok")

    def rcpt(self, line: str) -> bool:
        recipient = path(line)
        script = self.server.script(self.sender, recipient)
        if script.at_rcpt is None:
            self.accepted.append((recipient, script))
            return self.say("250 2.1.5 Ok")
        self.server.record(self.sender, recipient, "RCPT", script.at_rcpt)
        self.wfile.write(script.at_rcpt)
        return True

    def data(self, _line: str) -> bool:
        if not self.accepted:
            return self.say("554 5.5.1 Error: no valid recipients")
        self.say("354 End data with <CR><LF>.<CR><LF>")
        while (line := self.rfile.readline(65536)) != b".\r\n":
            if not line:
                return False
        scripts = [script for _, script in self.accepted]
        drop = any(script.drop_at_end_of_data for script in scripts)
        refusal = next((s.at_end_of_data for s in scripts if s.at_end_of_data), None)
        accepting = b"250 %s %08X\r\n" % (scripts[0].accepting_text, len(self.server.ledger))
        answer = None if drop else refusal or accepting
        # Recorded before it is said: whoever hears the answer may look at the ledger at once.
        for recipient, _ in self.accepted:
            self.server.record(self.sender, recipient, "END-OF-DATA", answer)
        self.accepted = []
        if answer is not None:
            self.wfile.write(answer)
        return answer is not None


def path(line: str) -> str:
    """Address between the angle brackets of MAIL or RCPT."""
    found = PATH.search(line)
    return found[1] if found else ""
