"""The files of a private Postfix: main.cf, master.cf, its tables, and its view of /etc.

Mirrors   postconf(5), master(5), transport(5), virtual(5), aliases(5), header_checks(5).
Gives     Settings, what a test chooses; write_configuration, which makes the folder.
Limits    Loopback, no TLS, no SASL, no chroot. Retries happen on ``postqueue -f`` alone: the
          back-off times are longer than any test. Host names come from a hosts file, never DNS.
"""

from dataclasses import dataclass
from pathlib import Path

HOST_NAME = "mx1.mailtally.test"
UNIX_USER = "anna"
MAILBOX_UID = 20001
HOSTED = {
    "bistro.test": ("chef", "news"),
    "clinic.test": ("desk", "billing"),
    "news-letter.test": ("list",),
    "school.test": ("office", "parents"),
    "shop-one.test": ("anna", "info", "orders"),
    "studio.test": ("mia",),
}
VIRTUAL_ALIASES = {
    "contact@school.test": ("kim.900@gmail.test",),
    "everyone@bistro.test": ("lee.901@outlook.test", "full.902@corp.test", "chef@bistro.test"),
}
LOCAL_ALIASES = {
    "team": ("fwd.1@gmail.test", "fwd.2@outlook.test"),
    "lost": ("unknown.903@corp.test",),
    "postmaster": (UNIX_USER,),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between runs; ``hosts`` and ``transport`` lines describe the outside."""

    hosts: str = ""
    transport: str = ""
    syslog_name: str = "postfix"
    enable_long_queue_ids: bool = False
    time_zone: str = "UTC"


MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n - n 60   1 pickup
cleanup   unix  n - n -    0 cleanup
qmgr      unix  n - n 300  1 qmgr
rewrite   unix  - - n -    - trivial-rewrite
bounce    unix  - - n -    0 bounce
defer     unix  - - n -    0 bounce
trace     unix  - - n -    0 bounce
verify    unix  - - n -    1 verify
proxymap  unix  - - n -    - proxymap
smtp      unix  - - n -    - smtp
showq     unix  n - n -    - showq
error     unix  - - n -    - error
retry     unix  - - n -    - error
discard   unix  - - n -    - discard
local     unix  - n n -    - local
virtual   unix  - n n -    - virtual
anvil     unix  - - n -    1 anvil
scache    unix  - - n -    1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


def write_configuration(root: Path, settings: Settings, port: int) -> None:
    """Make ``root``: etc (tables), view (hosts, nsswitch, passwd), queue, data, spool, vmail."""
    for name, mode in {"etc": 0o755, "view": 0o755, "queue": 0o755, "spool": 0o1777}.items():
        (root / name).mkdir()
        (root / name).chmod(mode)
    (root / "data").mkdir()
    (root / "vmail").mkdir()
    tables = {
        "main.cf": "".join(f"{k} = {v}\n" for k, v in parameters(root, settings).items()),
        "master.cf": MASTER_CF.format(port=port),
        "transport": settings.transport,
        "virtual": "".join(f"{k} {', '.join(v)}\n" for k, v in VIRTUAL_ALIASES.items()),
        "mailboxes": "".join(f"{m}@{d} {d}/{m}/\n" for d, ms in HOSTED.items() for m in ms),
        "aliases": "".join(f"{k} {', '.join(v)}\n" for k, v in LOCAL_ALIASES.items()),
        "header_checks": "/^Subject:.*status=/ INFO\n",
    }
    for name, text in tables.items():
        (root / "etc" / name).write_text(text)
    passwd = Path("/etc/passwd").read_text()
    user = f"{UNIX_USER}:x:{MAILBOX_UID}:{MAILBOX_UID}::/nonexistent:/usr/sbin/nologin\n"
    (root / "view" / "hosts").write_text("127.0.0.1 localhost\n" + settings.hosts)
    (root / "view" / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    (root / "view" / "passwd").write_text(passwd + user)


def parameters(root: Path, settings: Settings) -> dict[str, str]:
    """main.cf, in the order in which it is written."""
    return {
        "compatibility_level": "3.6",
        "myhostname": HOST_NAME,
        "mydestination": HOST_NAME,
        "myorigin": HOST_NAME,
        "mynetworks": "127.0.0.0/8",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "config_directory": f"{root}/etc",
        "queue_directory": f"{root}/queue",
        "data_directory": f"{root}/data",
        "maillog_file": f"{root}/mail.log",
        "maillog_file_prefixes": str(root),
        "syslog_name": settings.syslog_name,
        "enable_long_queue_ids": "yes" if settings.enable_long_queue_ids else "no",
        "smtp_dns_support_level": "disabled",
        "smtp_host_lookup": "native",
        "transport_maps": f"texthash:{root}/etc/transport",
        "virtual_alias_maps": f"texthash:{root}/etc/virtual",
        "virtual_mailbox_domains": " ".join(HOSTED),
        "virtual_mailbox_maps": f"texthash:{root}/etc/mailboxes",
        "virtual_mailbox_base": f"{root}/vmail",
        "virtual_uid_maps": f"static:{MAILBOX_UID}",
        "virtual_gid_maps": f"static:{MAILBOX_UID}",
        "alias_maps": f"texthash:{root}/etc/aliases",
        "alias_database": "",
        "mail_spool_directory": f"{root}/spool",
        "header_checks": f"regexp:{root}/etc/header_checks",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "biff": "no",
        "in_flow_delay": "0",
        # Only an explicit flush retries, so every figure is decided by the test's own steps.
        "queue_run_delay": "3600s",
        "minimal_backoff_time": "3600s",
        "maximal_backoff_time": "7200s",
        "maximal_queue_lifetime": "5d",
        "bounce_queue_lifetime": "5d",
    }
