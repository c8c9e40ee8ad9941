"""Who is it? Turns the identifiers that webhooks show into subscribers, a whole batch in a fixed number of queries.

Phone and BSUID seen together are one person, unless the phone already has another live BSUID in that portfolio: then
the number has a new holder, the old phone identity ends and nothing but its stops stays on the number
(`decisions.loading` carries them). Joins are pointers to one root; nothing is merged. What was seen late is put where its
own time belongs, so the order of webhooks does not matter.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from preferences.identifiers import country_of_bsuid, country_of_phone, match_key
from preferences.interpretation.observations import Person
from preferences.models import Identity, JurisdictionSource, Scheme, Subscriber, batches

#: Rewriting a row for each message would cost more than it tells.
_SEEN_AFTER = dt.timedelta(days=1)
_FIELDS = ("id", "scheme", "scope", "value", "match_key", "subscriber_id", "root_id", "since", "seen_at", "ended_at")


class Change(NamedTuple):
    """The provider says that `previous` is now `current`: the same person with another number, user id or both."""

    previous: Person
    current: Person
    portfolio: int
    at: dt.datetime


class Key(NamedTuple):
    scheme: str
    scope: int
    match_key: str


#: Identities with their spelling, the surest first.
Keys = list[tuple[Key, str]]


class Sighting(NamedTuple):
    """Identifiers seen together for one person, in a portfolio, at the time the person acted."""

    person: Person
    portfolio: int
    at: dt.datetime
    keys: Keys

    @classmethod
    def of(cls, person: Person, portfolio: int, at: dt.datetime) -> Sighting:
        return cls(person, portfolio, at, _keys(person, portfolio))


@dataclass(slots=True)
class _Row:
    id: int | None
    scheme: str
    scope: int
    value: str
    match_key: str
    subscriber: int
    root: int
    since: dt.datetime
    seen_at: dt.datetime
    ended_at: dt.datetime | None
    is_changed: bool = False


class Newcomer(NamedTuple):
    id: int
    public_id: uuid.UUID
    country: str
    source: str
    at: dt.datetime


class People:
    """The identities a batch is about, in memory. Call `sight` and `change` in the order of time, then `save`."""

    def __init__(
        self,
        sightings: Iterable[Sighting],
        changes: Iterable[Change],
        *,
        now: dt.datetime,
        known: set[int] | None = None,
    ) -> None:
        """`known` are subscribers that `link` may name beside those who are sighted; None: it will not be called."""
        self._now = now
        self._rows: dict[Key, list[_Row]] = defaultdict(list)
        self._roots: dict[int, list[_Row]] = defaultdict(list)
        self._newcomers: dict[int, Newcomer] = {}
        self._parents: dict[int, int] = {}
        self.touched: set[int] = set()
        self.joined: list[tuple[int, int, dt.datetime]] = []
        self._root_by_subscriber: dict[int, int] = {}
        seen = [sighting.keys for sighting in sightings]
        moves = list(changes)
        keys = {key for found in seen for key, _ in found}
        for move in moves:
            keys |= {key for person in (move.previous, move.current) for key, _ in _keys(person, move.portfolio)}
        self._load(keys)
        strangers = sum(1 for found in seen if any(key not in self._rows for key, _ in found))
        split = [found for found in seen if self._is_split(found)]
        self._load_companions(split, moves, known)
        self._ids: Iterator[int] = batches.reserve_ids(Subscriber, strangers + len(split) + 3 * len(moves))

    # Lookups ----------------------------------------------------------------------------------------------------------

    def _load(self, keys: set[Key]) -> None:
        match_keys = {key.match_key for key in keys}
        if not match_keys:
            return
        for rows in (
            Identity.objects.filter(match_key__any=match_keys, ended_at=None),
            Identity.objects.filter(match_key__any=match_keys).exclude(ended_at=None),
        ):
            for values in batches.read(rows.values_list(*_FIELDS)):
                self._add(_Row(*values))

    def _load_companions(self, split: list[Keys], moves: list[Change], known: set[int] | None) -> None:
        """The other live identities of people who may change hands or be joined."""
        roots = {row.root for found in split for row in self._known(found)}
        if moves or known is not None:
            roots |= set(self._roots)
        if known:
            self._root_by_subscriber = dict(Subscriber.objects.filter(pk__any=known).values_list("pk", "root_id"))
            roots |= set(self._root_by_subscriber.values())
        if not roots:
            return
        loaded = {row.id for rows in self._rows.values() for row in rows}
        others = Identity.objects.filter(root__any=roots, ended_at=None).values_list(*_FIELDS)
        for values in batches.read(others):
            if values[0] not in loaded:
                self._add(_Row(*values))

    def _add(self, row: _Row) -> None:
        self._rows[Key(row.scheme, row.scope, row.match_key)].append(row)
        self._roots[row.root].append(row)

    def _known(self, found: Keys) -> list[_Row]:
        return [row for key, _ in found for row in self._rows.get(key, ())]

    def _is_split(self, found: Keys) -> bool:
        """Whether the identifiers of one sighting do not all belong, or did not always belong, to one known person."""
        rows = self._known(found)
        return bool(rows) and len(found) > 1 and (len(rows) != len(found) or len({row.root for row in rows}) > 1)

    def _holder(self, key: Key, at: dt.datetime) -> _Row | None:
        """Who held the identifier at that time. A user id is never given to anybody else, so its last holder stands."""
        rows = self._rows.get(key)
        if not rows:
            return None
        if len(rows) == 1 and rows[0].ended_at is None:
            return rows[0]
        ended = [row for row in rows if row.ended_at is not None and row.ended_at > at]
        if ended:
            return min(ended, key=lambda row: row.ended_at or at)
        live = next((row for row in rows if row.ended_at is None), None)
        if live is None and key.scheme != Scheme.PHONE:
            return max(rows, key=lambda row: row.ended_at or at)
        return live

    def _holders(self, sighting: Sighting) -> dict[str, _Row | None]:
        return {key.scheme: self._holder(key, sighting.at) for key, _ in sighting.keys}

    def _has_other_bsuid(self, root: int, portfolio: int, *own: str | None) -> bool:
        return any(
            row.scheme == Scheme.BSUID and row.scope == portfolio and row.ended_at is None and row.value not in own
            for row in self._roots[root]
        )

    # What a batch does ------------------------------------------------------------------------------------------------

    def sight(self, sighting: Sighting) -> int:
        """The subscriber who acted, created on the spot if never seen before; learns what belongs together."""
        person, at = sighting.person, sighting.at
        holders = self._holders(sighting)
        owner = holders.get(Scheme.BSUID) or holders.get(Scheme.PARENT_BSUID)
        phone = holders.get(Scheme.PHONE)
        if person.bsuid and phone and (owner is None or owner.root != phone.root):
            owner = self._meet(phone, owner, sighting)
            holders = self._holders(sighting)
        owner = owner or phone or holders.get(Scheme.EMAIL)
        parent = holders.get(Scheme.PARENT_BSUID)
        if owner and parent and parent.root != owner.root:
            self._join(owner.root, parent.root, at)
        subscriber, root = (owner.subscriber, owner.root) if owner else self._newcomer(person, at)
        self._root_by_subscriber[subscriber] = root
        for key, value in sighting.keys:
            row = holders[key.scheme]
            if row is None:
                self._add(_Row(None, key.scheme, key.scope, value, key.match_key, subscriber, root, at, at, None))
            elif at - row.seen_at > _SEEN_AFTER or at < row.since:
                row.seen_at, row.since = max(at, row.seen_at), min(at, row.since)
                row.is_changed = True
        return subscriber

    def _meet(self, phone: _Row, owner: _Row | None, sighting: Sighting) -> _Row:
        """A phone that is known with a BSUID that is new, or known as somebody else."""
        person, portfolio, at, _ = sighting
        if not self._has_other_bsuid(phone.root, portfolio, person.bsuid):
            if owner:
                self._join(owner.root, phone.root, at)
            return owner or phone
        if owner is None:
            subscriber, root = self._newcomer(person, at)
            value = person.bsuid or ""
            owner = _Row(None, Scheme.BSUID, portfolio, value, value, subscriber, root, at, at, None)
            self._add(owner)
        self._hand_over(phone, owner.subscriber, owner.root, at)
        return owner

    def link(self, one: int, other: int, portfolio: int, at: dt.datetime) -> None:
        """A message to one was answered by the other: they are one person, unless each has a number or a user id of
        their own (then the number changed hands between message and answer)."""
        first, second = (self.root_of(self._root_by_subscriber.get(pk, pk)) for pk in (one, other))
        rows = [row for root in {first, second} for row in self._roots[root] if row.ended_at is None]
        numbers = {row.match_key for row in rows if row.scheme == Scheme.PHONE}
        bsuids = {row.value for row in rows if row.scheme == Scheme.BSUID and row.scope == portfolio}
        if len(numbers) < 2 and len(bsuids) < 2:
            self._join(first, second, at)

    def change(self, change: Change) -> int:
        """The subscriber who moved. The stop follows the person; the old number starts anew with its stops only."""
        previous, current, portfolio, at = change
        before = [self._holder(key, at) for key, _ in _keys(previous, portfolio)]
        # Whoever was seen with the old number only later is its next holder, not the one who left it.
        before = [row for row in before if row and (row.scheme != Scheme.PHONE or row.since <= at)]
        after = [self._holder(key, at) for key, _ in _keys(current, portfolio) if key.scheme != Scheme.PHONE]
        owner = next(iter(before), None) or next((row for row in after if row), None)
        subscriber, root = (owner.subscriber, owner.root) if owner else self._newcomer(current, at)
        for row in [*before, *after]:
            if row and row.root != root and row.scheme != Scheme.PHONE:
                self._join(root, row.root, at)
                root = self.root_of(root)
        for key, value in _keys(previous, portfolio):
            self._leave(key, value, subscriber, root, at)
        for key, value in _keys(current, portfolio):
            self._arrive(key, value, subscriber, root, change)
        self.touched.add(root)
        return subscriber

    def _leave(self, key: Key, value: str, subscriber: int, root: int, at: dt.datetime) -> None:
        """The person no longer has this identifier; a phone left behind waits for its next holder."""
        rows = self._rows.get(key, ())
        live = next((row for row in rows if row.ended_at is None), None)
        own = [row for row in rows if row.root == root]
        for row in own:
            if row.ended_at is None or row.ended_at > at:
                row.ended_at, row.is_changed = max(at, row.since), True
        if not own:
            self._add(_Row(None, key.scheme, key.scope, value, key.match_key, subscriber, root, at, at, at))
        if key.scheme == Scheme.PHONE and (live is None or live.root == root):
            heir, heir_root = self._newcomer(Person(phone=value), at)
            self._add(_Row(None, key.scheme, key.scope, value, key.match_key, heir, heir_root, at, at, None))
            self.touched.add(heir_root)

    def _arrive(self, key: Key, value: str, subscriber: int, root: int, change: Change) -> None:
        """The person now has this identifier, whoever had it before."""
        live = next((row for row in self._rows.get(key, ()) if row.ended_at is None), None)
        if live is None:
            if not any(row.root == root for row in self._rows.get(key, ())):
                at = change.at
                self._add(_Row(None, key.scheme, key.scope, value, key.match_key, subscriber, root, at, at, None))
        elif live.root != root:
            own = (change.current.bsuid, change.previous.bsuid)
            if live.since >= change.at and not self._has_other_bsuid(live.root, change.portfolio, *own):
                self._join(root, live.root, change.at)  # seen late: it was this person who wrote from the new number
            else:
                self._hand_over(live, subscriber, root, change.at)

    def _hand_over(self, phone: _Row, subscriber: int, root: int, at: dt.datetime) -> None:
        """The number changed hands at `at`; a claim older than the present holder's is history."""
        key = Key(phone.scheme, phone.scope, phone.match_key)
        later = [row for row in self._rows[key] if row.root == root and row.since > at]
        ended_at = phone.ended_at if at >= phone.since else phone.since
        if at >= phone.since:
            phone.ended_at, phone.is_changed = at, True
        if later:
            first = min(later, key=lambda row: row.since)
            first.since, first.is_changed = at, True
        else:
            self._add(_Row(None, phone.scheme, 0, phone.value, phone.match_key, subscriber, root, at, at, ended_at))
        self.touched |= {root, phone.root}

    def countries(self) -> dict[int, str]:
        """The countries of the people this batch creates."""
        return {pk: one.country for pk, one in self._newcomers.items()}

    def _newcomer(self, person: Person, at: dt.datetime) -> tuple[int, int]:
        pk = next(self._ids)
        country, source = "", JurisdictionSource.UNKNOWN
        if person.phone:
            country, source = country_of_phone(person.phone), JurisdictionSource.PHONE
        if not country and person.bsuid:
            country, source = country_of_bsuid(person.bsuid), JurisdictionSource.BSUID
        self._newcomers[pk] = Newcomer(pk, uuid.uuid4(), country, source if country else "", at)
        return pk, pk

    def _join(self, one: int, other: int, at: dt.datetime) -> None:
        one, other = self.root_of(one), self.root_of(other)
        if one == other:
            return
        winner, loser = min(one, other), max(one, other)
        self._parents[loser] = winner
        for row in self._roots.pop(loser, []):
            row.root = winner
            self._roots[winner].append(row)
        self.joined.append((winner, loser, at))
        self.touched.add(winner)

    def root_of(self, root: int) -> int:
        """The root of a person after the joins of this batch."""
        while root in self._parents:
            root = self._parents[root]
        return root

    # Writing ----------------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write what was learned, in as many statements however many people."""
        batches.repoint(Subscriber, "root", [(loser, self.root_of(loser)) for loser in sorted(self._parents)])
        batches.repoint(Identity, "root", [(loser, self.root_of(loser)) for loser in sorted(self._parents)])
        rows = [row for found in self._rows.values() for row in found]
        changed = sorted((row.id, row.since, row.seen_at, row.ended_at) for row in rows if row.id and row.is_changed)
        batches.update(Identity, key="id", fields=["since", "seen_at", "ended_at"], rows=changed)
        batches.insert(
            Subscriber,
            ["id", "public_id", "root", "locale", "country", "jurisdiction_source", "jurisdiction_confidence",
             "created_at", "erased_at"],
            [
                (new.id, new.public_id, self.root_of(new.id), "", new.country, new.source, "M" if new.country else "",
                 self._now, None)
                for new in self._newcomers.values()
            ],
        )  # fmt: skip
        fresh = sorted((row for row in rows if row.id is None), key=lambda row: (row.match_key, row.scheme, row.scope))
        batches.insert(
            Identity,
            ["scheme", "scope", "value", "match_key", "last4", "subscriber", "root", "since", "seen_at", "ended_at"],
            [
                (row.scheme, row.scope, row.value, row.match_key, row.value[-4:] if row.scheme == Scheme.PHONE
                 else "", row.subscriber, row.root, row.since, row.seen_at, row.ended_at)
                for row in fresh
            ],
        )  # fmt: skip
        self.touched = {self.root_of(root) for root in self.touched}


def _keys(person: Person, portfolio: int) -> Keys:
    found = []
    if person.bsuid:  # a user id has one spelling, so it is its own key
        found.append((Key(Scheme.BSUID, portfolio, person.bsuid), person.bsuid))
    if person.parent_bsuid:
        found.append((Key(Scheme.PARENT_BSUID, 0, person.parent_bsuid), person.parent_bsuid))
    if person.phone:
        found.append((Key(Scheme.PHONE, 0, match_key(Scheme.PHONE, person.phone)), person.phone))
    if person.email:
        found.append((Key(Scheme.EMAIL, 0, match_key(Scheme.EMAIL, person.email)), person.email))
    return found
