"""Asks WhatsApp whether an app gets the webhooks of an account: without one no reply ever arrives."""

from __future__ import annotations

from dataclasses import dataclass

from preferences import credentials
from preferences.channels.graph import Connections, Graph, GraphError, NoAnswerError, NotConnectedError
from preferences.channels.graph_errors import verdict
from preferences.models import Portfolio


@dataclass(frozen=True, slots=True)
class Subscription:
    """The names of the apps that get the account's webhooks; `error` says in words why nobody knows."""

    is_subscribed: bool
    apps: tuple[str, ...] = ()
    error: str = ""


def subscription_of(portfolio: Portfolio) -> Subscription:
    """Ask for one portfolio (GET /<WABA_ID>/subscribed_apps). Never raises for what the other side does."""
    account = portfolio.key.removeprefix("waba:")
    own = credentials.of_portfolios([portfolio.pk]).get(portfolio.pk)
    if own is None:
        return Subscription(False, error="No access token is set for this account.")
    if not account.isascii() or not account.isdigit():
        return Subscription(False, error="The WhatsApp Business Account of this portfolio is not known.")
    try:
        with Connections() as connections:
            answer = Graph(connections.session(), own).get(f"{account}/subscribed_apps")
    except GraphError as error:
        words = verdict(error.code, subcode=error.subcode, is_transient=error.is_transient).words
        return Subscription(False, error=f"{words} (Error {error.code}.)")
    except (NotConnectedError, NoAnswerError) as error:
        return Subscription(False, error=str(error))
    return _read(answer)


def _read(answer: dict[str, object]) -> Subscription:
    rows = answer.get("data")
    if not isinstance(rows, list):
        return Subscription(False, error="WhatsApp's answer is not a list of apps.")
    apps = [row.get("whatsapp_business_api_data") for row in rows if isinstance(row, dict)]
    names = [str(app.get("name") or app.get("id") or "?") for app in apps if isinstance(app, dict)]
    return Subscription(bool(names), tuple(names))
