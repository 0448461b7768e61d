"""Names of people, and domains of customers, in the one form in which they are compared."""

import re
import unicodedata

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
DOMAIN = re.compile(rf"{LABEL}(\.{LABEL})*")
DOMAIN_MAX = 253
DOMAINS_MAX = 10_000


def person_name(text: str) -> str | None:
    """Return the name in small letters; None when it cannot be one.

    >>> person_name(" Ann@Example.com "), person_name("a b"), person_name("")
    ('ann@example.com', None, None)
    """
    name = text.strip().lower()
    return name if NAME.fullmatch(name) else None


def domain_name(text: str) -> str | None:
    """Return a domain as mail servers compare it; None when it cannot be one.

    Letters beyond ASCII become an A-label, but only where that is read back as the same letters:
    older and newer rules for such names differ in some (ß), and lead to domains of others.

    >>> domain_name("Bücher.Example."), domain_name("straße.example"), domain_name("a b")
    ('xn--bcher-kva.example', None, None)
    """
    name = unicodedata.normalize("NFC", text.strip().lower().removesuffix("."))
    if not name.isascii():
        try:
            label = name.encode("idna").decode("ascii")
            if label.encode("ascii").decode("idna") != name:
                return None
        except UnicodeError:
            return None
        name = label
    return name if len(name) <= DOMAIN_MAX and DOMAIN.fullmatch(name) else None


def domain_names(text: str) -> tuple[tuple[str, ...], str]:
    """Read domains with spaces, commas or ends of lines between them.

    Gives them in order, each once, and the first text that is none, else "".
    """
    found: set[str] = set()
    for part in re.split(r"[\s,;]+", text):
        if not part:
            continue
        name = domain_name(part)
        if name is None or len(found) == DOMAINS_MAX:
            return (), part
        found.add(name)
    return tuple(sorted(found)), ""
