"""The statistics page has every field and control of the feature that it is made after (S1 to S41).

Numbers   Each test names the items that it shows. What happens after a click is in the tests of
          pages in a browser, of updates and of settings.
"""

import csv
import html
import io
import re

import pytest

from tests.web.asking import Answer, get
from tests.web.log_lines import SPIKE_DOMAIN

PAGE = f"/?range=30d&domain={SPIKE_DOMAIN}"


@pytest.fixture(scope="module")
def shown(site: str) -> Answer:
    return get(site, PAGE)


@pytest.fixture(scope="module")
def rows(site: str) -> list[dict[str, str]]:
    text = get(site, PAGE.replace("/?", "/events.csv?")).text
    return list(csv.DictReader(io.StringIO(text)))


def figure(shown: Answer, name: str) -> int:
    (found,) = re.findall(rf'data-figure="{name}">([^<]*)<', shown.text)
    return int(found.replace("\u202f", ""))


def test_s2_to_s7_sent_delivered_and_bounced_of_a_domain_and_of_a_mailbox(
    site: str, shown: Answer
) -> None:
    box = get(site, f"{PAGE}&mailbox=newsletter@{SPIKE_DOMAIN}")
    for name in ("sent", "delivered", "bounced"):
        assert 0 < figure(box, name) < figure(shown, name)
    for answer in (shown, box):
        parts = [figure(answer, name) for name in ("delivered", "bounced", "pending")]
        assert sum(parts) == figure(answer, "sent")


def test_s8_s9_s28_codes_with_an_advice(shown: Answer) -> None:
    assert "<code>550-5.7.26</code>" in shown.text
    assert "Message rejected by Gmail / Google Workspace: No SPF or DKIM" in shown.text


def test_s15_the_domain_list_has_a_graph_icon_beside_each_domain(site: str) -> None:
    listed = get(site, "/domains?range=30d").text
    link = f'<a class="graph" href="/?range=30d&amp;domain={SPIKE_DOMAIN}"'
    assert link in listed
    assert listed.count('class="spark"') >= 12
    assert get(site, f"/?range=30d&domain={SPIKE_DOMAIN}").status == 200


def test_s16_to_s18_three_sections_and_a_chart_over_time(shown: Answer) -> None:
    titles = re.findall(r"<h2[^>]*>([^<]*)</h2>", shown.text)
    for title in ("Sent, delivered and bounced", "Top bounce reasons", "Outbound error events"):
        assert title in titles
    bars = re.findall(r'aria-label="([^"]* sent, [^"]*)" class="bar"', shown.text)
    assert len(bars) in {30, 31}
    total = sum(int(bar.split(": ")[1].split(" ")[0].replace("\u202f", "")) for bar in bars)
    assert total == figure(shown, "sent")


def test_s19_to_s22_controls_of_domain_mailbox_range_and_update(site: str) -> None:
    for viewer in ("admin", "customer"):
        text = get(site, PAGE, viewer).text
        for name in ("domain", "mailbox", "from", "until"):
            assert f'name="{name}"' in text
        for name in ("24h", "7d", "14d", "30d", "custom"):
            assert f'name="range" value="{name}"' in text
        assert re.search(r'<button formmethod="post" formaction="/update"[^>]*>Update<', text)
    options = re.findall(r"<option(?: selected)?>([^<]*)</option>", text)
    assert SPIKE_DOMAIN in options
    assert "bakery.example" not in text


def test_s23_to_s27_reasons_and_events_obey_the_same_filter(
    shown: Answer, rows: list[dict[str, str]]
) -> None:
    counts = [
        int(one.replace("\u202f", ""))
        for one in re.findall(r'data-reason="[^"]*">([^<]*)<', shown.text)
    ]
    assert counts == sorted(counts, reverse=True)
    failed = [row for row in rows if row["state"] in {"bounced", "expired"}]
    assert sum(counts) == figure(shown, "bounced") == len(failed)
    assert {row["sender_domain"] for row in rows} == {SPIKE_DOMAIN}


def test_s29_to_s41_every_field_of_an_event(shown: Answer, rows: list[dict[str, str]]) -> None:
    titles = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', shown.text)
    for title in (
        *("Date/Time", "Queue ID", "From", "From domain", "To", "SMTP code", "Advice"),
        *("Bytes", "Retry count", "Last try", "Spam score"),
    ):
        assert title in titles
    told = {row["message"] + "." + row["number"]: row for row in rows}
    found = re.findall(r'<tr data-event="([^"]*)">(.*?)</tr>', shown.text, re.DOTALL)
    assert len(found) == 25
    scores = set()
    for key, cells in found:
        row, text = told[key], html.unescape(cells)
        assert f"<code>{row['queue_id']}</code>" in text
        for name in ("envelope_sender", "sender_domain", "recipient"):
            assert f">{row[name]}</td>" in text
        assert f"<code>{row['smtp_code']}</code>" in text
        assert row["title"] in text
        assert row["advice"] in text
        assert f'datetime="{row["last_try"][:19]}' in text
        plain = re.sub(r"<[^>]*>", "", cells.partition('class="reply">')[2].partition("</p>")[0])
        assert html.unescape(plain) == row["reply_text"]
        assert f'data-label="Retry count" class="right">{row["attempts"]}<' in text
        score = re.search(r'data-label="Spam score" class="right">([^<]*)<', text)
        assert score is not None
        scores.add(score[1] == "—")
        assert (score[1] == "—") == (row["spam_score"] == "")
    assert scores == {True, False}
    assert re.search(r'<a href="https://support.google.com/[^"]*" rel="noopener', shown.text)


def test_s37_a_reply_that_no_rule_knows_is_marked(site: str) -> None:
    text = get(site, "/?range=30d&unknown=1").text
    events = re.findall(r'<tr data-event="[^"]*">(.*?)</tr>', text, re.DOTALL)
    assert events
    assert all('<span class="badge">Unknown code</span>' in event for event in events)


def test_the_main_sentence_names_the_spike_and_links_to_its_events(site: str) -> None:
    text = get(site, "/?range=30d").text
    (note,) = re.findall(r'<p class="note bad" role="status">(.*?)</p>', text, re.DOTALL)
    assert "No SPF or DKIM" in note
    (link,) = re.findall(r'href="([^"]*)"', note)
    there = get(site, html.unescape(link).partition("#")[0]).text
    assert SPIKE_DOMAIN in there
    assert "reason=" in link


def test_times_are_those_of_the_viewers_zone_and_the_address_may_name_another(site: str) -> None:
    assert "15:29:58</time> Europe/Berlin" in get(site, "/?range=24h").text
    assert "14:29:58</time> UTC" in get(site, "/?range=24h", "support").text
    asked = get(site, "/?range=24h&tz=Asia/Kolkata", "support").text
    assert "19:59:58</time> Asia/Kolkata" in asked
    assert "were left out: tz" in get(site, "/?tz=Moon/Base").text


def test_a_custom_range_stays_as_typed(site: str) -> None:
    address = "/?range=custom&from=2026-11-17T00:00&until=2026-11-18T00:00"
    text = get(site, address).text
    assert 'name="from" value="2026-11-17T00:00"' in text
    assert 'name="until" value="2026-11-18T00:00"' in text
    assert "were left out: from, until" in get(site, "/?range=custom&from=x").text
