"""Where the tables lie: a file of SQLite, or a database of a PostgreSQL server."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit, urlunsplit

SCHEMES = ("postgresql://", "postgres://")
UNSEEN = "***"


@dataclass(frozen=True, slots=True)
class PostgresDatabase:
    """A database by its URI, as libpq takes it; ``str`` leaves out the password."""

    uri: str

    def __str__(self) -> str:
        parts = urlsplit(self.uri)
        user, _, host = parts.netloc.rpartition("@")
        name, colon, _ = user.partition(":")
        place = f"{name}{colon and f':{UNSEEN}'}@{host}" if user else host
        query = "&".join(
            f"{key}={UNSEEN if 'password' in key else value}"
            for key, value in parse_qsl(parts.query)
        )
        return urlunsplit((parts.scheme, place, parts.path, query, ""))


# A file is made when it is missing.
Location = Path | PostgresDatabase


def location_of(text: str) -> Location:
    """Read a setting: a URI of PostgreSQL, or else the path of a file.

    Raises ValueError for a URI that cannot be read.

    >>> str(location_of("postgresql://mt:secret@db1/mailtally"))
    'postgresql://mt:***@db1/mailtally'
    >>> location_of("/var/lib/c.db")
    PosixPath('/var/lib/c.db')
    """
    for scheme in SCHEMES:
        if text.startswith(scheme):
            urlsplit(text)
            return PostgresDatabase(SCHEMES[0] + text.removeprefix(scheme))
    if "://" in text:
        raise ValueError("expected the path of a file, or postgresql://USER@HOST/DATABASE")
    return Path(text)
