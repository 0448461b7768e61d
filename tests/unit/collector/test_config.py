"""Each mistake of a configuration is one line that says where, what and what instead."""

from pathlib import Path
from typing import Any

import pytest

from mailtally_collector.config import ConfigError, default_database, load_config


def mistakes(folder: Path, text: str, **options: Any) -> list[str]:
    file = folder / "c.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as wrong:
        load_config(file, **options)
    return [line.replace(f"{file}", "c.toml") for line in wrong.value.lines]


def test_all_mistakes_at_once_with_their_lines(tmp_path: Path) -> None:
    text = """\
# comment
[listen]
address = "nowhere"
reflektion = true
insecure = "yes"

[log]
level = "loud"

[storrage]
database = "x"
"""
    assert mistakes(tmp_path, text) == [
        "c.toml:10: storrage: unknown key; did you mean storage?",
        "c.toml:3: listen.address: expected HOST:PORT such as 127.0.0.1:8790, got 'nowhere'",
        "c.toml:4: listen.reflektion: unknown key; did you mean listen.reflection?",
        "c.toml:5: listen.insecure: Input should be a valid boolean",
        "c.toml:8: log.level: Input should be 'debug', 'info', 'warning' or 'error'",
    ]


def test_a_key_that_resembles_nothing_gets_no_advice(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "zzz = 1\n") == ["c.toml:1: zzz: unknown key"]


def test_dotted_keys_have_lines_too(tmp_path: Path) -> None:
    assert mistakes(tmp_path, '\nlisten.adress = "x"\n') == [
        "c.toml:2: listen.adress: unknown key; did you mean listen.address?"
    ]


