"""Acts of staff on the house itself that bear on consent: a sender gets its brand, a wrong join is split."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.db.models import Q

from preferences.decisions.acts import Act, DecisionError, Recorded
from preferences.decisions.fold import CLOSING
from preferences.decisions.loading import lock
from preferences.decisions.recording import record_many
from preferences.identifiers import digest
from preferences.models import (
    Brand,
    ConsentEvent,
    EventKind,
    Identity,
    Scope,
    Sender,
    Source,
    Subscriber,
)
from preferences.models.scopes import ANY_BRAND, NO_BRAND

_CARRIED = [*CLOSING, EventKind.OPT_IN, EventKind.OPT_IN_REQUEST, EventKind.OPT_IN_ANSWER]


def assign_sender(sender: Sender, brand: Brand | None, *, actor: int, now: dt.datetime) -> int:
    """Give the sender its brand, and carry over what people said to it before, each as an event of that brand.

    The opt-outs that bound every brand stay as they are: tightening is never undone. Returns how many events were
    written; doing it again writes none. What a correction voided is not carried over.
    """
    with transaction.atomic():
        Sender.objects.filter(pk=sender.pk).update(brand=brand)
        if brand is None:
            return 0
        spoken = ConsentEvent.objects.filter(
            Q(brand=ANY_BRAND, controller=0, kind__in=CLOSING) | Q(brand=NO_BRAND, kind__in=_CARRIED), sender=sender.pk
        )
        rows = list(spoken.order_by("position"))
        corrections = ConsentEvent.objects.filter(subscriber__any={row.subscriber for row in rows})
        voided = set(corrections.filter(kind=EventKind.CORRECTION).values_list("voids", flat=True))
        rows = [row for row in rows if row.position not in voided]
        people = dict(
            Subscriber.objects.filter(public_id__any=[row.subscriber for row in rows]).values_list("public_id", "pk")
        )
        recorded = record_many(
            [_carried(row, people[row.subscriber], sender, brand, actor, now) for row in rows], now=now
        )
    return sum(one.is_new for one in recorded)


def _carried(row: ConsentEvent, subscriber: int, sender: Sender, brand: Brand, actor: int, now: dt.datetime) -> Act:
    return Act(
        subscriber=subscriber,
        kind=EventKind(row.kind),
        scope=Scope(brand=brand.pk, channel=row.channel, topic=row.topic),
        effective_at=row.effective_at,
        received_at=now,
        source=Source.SYSTEM,
        source_ref=digest(f"assign:{sender.pk}:{brand.pk}:{row.position}"),
        portfolio=sender.portfolio_id,
        sender=sender.pk,
        rule="sender/assigned",
        language=row.language,
        jurisdiction=row.jurisdiction,
        legal_basis=row.legal_basis,
        expression=row.expression,
        actor=actor,
        renews=row.position,
    )


def split(subscriber: Subscriber, *, actor: int, reason: str, now: dt.datetime) -> Recorded:
    """Undo a join: the subscriber stands alone again, with the identities and events that were its own.

    Raises DecisionError if it was never joined.
    """
    with transaction.atomic():
        lock([subscriber.pk])
        row = Subscriber.objects.select_related("root").get(pk=subscriber.pk)
        if row.root_id == row.pk:
            raise DecisionError("This subscriber was not joined to another one, so there is nothing to split.")
        former = row.root
        Subscriber.objects.filter(pk=row.pk).update(root=row.pk)
        Identity.objects.filter(subscriber=row.pk).update(root=row.pk)
        act = Act(
            subscriber=former.pk,
            kind=EventKind.SPLIT,
            scope=Scope(),
            effective_at=now,
            received_at=now,
            source=Source.STAFF,
            source_ref=digest(f"split:{uuid.uuid4()}"),
            actor=actor,
            reason=reason[:40],
            related=row.public_id,
        )
        return record_many([act], now=now, touched={row.pk, former.pk})[0]
