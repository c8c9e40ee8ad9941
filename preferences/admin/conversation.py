"""What a person and a business said to each other around one reply, as far as the desk knows it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from django.utils import timezone
from django.utils.safestring import SafeString

from preferences import sent_texts
from preferences.admin import words
from preferences.admin.base import text_of
from preferences.models import Delivery, Reply, SentText

#: Messages of each kind that are shown.
MOST_AROUND = 6


class Said(NamedTuple):
    """One message around the reply. `who` says whose it is."""

    at: dt.datetime
    who: str
    text: str
    is_this: bool = False

    @property
    def when(self) -> SafeString | str:
        return words.when(self.at, timezone.now())


def around(reply: Reply, text: str) -> Sequence[Said]:
    """The conversation around a reply in the order of its messages, as far as we know it: at most ten queries."""
    root = reply.subscriber.root_id
    near = Reply.objects.filter(subscriber__root=root).exclude(pk=reply.pk)
    theirs = [*near.filter(sent_at__lte=reply.sent_at).order_by("-sent_at", "-pk")[:MOST_AROUND]]
    theirs += near.filter(sent_at__gt=reply.sent_at).order_by("sent_at", "pk")[:MOST_AROUND]
    said = [Said(one.sent_at, "The person", text_of(one)) for one in theirs]
    said.append(Said(reply.sent_at, "The person", text, is_this=True))
    people = list(reply.subscriber.root.members.values_list("pk", flat=True))
    answered = bytes(reply.context)
    staff = (
        SentText.objects.filter(subscriber__in=people).order_by("-sent_at", "digest").values_list("digest", "sent_at")
    )
    times = {bytes(key): at for key, at in staff[:MOST_AROUND]}
    if answered:  # it may be from before the person was known
        times |= {
            bytes(key): at for key, at in SentText.objects.filter(digest=answered).values_list("digest", "sent_at")
        }
    known = sent_texts.texts_of_staff(set(times))
    said += [Said(times[key], "The business", one.text) for key, one in known.items()]
    told = Delivery.objects.filter(subscriber__in=people, notice__isnull=False).select_related("notice")
    said += [
        Said(one.finished_at or one.created_at, "The desk", one.notice.text)
        for one in told.order_by("-pk")[:MOST_AROUND]
        if one.notice
    ]
    found = None if answered in known else sent_texts.texts_of([answered] if answered else []).get(answered)
    if found and found.origin is not sent_texts.Origin.NOTICE:  # notices are among the deliveries
        said.append(Said(reply.sent_at, "Answered message", found.text))
    return sorted(said, key=lambda one: (one.at, one.is_this))
