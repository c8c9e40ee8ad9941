"""The configuration one batch needs: senders with their portfolio, brand and the brand's newest policy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F

from preferences import regimes
from preferences.models import (
    Approvals,
    Brand,
    Cell,
    Channel,
    PolicyVersion,
    Portfolio,
    Provider,
    Reach,
    Scope,
    Sender,
    UndoLine,
)
from preferences.models.scopes import ANY, ANY_BRAND, NO_BRAND


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy in force for a sender. Unsaved defaults (`version` 0) where a brand has none, or a sender no brand."""

    version: int = 0
    reach: str = Reach.BRAND
    confirms: bool = True
    undo_line: str = UndoLine.BY_LAW
    approvals: str = Approvals.TWO_PEOPLE
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """One sender as decisions see it. `brand` is None until somebody assigns the sender; `number` is empty until a webhook
    has shown it; `seat` is the country of the controller, empty if nobody entered it."""

    sender: int
    display: str
    portfolio: int
    brand: int | None
    controller: int
    brand_name: str
    controller_name: str
    brand_language: str
    support_contact: str
    policy: Policy
    number: str = ""
    seat: str = ""
    last_webhook_at: dt.datetime | None = None

    def cell(self, topic: str) -> Cell:
        """The cell a reply to this sender is about."""
        return Cell(self.controller, NO_BRAND if self.brand is None else self.brand, Channel.WHATSAPP, topic)

    def closing_scope(self, *, topic: str, country: str, at: dt.datetime) -> Scope:
        """How far a stop on this sender reaches: all channels of its brand, every brand if nobody assigned it, or the
        whole controller where policy or law says so (regimes.stop_reaches_controller)."""
        if self.brand is None:
            return Scope(brand=ANY_BRAND, channel=ANY, topic=topic)
        if self.policy.reach == Reach.CONTROLLER or regimes.stop_reaches_controller(country, at):
            return Scope(controller=self.controller, brand=ANY_BRAND, channel=ANY, topic=topic)
        return Scope(brand=self.brand, channel=ANY, topic=topic)

    def opening_scope(self, *, channel: str, topic: str) -> Scope:
        """How far START reaches: this channel alone, and no brand at all while the sender has none."""
        return Scope(brand=NO_BRAND if self.brand is None else self.brand, channel=channel, topic=topic)


def desks_of(sender_ids: Iterable[int]) -> dict[int, Desk]:
    """A desk for each of the senders, in two queries; none if there are none."""
    wanted = set(sender_ids)
    if not wanted:
        return {}
    senders = list(
        Sender.objects.filter(pk__any=wanted).select_related("brand__controller").only(
            "display", "key", "portfolio_id", "last_webhook_at", "brand__name", "brand__language", "brand__support_contact",
            "brand__controller__name", "brand__controller__seat",
        )
    )  # fmt: skip
    policies = _policies({sender.brand_id for sender in senders if sender.brand_id})
    return {sender.pk: _desk(sender, policies) for sender in senders}


def ensure_senders(refs: Iterable[tuple[str, str, str]]) -> dict[str, int]:
    """Ids of the WhatsApp senders in `refs` (account, key, display), created on the spot if never seen before.

    A new account gets a provisional portfolio `waba:<id>`.
    """
    wanted = {key: (account, display) for account, key, display in refs}
    known = dict(Sender.objects.filter(provider=Provider.WHATSAPP, key__any=list(wanted)).values_list("key", "pk"))
    for key in sorted(wanted.keys() - known.keys()):
        account, display = wanted[key]
        portfolio, _ = Portfolio.objects.get_or_create(provider=Provider.WHATSAPP, key=f"waba:{account}")
        sender, _ = Sender.objects.get_or_create(
            provider=Provider.WHATSAPP, key=key, defaults={"portfolio": portfolio, "display": display[:40]}
        )
        known[key] = sender.pk
    return known


def _policies(brands: set[int]) -> dict[int, Policy]:
    newest = PolicyVersion.objects.filter(brand__in=brands).order_by("brand_id", F("number").asc())
    return {
        row.brand_id: Policy(row.pk, row.reach, row.confirms, row.undo_line, row.approvals, tuple(row.languages))
        for row in newest
    }


def _desk(sender: Sender, policies: dict[int, Policy]) -> Desk:
    brand: Brand | None = sender.brand
    return Desk(
        sender=sender.pk,
        display=sender.display or sender.key,
        portfolio=sender.portfolio_id,
        brand=brand.pk if brand else None,
        controller=brand.controller_id if brand else 0,
        brand_name=brand.name if brand else (sender.display or sender.key),
        controller_name=brand.controller.name if brand else (sender.display or sender.key),
        brand_language=brand.language if brand else "en",
        support_contact=brand.support_contact if brand else "",
        policy=policies.get(brand.pk, Policy()) if brand else Policy(),
        number=sender.display,
        seat=brand.controller.seat if brand else "",
        last_webhook_at=sender.last_webhook_at,
    )
