"""Folds the whole ledger again and compares, or repairs, what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import transaction

from preferences.decisions import writing
from preferences.decisions.fold import fold
from preferences.decisions.loading import load, lock
from preferences.models import Subscriber, batches

_BATCH = 500


@dataclass(slots=True)
class Rebuilt:
    """How many people were folded again, and the public ids of those whose stored rows were not what the ledger says."""

    people: int = 0
    wrong: list[str] = field(default_factory=list)


def rebuild(*, is_check: bool) -> Rebuilt:
    """Fold every subscriber's events anew. With `is_check` nothing is written. Safe beside live traffic: people are
    locked a batch at a time."""
    result = Rebuilt()
    for found in _roots():
        with transaction.atomic():
            lock(found)
            loaded = load(found)
            # Whoever was joined to somebody before we had the lock was folded by that join.
            roots = [root for root in found if loaded.root_of(root) == root]
            after = {root: fold(loaded.events[root]) for root in roots}
            strays = {pk: state for pk, state in loaded.strays.items() if any(state)}
            wrong = {root for root in roots if after[root] != loaded.stored[root]}
            wrong |= {loaded.members[pk].root for pk in strays}
            result.people += len(roots)
            result.wrong += sorted(str(loaded.members[root].public_id) for root in wrong)
            if wrong and not is_check:
                before = {root: loaded.stored[root] for root in wrong}
                writing.write_states(before, strays, {root: after[root] for root in wrong}, lambda position: position)
    return result


def _roots() -> Iterator[list[int]]:
    """Ids of the people, a batch at a time, by key and not by offset."""
    last = 0
    while True:
        page = Subscriber.objects.filter(pk__gt=last).order_by("pk").values_list("pk", "root_id")[:_BATCH]
        rows = batches.read(page)
        if not rows:
            return
        last = rows[-1][0]
        found = [pk for pk, root in rows if pk == root]
        if found:
            yield found
