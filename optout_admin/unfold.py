"""How the admin looks and how one finds the way: brand, colours, navigation by work. Imported by settings, so no models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

Item = dict[str, Any]


def _may_view(model: str, app: str) -> Callable[[HttpRequest], bool]:
    return lambda request: (
        request.user.has_perm(f"{app}.view_{model}") or request.user.has_perm(f"{app}.change_{model}")
    )


def _item(title: str, model: str, icon: str = "", about: str = "", *, app: str = "preferences") -> Item:
    link = reverse_lazy(f"admin:{app}_{model}_changelist")
    return {"title": title, "icon": icon, "link": link, "permission": _may_view(model, app), "about": about}


def environment(request: HttpRequest) -> list[str] | None:
    """The badge of every page while the data is made up."""
    return ["Sample data", "warning"] if settings.DEMO else None


#: Whoever may see replies may see how well they are understood.
_UNDERSTANDING = {
    **_item("Understanding", "example", "psychology", "How well replies are understood"),
    "permission": _may_view("reply", "preferences"),
}
#: Settling takes both rights: to decide, and to read what is decided about.
_REVIEWS = {
    **_item("Reviews", "reviewturn", "rate_review", "Doubtful replies, one at a time"),
    "permission": lambda request: request.user.has_perms(["preferences.change_reviewturn", "preferences.view_reply"]),
}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Opt-out desk",
    "SITE_HEADER": "Opt-out desk",
    "SITE_URL": None,
    "SITE_ICON": lambda request: static("optout_admin/mark.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("optout_admin/mark.svg")},
    ],
    "STYLES": [lambda request: static("optout_admin/desk.css")],
    "SCRIPTS": [lambda request: static("optout_admin/desk.js")],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "ENVIRONMENT": environment,
    "DASHBOARD_CALLBACK": "optout_admin.home.what_waits",
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .012 230)",
            "100": "oklch(94.5% .024 230)",
            "200": "oklch(89% .05 230)",
            "300": "oklch(81% .08 230)",
            "400": "oklch(73% .1 230)",
            "500": "oklch(67% .11 230)",
            "600": "oklch(48% .09 230)",
            "700": "oklch(42% .08 230)",
            "800": "oklch(36% .07 230)",
            "900": "oklch(31% .055 230)",
            "950": "oklch(24% .045 230)",
        },
        # One step darker (lighter in the dark theme) than unfold's own, so that small print is readable everywhere.
        "font": {
            "subtle-light": "var(--color-base-600)",
            "subtle-dark": "var(--color-base-300)",
            "default-light": "var(--color-base-700)",
            "default-dark": "var(--color-base-200)",
            "important-light": "var(--color-base-900)",
            "important-dark": "var(--color-base-100)",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "",
                "items": [
                    _item("People", "subscriber", "group", "Who may be messaged, and why not"),
                    _REVIEWS,
                    _item("Replies", "reply", "chat", "What people wrote, and how it was understood"),
                    _UNDERSTANDING,
                    _item("Inbox", "inboxentry", "inbox", "Webhooks as they came in"),
                    _item("Outbox", "delivery", "outbox", "What is to be told to whom"),
                    _item("Ledger", "consentevent", "receipt_long", "Every act that bears on consent"),
                    _item("Alarms", "alarm", "notifications", "What is wrong, and what was", app="reports"),
                    _item("Wording", "wordingversion", "translate", "What people are told, in their language"),
                    _item("Audit", "accessrecord", "visibility", "Who searched, looked and revealed"),
                ],
            },
            {
                "title": "Settings",
                "separator": True,
                "items": [
                    _item("Brands", "brand", "storefront", "Who speaks"),
                    _item("Senders", "sender", "call", "The numbers brands speak from"),
                    _item("Portfolios", "portfolio", "folder_shared", "The accounts that hold the numbers"),
                    _item("Controllers", "controller", "domain", "The legal persons behind brands"),
                    _item("Topics", "topic", "label", "What people can choose below marketing"),
                    _item(
                        "Own words", "brandwords", "spellcheck", "What a brand’s people say for stop, start and help"
                    ),
                    _item("Policies", "policyversion", "rule", "How far a stop reaches, and what is answered"),
                    _item("Templates", "utilitytemplate", "forward_to_inbox", "What reaches people after 24 hours"),
                    _item(
                        "Account notices", "accountnotice", "campaign", "What WhatsApp told about numbers and accounts"
                    ),
                    _item("Destinations", "destination", "move_up", "Where changes go"),
                    _item("Staff", "user", "badge", "Who works here"),
                    _item("API keys", "apikey", "key", "Programs that ask and tell"),
                ],
            },
        ],
    },
    "TABS": [
        {
            "models": ["preferences.consentevent", "preferences.seal", "preferences.notice"],
            "items": [
                _item("Events", "consentevent"),
                _item("Seals", "seal"),
                _item("Notices", "notice"),
            ],
        },
        {
            "models": ["preferences.user", "auth.group"],
            "items": [
                _item("Staff", "user"),
                {
                    "title": "Groups",
                    "link": reverse_lazy("admin:auth_group_changelist"),
                    "permission": lambda request: request.user.has_perm("auth.view_group"),
                },
            ],
        },
    ],
}
