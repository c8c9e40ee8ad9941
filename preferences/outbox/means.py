"""What a batch of deliveries is sent with: numbers and their blocks, access tokens, open windows, approved templates."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Max

from preferences import credentials
from preferences.channels import is_remote
from preferences.credentials import Credentials
from preferences.decisions import Desk
from preferences.models import Delivery, Reply, Sender, TemplateState, UtilityTemplate
from preferences.models.blocks import Block

#: WhatsApp lets a business write freely for 24 hours after the person's last message; the rest is for the way.
FREE_FORM_WITHIN = dt.timedelta(hours=23, minutes=50)


@dataclass(frozen=True, slots=True)
class Number:
    """One sender as it is now: the provider's key, its portfolio, and what blocks either of them longest."""

    key: str
    portfolio: int
    block: Block | None


@dataclass(frozen=True, slots=True)
class Means:
    """Loaded in a fixed number of queries. `heard_at` is by person (root) and sender."""

    numbers: Mapping[int, Number]
    credentials: Mapping[int, Credentials] = field(default_factory=dict)
    heard_at: Mapping[tuple[int, int], dt.datetime] = field(default_factory=dict)
    templates: Mapping[tuple[int, int, str], list[UtilityTemplate]] = field(default_factory=dict)

    def is_window_open(self, root: int, sender: int, now: dt.datetime) -> bool:
        """Whether the person wrote to this number so lately that it may write freely."""
        heard_at = self.heard_at.get((root, sender))
        return heard_at is not None and now - heard_at < FREE_FORM_WITHIN

    def template_for(self, desk: Desk, kind: str, language: str) -> UtilityTemplate | None:
        """The brand's usable template in the person's language, else in the brand's; None where it has neither.

        A language WhatsApp tells apart by country ("pt_BR") serves the language itself.
        """
        offered = self.templates.get((desk.brand or 0, desk.portfolio, kind), [])
        for wanted in (language, desk.brand_language):
            exact = [one for one in offered if _plain(one.language) == _plain(wanted)]
            close = [one for one in offered if _base(one.language) == _base(wanted)]
            if found := exact or close:
                return min(found, key=lambda one: (one.language, one.pk))
        return None


def _plain(language: str) -> str:
    return language.replace("-", "_").lower()


def _base(language: str) -> str:
    return _plain(language).partition("_")[0]


def look(claimed: Iterable[Delivery], roots: Mapping[int, int], now: dt.datetime) -> Means:
    """Everything these deliveries are sent with; where nothing leaves the house only the numbers."""
    numbers = _numbers({delivery.sender_id for delivery in claimed if delivery.sender_id}, now)
    leaving = [delivery for delivery in claimed if is_remote(delivery.destination.kind)]
    if not leaving:
        return Means(numbers)
    return Means(
        numbers,
        credentials.of_portfolios({number.portfolio for number in numbers.values()}),
        _heard_at({roots[delivery.subscriber_id] for delivery in leaving}, numbers, now),
        _templates({number.portfolio for number in numbers.values()}, {delivery.kind for delivery in leaving}),
    )


def _numbers(senders: set[int], now: dt.datetime) -> dict[int, Number]:
    rows = Sender.objects.filter(pk__any=senders).values_list(
        "pk", "key", "portfolio_id", "blocked_until", "blocked_reason", "portfolio__blocked_until",
        "portfolio__blocked_reason",
    )  # fmt: skip
    numbers = {}
    for pk, key, portfolio, own_until, own_reason, until, reason in rows:
        blocks = [Block(at, why) for at, why in ((own_until, own_reason), (until, reason)) if at and at > now]
        numbers[pk] = Number(key, portfolio, max(blocks, default=None))
    return numbers


def _heard_at(people: set[int], senders: Iterable[int], now: dt.datetime) -> dict[tuple[int, int], dt.datetime]:
    lately = Reply.objects.filter(
        subscriber__root__any=people, sender__any=set(senders), sent_at__gt=now - FREE_FORM_WITHIN
    )
    rows = lately.values_list("subscriber__root", "sender").annotate(newest=Max("sent_at")).order_by()
    return {(root, sender): newest for root, sender, newest in rows}


def _templates(portfolios: set[int], kinds: set[str]) -> dict[tuple[int, int, str], list[UtilityTemplate]]:
    found = defaultdict(list)
    usable = UtilityTemplate.objects.filter(state=TemplateState.USABLE, portfolio__in=portfolios, kind__in=kinds)
    for one in usable:
        found[one.brand_id, one.portfolio_id, one.kind].append(one)
    return found
