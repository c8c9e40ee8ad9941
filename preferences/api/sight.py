"""What a key may see: everything, or what concerns its brands. Rows that bind every brand concern each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError

from preferences.models import (
    ApiKey,
    Brand,
    Consent,
    EventKind,
    Hold,
    Pause,
    PlatformStop,
    Reply,
    Sender,
    Subscriber,
)
from preferences.models.consents import ScopedRow
from preferences.models.scopes import ANY_BRAND, ANY_CONTROLLER

_OF_PLATFORM = (EventKind.PLATFORM_STOP, EventKind.PLATFORM_RESUME)


@dataclass(frozen=True, slots=True)
class Sight:
    """The brands a program looks through; None is all there are, also those nobody has assigned."""

    brands: tuple[Brand, ...] | None

    @classmethod
    def of(cls, key: ApiKey) -> Sight:
        brands = tuple(key.brands.order_by("pk"))
        return cls(brands or None)

    def narrowed(self, slug: str | None) -> Sight:
        """To one brand. A brand of somebody else looks like one that does not exist."""
        if slug is None:
            return self
        asked = slug if slug.isprintable() else ""  # a database may refuse to look for anything else
        known = self.brands if self.brands is not None else Brand.objects.filter(slug=asked)
        found = tuple(brand for brand in known if brand.slug == asked)
        if not found:
            raise ValidationError({"brand": "This key knows no such brand."})
        return Sight(found)

    def scopes(self) -> Q:
        """The rows with a scope that concern these brands."""
        if self.brands is None:
            return Q()
        controllers = {ANY_CONTROLLER, *(brand.controller_id for brand in self.brands)}
        own = Q(brand__in=[brand.pk for brand in self.brands])
        return own | Q(brand=ANY_BRAND, controller__in=sorted(controllers))

    def acts(self) -> Q:
        """The events that may change what these brands may send: WhatsApp's own stop suppresses a whole portfolio, so at
        any of its senders, also one of another brand."""
        if self.brands is None:
            return Q()
        portfolios = sorted(set(self.senders().values_list("portfolio_id", flat=True)))
        return self.scopes() | Q(kind__in=_OF_PLATFORM, portfolio__in=portfolios)

    def senders(self) -> QuerySet[Sender]:
        """The senders of these brands, and those nobody has assigned: their opt-outs bind every brand."""
        if self.brands is None:
            return Sender.objects.all()
        return Sender.objects.filter(Q(brand=None) | Q(brand__in=[brand.pk for brand in self.brands]))

    def traces(self) -> list[tuple[QuerySet[Any], str]]:
        """Everything that shows that somebody has had to do with these brands, with the field that names the record."""
        senders = self.senders()
        scoped: tuple[type[ScopedRow], ...] = (Consent, Hold, Pause)
        stops = PlatformStop.objects.filter(portfolio__in=set(senders.values_list("portfolio_id", flat=True)))
        replies = Reply.objects.filter(sender__in=set(senders.values_list("pk", flat=True)))
        return [
            *((model._default_manager.filter(self.scopes()), "subscriber") for model in scoped),
            (stops, "subscriber"),
            (replies, "subscriber"),
        ]

    def seen(self, roots: set[int]) -> set[int]:
        """Which of these people have ever had to do with these brands, by any of their records."""
        if self.brands is None:
            return roots
        records = dict(Subscriber.objects.filter(root__any=roots).values_list("pk", "root_id"))
        return {
            records[pk]
            for found, field in self.traces()
            for pk in found.filter(**{f"{field}__any": set(records)}).values_list(field, flat=True).distinct()
        }
