"""Names drawn at random: addresses, hosts, queue ids, Message-IDs, answers of servers."""

from collections.abc import Iterator
from itertools import count
from random import Random

_VOWELLESS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
# Local parts that need quotes, and texts that look like Postfix's own.
_ODD = (
    "{}> , relay=none, status=sent (y",
    'a"b{}',
    "back\\slash{}",
    "{}>, relay=x[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)",
    "comma,{}",
    "ümläut{}",
)
_TEMPORARY = (
    "host {mx} said: 450 4.2.0 <x@y>: Greylisted (in reply to RCPT TO command)",
    "host {mx} refused to talk to me: 421 4.7.0 try again later, status=sent (250 ok)",
    "connect to {mx}:25: Connection timed out",
    "lost connection with {mx} while sending end of data -- message may be sent more than once",
)
_PERMANENT = (
    "host {mx} said: 550 5.1.1 <x@y>: User unknown (in reply to RCPT TO command)",
    "host {mx} said: 554-5.7.1 x 554 5.7.1 to=<v@w>, relay=none, status=sent (queued as FACE12)",
    "host {mx} said: 550 5.7.1 nope \u2028\u202e: removed (in reply to MAIL FROM command)",
)


class Names:
    """Draws names; no two addresses, queue ids or Message-IDs of one Names are the same."""

    def __init__(self, random: Random) -> None:
        """Draw with this source of chance."""
        self.random = random
        self._numbers = count(1)
        self._inodes: Iterator[int] = count(0x2A001)

    def address(self) -> str:
        """An address; one in eight cannot do without quotes."""
        number = next(self._numbers)
        odd = self.random.random() < 1 / 8
        local = self.random.choice(_ODD).format(number) if odd else f"user.{number}"
        return f"{local}@example{self.random.randrange(9)}.test"

    def queue_id(self) -> str:
        """A queue id, of both kinds that Postfix makes."""
        inode = next(self._inodes)
        if self.random.random() < 1 / 2:
            return f"{self.random.randrange(1 << 20):05X}{inode:X}"
        digits = "".join(self.random.choices(_VOWELLESS, k=10))
        tail = ""
        while inode:
            inode, digit = divmod(inode, 51)
            tail = _VOWELLESS[digit] + tail
        return f"{digits}z{tail}"

    def message_id(self) -> str:
        """A Message-ID header's value, one in eight with text behind it."""
        forged = ">, from=<evil@x>, status=sent (fake" if self.random.random() < 1 / 8 else ""
        return f"<{next(self._numbers)}.{self.random.randrange(10**6)}@app.test{forged}>"

    def mx(self) -> str:
        """Name and address of a remote server."""
        number = self.random.randrange(6)
        address = f"192.0.2.{number}" if number % 2 else f"2001:db8::{number}"
        return f"mx{number}.example.test[{address}]"

    def temporary(self, mx: str) -> str:
        """Why a delivery has to wait."""
        return self.random.choice(_TEMPORARY).format(mx=mx)

    def permanent(self, mx: str) -> str:
        """Why a delivery failed for good."""
        return self.random.choice(_PERMANENT).format(mx=mx)
