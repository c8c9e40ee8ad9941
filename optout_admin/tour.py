"""The guided list on the demo's first page: what to look at, with a link to each person."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from preferences import demo
from preferences.identifiers import parse_recipient
from preferences.models import Identity


@dataclass(frozen=True, slots=True)
class Stop:
    """One line of the list."""

    title: str
    look: str
    link: str


def stops(request: HttpRequest) -> list[Stop]:
    """The chapters whose people are there already (the sample data comes while the desk is open). One query.

    Empty outside the demo and for those who may not see people.
    """
    if not (settings.DEMO and request.user.has_perm("preferences.view_subscriber")):
        return []
    keys = {chapter: one.match_key for chapter in demo.CHAPTERS if (one := parse_recipient(chapter.person.recipient))}
    live = Identity.objects.filter(match_key__in=keys.values(), ended_at=None)
    people = dict(live.values_list("match_key", "subscriber_id"))
    return [
        Stop(chapter.title, chapter.look, reverse("admin:preferences_subscriber_change", args=[people[key]]))
        for chapter, key in keys.items()
        if key in people
    ]
