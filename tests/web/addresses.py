"""Every page with something on it, by a short name."""

from tests.web.log_lines import SERVERS

ADMIN_PAGES = {
    "statistics": "/?range=30d",
    "statistics-day": "/?range=24h",
    "events": "/events?range=7d&state=bounced",
    "domains": "/domains?range=30d",
    "mailboxes": "/mailboxes?range=30d&domain=shop.example",
    "servers": "/servers?range=7d",
    "server": f"/servers/{SERVERS[2]}?range=7d",
    "messages": "/messages",
    "messages-found": "/messages?text=frobnicated&range=30d",
    "message": "/messages?queue_id={queue_id}",
    "unknown": "/unknown?range=30d",
    "settings": "/settings",
    "settings-server": f"/settings?server={SERVERS[0]}",
    "audit": "/audit",
    "refused": "/nothing-here",
}
CUSTOMER_PAGES = {
    "customer-statistics": "/?range=30d&domain=shop.example",
    "customer-domains": "/domains?range=7d",
    "customer-empty": "/?range=24h&domain=hostile.example&to=nobody@nowhere.example",
}
