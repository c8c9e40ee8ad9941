"""What the lists of the API have in common: who sees what, which filters there are, and the shape of a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
    inline_serializer,
)
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from preferences import eligibility
from preferences.api import pages, people
from preferences.api.base import ApiView
from preferences.api.sight import Sight
from preferences.models import Brand, ConsentEvent, Subscriber
from preferences.models.scopes import ANY_BRAND, NO_BRAND


class ListView(ApiView, GenericAPIView[Any]):
    """A list with filters. Refuses filters it does not have: they would answer more than was asked for."""

    filter_backends = [DjangoFilterBackend]
    filterset_class: Any = None
    pagination_class = None
    has_delta = True
    #: Filters that an index answers, so that no stretch of the table needs to be looked at.
    narrow: tuple[str, ...] = ("subscriber",)
    sight: Sight

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        pages.refuse_unknown(request, self.known_parameters())
        self.sight = Sight.of(self.key).narrowed(request.query_params.get("brand"))

    def known_parameters(self) -> list[str]:
        paging = [name for name in pages.PAGING if self.has_delta or name != "since"]
        return [*self.filterset_class.base_filters, *paging]

    def get(self, request: Request) -> Response:
        turn = pages.turn(request, head=eligibility.position(), has_delta=self.has_delta)
        page = self.page(turn)
        return Response({"position": page.position, "next": page.next, "results": self.shown(page.results)})

    def page(self, turn: pages.Turn) -> pages.Page:
        raise NotImplementedError

    def shown(self, results: Any) -> Any:
        return self.get_serializer(results, many=True).data

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "slugs": dict(Brand.objects.values_list("pk", "slug"))}

    @property
    def is_narrow(self) -> bool:
        return any(name in self.request.query_params for name in self.narrow)

    def changed(self, turn: pages.Turn) -> tuple[set[int], int]:
        """The subscribers something new was recorded about, and the position up to which these are all."""
        if self.is_narrow:
            raise ValidationError({"since": "One person needs no delta: leave out `since`, this is all there is now."})
        found, position = pages.events_since(
            ConsentEvent.objects.filter(self.sight.acts()),
            since=turn.since or 0,
            limit=turn.limit,
            head=turn.position,
        )
        return people.touched_by(found), position

    def stretch(self, turn: pages.Turn, *found: tuple[QuerySet[Any], str]) -> tuple[list[int], int | None]:
        """The next people of the querysets (each with the field that names the person), in the order of their ids, and
        where to go on (None: that was all)."""
        newest = Subscriber.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        upto = newest if self.is_narrow else min(newest, turn.after + pages.WINDOW)
        ids: set[int] = set()
        for rows, field in found:
            within = rows.filter(**{f"{field}__gt": turn.after, f"{field}__lte": upto})
            ids.update(within.order_by(field).values_list(field, flat=True).distinct()[: turn.limit])
        chosen = sorted(ids)[: turn.limit]
        last = chosen[-1] if len(chosen) == turn.limit else upto
        return chosen, (last if last < newest else None)


class ScopeSerializer(serializers.Serializer[Any]):
    """How far something reaches. It also binds brands, channels and topics that are created later."""

    reach = serializers.SerializerMethodField(
        help_text="`every_brand`, `controller` (all brands of one legal person), `brand`, or `no_brand`: an opt-in to a "
        "sender that no brand owns yet."
    )
    brand = serializers.SerializerMethodField(help_text="Short name of the brand, if it is one.")
    channel = serializers.CharField(help_text="`whatsapp`, `sms`, `email`, `voice`, `push`, or `any`.")
    topic = serializers.CharField(
        help_text="`marketing` (and every topic below it), `ad_sharing`, `service`, a topic of the brand's own, or `any`."
    )

    def get_reach(self, row: Any) -> str:
        if row.brand == NO_BRAND:
            return "no_brand"
        if row.brand == ANY_BRAND:
            return "controller" if row.controller else "every_brand"
        return "brand"

    def get_brand(self, row: Any) -> str | None:
        slugs: dict[int, str] = self.context["slugs"]
        return slugs.get(row.brand)


@extend_schema_field({"type": "string", "pattern": "^([0-9a-f]{2})*$"})
class HexField(serializers.Field):  # type: ignore[type-arg]
    """Bytes as lower-case hexadecimal digits."""

    def to_representation(self, value: Any) -> str:
        return bytes(value).hex()


_POSITION = "Ledger position up to which this answer is complete. A whole number without gaps, in the order of commits."
_NEXT = "Address (path and query) of the next page, to be taken as it is; null when this was the last."
_LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": pages.MAX_LIMIT, "default": pages.DEFAULT_LIMIT},
    description="Most results of one page. A page may hold fewer, even none: go on while there is a `next`.",
)
_CURSOR = OpenApiParameter("cursor", OpenApiTypes.STR, description="From `next`; opaque.")
_SINCE = OpenApiParameter(
    "since",
    {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
    description="What is new after this ledger position: the `position` of the last answer.",
)


def describe(
    resource: str, item: type[serializers.Serializer[Any]], text: str, *, has_delta: bool = True
) -> Callable[[type[ListView]], type[ListView]]:
    """The schema of a list: its page, its ways to turn pages, its filters."""
    page = inline_serializer(
        f"{item.__name__.removesuffix('Serializer')}Page",
        {
            "position": serializers.IntegerField(help_text=_POSITION),
            "next": serializers.CharField(allow_null=True, help_text=_NEXT),
            "results": item(many=True, help_text="This page, in the order in which it is read."),
        },
    )
    parameters = [_SINCE, _CURSOR, _LIMIT] if has_delta else [_CURSOR, _LIMIT]
    schema = extend_schema(
        operation_id=f"list_{resource}",
        tags=[resource],
        summary=text.partition("\n")[0],
        description=text,
        parameters=parameters,
        filters=True,
        responses=page,
    )
    decorate: Callable[[type[ListView]], type[ListView]] = extend_schema_view(get=schema)
    return decorate