def test_a_section_must_be_a_table(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "listen = 5\n", listen="127.0.0.1:1")
    assert line.startswith("c.toml:1: listen: Input should be a valid dictionary")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[listen]\nx = \n", "c.toml:2: file: is not TOML: Invalid value"),
        ("[listen", "c.toml:1: file: is not TOML: Expected ']' at the end of a table declaration"),
        ("a = 1\na = 2\n", "c.toml:2: file: is not TOML: Cannot overwrite a value"),
    ],
)
def test_text_that_is_not_toml(tmp_path: Path, text: str, line: str) -> None:
    assert mistakes(tmp_path, text) == [line]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "none.toml", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(ConfigError) as wrong:
            load_config(path)
        assert wrong.value.lines == [f"{path}:1: file: cannot be read: {reason}"]
    (tmp_path / "latin1.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_config(tmp_path / "latin1.toml")


def test_plaintext_is_for_the_loopback_and_when_asked_for(tmp_path: Path) -> None:
    refused = (
        "0.0.0.0:8790 can be reached by others, and with listen.insecure nothing would be"
        " encrypted: leave out listen.insecure, and invite agents (mailtally-collector agents"
        " invite NAME)"
    )
    text = '[listen]\ninsecure = true\naddress = "0.0.0.0:8790"\n'
    assert mistakes(tmp_path, text) == [f"c.toml:3: listen.address: {refused}"]
    text = "[listen]\ninsecure = true\n"
    assert mistakes(tmp_path, text, listen="0.0.0.0:8790") == [
        f"--listen: listen.address: {refused}"
    ]
    assert load_config(None, listen="0.0.0.0:1").has_authority
    for address in ("127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"):
        assert not load_config(None, listen=address, insecure=True).has_authority


def test_agents_come_to_their_certificates_at_the_next_port_unless_told_otherwise() -> None:
    for address, enrolment in (("[::]:8790", "[::]:8791"), ("127.0.0.1:0", "127.0.0.1:0")):
        assert load_config(None, listen=address).listen.enrolment_address == enrolment


def test_certificates_are_given_whole_or_not_at_all(tmp_path: Path) -> None:
    text = '[log]\n[tls]\ncertificate_file = "/a"\n'
    assert mistakes(tmp_path, text) == [
        "c.toml:2: tls: key_file and client_ca_file missing: give all three files or none"
    ]
    text += 'key_file = "/b"\nclient_ca_file = "/c"\n'
    assert mistakes(tmp_path, text) == [
        "c.toml:3: tls.certificate_file: /a cannot be read",
        "c.toml:4: tls.key_file: /b cannot be read",
        "c.toml:5: tls.client_ca_file: /c cannot be read",
    ]


def test_options_override_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[storage]\ndatabase = "/x.db"\n')
    config = load_config(tmp_path / "c.toml", database="/y.db")
    assert config.storage.database == Path("/y.db")
    assert config.listen.address == "127.0.0.1:8790"


def test_the_default_database_is_where_this_user_may_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert default_database({}) == Path("/var/lib/mailtally/collector.db")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert default_database({"XDG_STATE_HOME": "/s"}) == Path("/s/mailtally/collector.db")
    assert default_database({}) == Path.home() / ".local/state/mailtally/collector.db"


def test_retention_is_days_or_off_and_roll_ups_outlast_rows(tmp_path: Path) -> None:
    text = """\
[retention]
rows_days = 3
rollups_days = "800d"
quarantine_days = true
[watch]
silent_minutes = 0
"""
    expected = 'expected 7 to 36500 days or "off", got'
    assert mistakes(tmp_path, text) == [
        f"c.toml:2: retention.rows_days: {expected} 3",
        f"c.toml:3: retention.rollups_days: {expected} '800d'",
        f"c.toml:4: retention.quarantine_days: {expected} True",
        "c.toml:6: watch.silent_minutes: Input should be greater than or equal to 1",
    ]
    for rows, words in (("900", "for 900 days"), ('"off"', "for ever")):
        expected = f"rows are kept {words}: roll-ups must be kept as long at least"
        assert mistakes(tmp_path, f"[retention]\nrows_days = {rows}\n") == [
            f"c.toml:1: retention.rollups_days: {expected}"
        ]
    (tmp_path / "c.toml").write_text('[retention]\nrows_days = 7\nrollups_days = "off"\n')
    retention = load_config(tmp_path / "c.toml").retention
    assert (retention.rows_days, retention.rollups_days) == (7, None)


def test_the_dashboard_is_for_the_loopback_unless_something_encrypts(tmp_path: Path) -> None:
    open_to_all = '[web]\naddress = "0.0.0.0:8792"\n'
    (line,) = mistakes(tmp_path, open_to_all)
    assert line == (
        "c.toml:2: web.address: 0.0.0.0:8792 can be reached by others, and passwords would not be"
        " encrypted: give certificate_file and key_file, or the proxy before it in trusted_proxies"
    )
    half = open_to_all + 'key_file = "/b"\n'
    assert mistakes(tmp_path, half) == [
        "c.toml:3: web.key_file: give certificate_file and key_file, or neither"
    ]
    whole = half + 'certificate_file = "/a"\n'
    assert sorted(mistakes(tmp_path, whole)) == [
        "c.toml:3: web.key_file: /b cannot be read",
        "c.toml:4: web.certificate_file: /a cannot be read",
    ]
    file = tmp_path / "good.toml"
    file.write_text(open_to_all + 'trusted_proxies = ["192.0.2.0/24", "2001:db8::1"]\n')
    assert [str(one) for one in load_config(file).web.proxies] == [
        "192.0.2.0/24",
        "2001:db8::1/128",
    ]
    (wrong,) = mistakes(tmp_path, '[web]\ntrusted_proxies = ["192.0.2.1/24"]\n')
    assert "expected addresses and networks" in wrong


def test_where_the_dashboard_is(tmp_path: Path) -> None:
    assert load_config(None).web_url() == "http://127.0.0.1:8792"
    assert load_config(None, listen="127.0.0.1:0").web_address == "127.0.0.1:0"
    file = tmp_path / "c.toml"
    file.write_text('[web]\naddress = ""\nurl = "https://stats.example.com/"\n')
    config = load_config(file)
    assert (config.web_address, config.web_url()) == ("", "https://stats.example.com")
