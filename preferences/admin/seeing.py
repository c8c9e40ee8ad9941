"""Who saw whose personal data, when and why: every search, view and reveal leaves a record that nobody can take back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from preferences.admin.finding import Found
from preferences.models import AccessAction, AccessRecord, Identity, Subscriber, User

#: Somebody who leafs through one person's timeline looks at them once.
_ONE_VIEW = dt.timedelta(minutes=10)
#: A reason given for a ticket serves it this long.
_ONE_TICKET = dt.timedelta(days=30)
#: Seeing whole numbers needs this beside the right to see people (a model permission of Django's own).
MAY_REVEAL = "preferences.view_identity"


class NoReasonError(Exception):
    """A number is shown only for a reason; the message says what to do."""


def searched(user: Any, found: Found) -> None:
    """Record a search: by what and how many it found, never what was typed."""
    number = len(found.roots)
    people = "nobody found" if not number else "one person found" if number == 1 else f"{number} people found"
    _record(user, AccessAction.SEARCH, detail=f"By {found.kind}: {people}")


def viewed(user: Any, root: Subscriber, *, what: str = "Page") -> None:
    """Record that `user` looked at a person; leafing within ten minutes is one view."""
    since = timezone.now() - _ONE_VIEW
    before = AccessRecord.objects.filter(
        subscriber=root.public_id, actor_id=user.pk, action=AccessAction.VIEW, detail=what, at__gt=since
    )
    if not before.exists():
        _record(user, AccessAction.VIEW, subscriber=root, detail=what)


def viewed_many(user: Any, roots: Iterable[Subscriber], *, what: str) -> None:
    """`viewed` for many people at once, in two queries whatever their number."""
    people = [root.public_id for root in roots]
    since = timezone.now() - _ONE_VIEW
    before = set(
        AccessRecord.objects.filter(
            subscriber__in=people, actor_id=user.pk, action=AccessAction.VIEW, detail=what, at__gt=since
        ).values_list("subscriber", flat=True)
    )
    AccessRecord.objects.bulk_create(
        AccessRecord(actor_id=user.pk, action=AccessAction.VIEW, subscriber=one, detail=what)
        for one in people
        if one not in before
    )


def viewed_body(user: Any, entry: int) -> None:
    """Record that `user` read the body of a webhook, which may be about anybody."""
    _record(user, AccessAction.VIEW, detail=f"Body of webhook {entry}")


def reveal(user: Any, root: Subscriber, *, reason: str, ticket: str) -> list[Identity]:
    """The identities of a person in clear, once the reason is on record: the record is written before they are read.

    One reason serves a whole ticket: without one, that which `user` gave for the same ticket before counts. Raises
    NoReasonError when there is none.
    """
    with transaction.atomic():
        reason = reason or _reason_of(user, ticket)
        if not reason:
            raise NoReasonError(
                "Say what the number is needed for. A ticket you gave a reason for before needs no other."
            )
        _record(user, AccessAction.REVEAL, subscriber=root, reason=reason, ticket=ticket, detail="Numbers and user ids")
        return list(Identity.objects.filter(root=root).order_by("pk"))


def _reason_of(user: Any, ticket: str) -> str:
    if not ticket:
        return ""
    since = timezone.now() - _ONE_TICKET
    mine = AccessRecord.objects.filter(actor_id=user.pk, action=AccessAction.REVEAL, ticket=ticket, at__gt=since)
    return mine.order_by("-at").values_list("reason", flat=True).first() or ""


def _record(
    user: User,
    action: AccessAction,
    *,
    subscriber: Subscriber | None = None,
    reason: str = "",
    ticket: str = "",
    detail: str = "",
) -> None:
    AccessRecord.objects.create(
        actor_id=user.pk,
        action=action,
        subscriber=subscriber.public_id if subscriber else None,
        reason=reason,
        ticket=ticket,
        detail=detail,
    )
