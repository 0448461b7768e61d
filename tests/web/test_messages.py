"""Messages are found by what people have in hand, and told from acceptance to the end."""

import csv
import html
import io
import re

import pytest

from tests.web.asking import get

Row = dict[str, str]


@pytest.fixture(scope="module")
def retried(site: str) -> Row:
    """A recipient of the customer with several attempts."""
    rows = csv.DictReader(io.StringIO(get(site, "/events.csv?range=30d&tz=UTC", "customer").text))
    return max(rows, key=lambda row: int(row["attempts"]))


def steps(text: str) -> list[str]:
    found = re.findall(r'<li class="(\w+)"><time', text)
    return [str(one) for one in found]


def test_a_queue_id_shows_the_whole_life_with_what_each_server_said(
    site: str, retried: Row
) -> None:
    assert int(retried["attempts"]) > 1
    text = get(site, f"/messages?queue_id={retried['queue_id']}").text
    told = steps(text)
    assert told[0] == "accepted"
    assert told.count("deferred") >= int(retried["attempts"]) - 1
    times = re.findall(r'<li class="\w+"><time datetime="([^"]*)"', text)
    assert times == sorted(times)
    plain = html.unescape(re.sub(r"<[^>]*>", "", text))
    assert retried["reply_text"] in plain
    assert retried["advice"] in plain
    assert retried["envelope_sender"] in plain


@pytest.mark.parametrize("name", ["to", "message_id"])
def test_recipients_and_message_ids_find_the_same_message(
    site: str, retried: Row, name: str
) -> None:
    text = get(site, f"/messages?queue_id={retried['queue_id']}").text
    (message_id,) = re.findall(r"<dt>Message-ID</dt><dd>([^<]*)</dd>", text)
    value = retried["recipient"] if name == "to" else html.unescape(message_id).strip("<>")
    found = get(site, f"/messages?{name}={value}").text
    assert f"<code>{retried['queue_id']}</code>" in found


def test_a_sender_and_words_of_a_reply_list_recipients_delivered_ones_too(site: str) -> None:
    text = get(site, "/messages?mailbox=newsletter@shop.example&range=30d").text
    assert 'class="state delivered"' in text
    assert 'class="state bounced"' in text
    assert 'rel="next"' in text
    text = get(site, "/messages?text=FROBNICATED&range=30d").text
    assert text.count("data-event=") == text.count("550 frobnicated by the plugh")


def test_a_customer_finds_only_his_own(site: str, retried: Row) -> None:
    told = get(site, "/events.csv?range=30d&domain=bakery.example").text
    other = next(iter(csv.DictReader(io.StringIO(told))))
    for asked in (f"queue_id={other['queue_id']}", f"to={other['recipient']}&text=550&range=30d"):
        found = get(site, f"/messages?{asked}", "customer").text
        assert "bakery.example" not in found
    hidden = get(site, f"/messages?queue_id={other['queue_id']}", "customer").text
    assert "Nothing was found" in hidden
    own = get(site, f"/messages?queue_id={retried['queue_id']}", "customer").text
    assert retried["recipient"] in own
    assert ".fleet.example</h2>" not in own
