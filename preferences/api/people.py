"""The people a page is about: who was touched by events, who they are joined with, and how new what we know of them is."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Max

from preferences import decisions
from preferences.encryption import pseudonyms
from preferences.identifiers import Identifier
from preferences.models import ConsentEvent, Identity, Subscriber, Tombstone


@dataclass(slots=True)
class Person:
    """A root with its joined members, or a member alone that was joined into another person (`joined_into`)."""

    pk: int
    public_id: uuid.UUID
    version: int = 0
    joined_into: uuid.UUID | None = None
    erased_at: dt.datetime | None = None
    members: list[uuid.UUID] = field(default_factory=list)


def touched_by(events: Iterable[ConsentEvent]) -> set[int]:
    """The subscribers, with their roots, whose state the events may have changed: also who has a number of theirs now."""
    named = {event.subscriber for event in events} | {event.related for event in events if event.related}
    if not named:
        return set()
    pairs = list(Subscriber.objects.filter(public_id__any=named).values_list("pk", "root_id"))
    own = {pk for pair in pairs for pk in pair}
    return own | decisions.later_holders(own)


def people(subscribers: Iterable[int]) -> dict[int, Person]:
    """Each of them, by id, in the order of ids. `version` grows whenever something new is known of the person.

    The version is read before anything else about them, so a state read later is at least as new as it says.
    """
    ids = set(subscribers)
    roots = set(Subscriber.objects.filter(pk__any=ids).values_list("root_id", flat=True))
    rows = list(
        Subscriber.objects.filter(root__any=roots).order_by("pk").values_list("pk", "public_id", "root_id", "erased_at")
    )
    newest = dict(
        ConsentEvent.objects.filter(subscriber__any={row[1] for row in rows})
        .values_list("subscriber")
        .annotate(newest=Max("position"))
        .order_by()
    )
    public_ids = {pk: public_id for pk, public_id, _, _ in rows}
    members = defaultdict(list)
    versions: dict[int, int] = defaultdict(int)
    for _, public_id, root, _ in rows:
        members[root].append(public_id)
        versions[root] = max(versions[root], newest.get(public_id, 0))
    found = {}
    for pk, public_id, root, erased_at in rows:
        if pk in ids:
            joined = None if root == pk else public_ids[root]
            own = [other for other in members[pk] if other != public_id]
            found[pk] = Person(pk, public_id, versions[root], joined, erased_at, own)
    return found


def members_of(public_id: uuid.UUID) -> list[tuple[int, uuid.UUID, int]]:
    """Everybody who is one person with this one: id, public id and root. Nobody for an id that does not exist."""
    roots = Subscriber.objects.filter(public_id=public_id).values("root_id")
    return list(Subscriber.objects.filter(root__in=roots).values_list("pk", "public_id", "root_id"))


def known_as(one: Identifier) -> set[int]:
    """Who has this identifier: one person for a number, perhaps several for a user id; else who had it and was erased.

    A user id that was given up is still its person's: unlike a number it is never given to anybody else.
    """
    identities = Identity.objects.filter(match_key=one.match_key, scheme=one.scheme)
    found = set(identities.filter(ended_at=None).values_list("root_id", flat=True))
    if not found and one.scheme != "phone":
        found = set(identities.exclude(ended_at=None).values_list("root_id", flat=True))
    return found or _erased(one)


def _erased(one: Identifier) -> set[int]:
    keyed = pseudonyms(f"{one.scheme}:{one.match_key}")
    stones = Tombstone.objects.filter(key_id__in=[key for key, _ in keyed], digest__in=[digest for _, digest in keyed])
    return set(Subscriber.objects.filter(public_id__in=stones.values("public_id")).values_list("root_id", flat=True))
