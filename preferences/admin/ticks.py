"""Live ticks of senders and portfolios: is the door set up, is it used, is anything blocked, does the account call us."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from preferences import channels
from preferences.admin import words
from preferences.admin.base import DeskAdmin
from preferences.channels import ChannelError
from preferences.models import DoorTick, InboxEntry, Portfolio, Sender
from preferences.webhooks.ticks import HANDSHAKE

#: A sender that was used and is silent for longer than this is worth a look.
_SILENT_AFTER = dt.timedelta(days=1)


class Tick(NamedTuple):
    """One thing to look at: its tone, its name, what is so and what to do."""

    tone: str
    name: str
    text: SafeString | str


def ticks_of(sender: Sender, now: dt.datetime) -> list[Tick]:
    """The ticks of one sender, in the order in which they are set up."""
    return [
        _handshake(sender, now),
        _signature(sender, now),
        _last_webhook(sender, now),
        _last_send(sender, now),
        *_blocks(sender, now),
    ]


def _handshake(sender: Sender, now: dt.datetime) -> Tick:
    seen = DoorTick.objects.filter(provider=sender.provider, name=HANDSHAKE).values_list("seen_at", flat=True).first()
    if seen:
        return Tick(words.GOOD, "Handshake seen", words.when(seen, now))
    text = "Enter the address of the webhook door and the verify token in the provider’s app dashboard."
    return Tick(words.DOUBT if not sender.last_webhook_at else words.PLAIN, "No handshake seen", text)


def _signature(sender: Sender, now: dt.datetime) -> Tick:
    """Only what is signed rightly is stored, so anything stored proves the secret."""
    is_right = (
        sender.last_webhook_at
        or Sender.objects.filter(provider=sender.provider).exclude(last_webhook_at=None).exists()
        or InboxEntry.objects.filter(provider=sender.provider).exists()
    )
    if is_right:
        return Tick(words.GOOD, "Signature right", "Webhooks were accepted with our secret.")
    text = "Nothing was accepted yet. If webhooks are sent, they are refused: set the app secret of the app that sends."
    return Tick(words.DOUBT, "Signature not seen", text)


def _last_webhook(sender: Sender, now: dt.datetime) -> Tick:
    if sender.last_webhook_at is None:
        return Tick(
            words.DOUBT, "No webhook yet", "Send a message to this number, and it appears here within a minute."
        )
    is_silent = now - sender.last_webhook_at > _SILENT_AFTER
    return Tick(words.DOUBT if is_silent else words.GOOD, "Last webhook", words.when(sender.last_webhook_at, now))


def _last_send(sender: Sender, now: dt.datetime) -> Tick:
    if sender.last_sent_at is None:
        return Tick(words.PLAIN, "Nothing sent yet", "The first confirmation is the first message.")
    return Tick(words.GOOD, "Last send", words.when(sender.last_sent_at, now))


def _blocks(sender: Sender, now: dt.datetime) -> list[Tick]:
    blocked: Sequence[tuple[str, Sender | Portfolio]] = (
        ("This number", sender),
        ("The whole portfolio", sender.portfolio),
    )
    return [
        Tick(words.BAD, "Blocked", format_html("{} sends nothing before {}. {}", who, end, one.blocked_reason))
        for who, one in blocked
        if one.blocked_until and one.blocked_until > now and (end := words.moment(one.blocked_until))
    ]


class TickedSenderAdmin(DeskAdmin):
    """A sender with its ticks."""

    @display(description="Live")
    def live(self, sender: Sender) -> SafeString:
        if sender.pk is None:
            return format_html("{}", "–")
        rows = [(words.badge(one.tone, one.name), one.text) for one in ticks_of(sender, timezone.now())]
        return format_html('<ul class="desk-ticks">{}</ul>', format_html_join("", "<li>{} <span>{}</span></li>", rows))

    @display(description="Last webhook")
    def last_webhook(self, sender: Sender) -> SafeString | str:
        return words.when(sender.last_webhook_at, timezone.now())

    @display(description="Last send")
    def last_send(self, sender: Sender) -> SafeString | str:
        return words.when(sender.last_sent_at, timezone.now())


class CheckedPortfolioAdmin(DeskAdmin):
    """A portfolio whose subscription to our webhooks can be asked about."""

    change_form_outer_after_template: Any = "admin/preferences/portfolio/check.html"

    def get_urls(self) -> list[URLPattern]:
        check = self.admin_site.admin_view(self.check_subscription)
        return [
            path("<path:object_id>/subscription/", check, name="preferences_portfolio_subscription"),
            *super().get_urls(),
        ]

    def check_subscription(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask the provider, keep the answer and say it. Only POST: it makes a call."""
        portfolio = self.get_object(request, object_id)
        if not self.has_change_permission(request, portfolio):
            raise PermissionDenied
        if portfolio is None:
            raise Http404
        if request.method == "POST":
            portfolio.subscription, portfolio.subscription_checked_at = _ask(portfolio), timezone.now()
            portfolio.save(update_fields=["subscription", "subscription_checked_at"])
            tone, text = subscription_in_words(portfolio)
            messages.add_message(request, messages.SUCCESS if tone == words.GOOD else messages.WARNING, text)
        return HttpResponseRedirect(reverse("admin:preferences_portfolio_change", args=[object_id]))

    @display(description="Webhook subscription")
    def subscribed(self, portfolio: Portfolio) -> SafeString:
        tone, text = subscription_in_words(portfolio)
        name = {words.GOOD: "Subscribed", words.BAD: "Not subscribed"}.get(tone, "Not known")
        checked = portfolio.subscription_checked_at
        when = format_html(" Checked {}.", words.when(checked, timezone.now())) if checked else ""
        return format_html("{} {}{}", words.badge(tone, name), text, when)


def _ask(portfolio: Portfolio) -> dict[str, Any]:
    try:
        answer = channels.subscription_of(portfolio)
    except ChannelError as error:
        return {"error": str(error)}
    return {"is_subscribed": answer.is_subscribed, "apps": list(answer.apps), "error": answer.error}


def subscription_in_words(portfolio: Portfolio) -> tuple[str, str]:
    """Tone and sentences: subscribed or not, which apps, what to do."""
    answer = portfolio.subscription
    if not answer:
        return words.DOUBT, "It was never checked. Check it to know whether WhatsApp calls us for this account."
    if answer.get("error"):
        return words.DOUBT, f"It could not be checked: {answer['error']}"
    apps = ", ".join(answer.get("apps", ()))
    if answer.get("is_subscribed"):
        return words.GOOD, f"WhatsApp calls this account’s apps: {apps}." if apps else "WhatsApp calls our app."
    others = f" Only these apps are called: {apps}." if apps else " No app is called."
    return words.BAD, (
        f"WhatsApp does not call us for this account, so no opt-out arrives.{others} Subscribe our app to the account in "
        "the provider’s dashboard, then check again."
    )
