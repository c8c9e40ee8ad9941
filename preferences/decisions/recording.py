"""The one door through which consent changes: load, pure fold, write; a fixed number of queries for any batch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction

from preferences import examples
from preferences.decisions import answers, chain, writing
from preferences.decisions.acts import Act, DecisionError, Help, Recorded
from preferences.decisions.fold import CLOSING, STATUS_OF, Event, Folded, fold
from preferences.decisions.loading import Loaded, later_holders, load, lock
from preferences.decisions.people import People
from preferences.decisions.policies import Desk, desks_of
from preferences.decisions.writing import PROVISIONAL
from preferences.identifiers import digest
from preferences.models import EventKind, ExampleSource, Scope, Source
from preferences.models.ledger import NO_HASH, SCHEMA_VERSION


def record(act: Act, *, now: dt.datetime) -> Recorded:
    """Record one act; see record_many."""
    return record_many([act], now=now)[0]


def record_many(
    acts: Sequence[Act],
    *,
    now: dt.datetime,
    people: People | None = None,
    helps: Sequence[Help] = (),
    touched: Iterable[int] = (),
    desks: dict[int, Desk] | None = None,
) -> list[Recorded]:
    """Record acts and bring consent, holds, platform stops and the outbox to what the ledger now folds to.

    Guarantees: all or nothing; an act already on record (same source and source_ref) is returned, not written again; the
    result does not depend on the order or grouping of acts; positions are gap-free and in commit order.

    `people` are the identities learned with the acts, whose joins and hand-overs are settled here; `touched` are others
    to fold anew. `helps` are questions for help, which are answered but bear on no consent. `desks` are those of the
    senders that may answer, if the caller has loaded them.

    The reply whose opt-out is corrected is kept as an example of a mistake.

    Raises DecisionError for an act that may not be recorded, StalePersonError when the transaction must be tried again.
    """
    with transaction.atomic():
        everybody = {act.subscriber for act in acts} | {one.subscriber for one in helps} | set(touched)
        if people:
            lock(everybody | people.touched | {root for joined in people.joined for root in joined[:2]})
            people.save()
            everybody |= people.touched
        else:
            lock(everybody)
        if not everybody:
            return []
        heirs = later_holders(everybody) - everybody
        if heirs:
            lock(heirs)
        loaded = load(everybody | heirs)
        joins = _joins(people, loaded, now)
        batch = _Batch(loaded, now)
        recorded = [batch.add(act) for act in (*acts, *joins)]
        batch.settle(everybody if touched else people.touched if people else set())
        batch.answer(acts, helps, desks)
        batch.write()
        return [Recorded(batch.real(one.position), one.is_new) for one in recorded[: len(acts)]]


#: Opt-outs of these sources were made by a reply, whose digest is their reference.
_OF_REPLIES = frozenset({Source.REPLY, Source.BUTTON, Source.REVIEW})


class _Batch:
    """One batch on its way: rows get provisional positions, the head is locked last."""

    def __init__(self, loaded: Loaded, now: dt.datetime) -> None:
        self._loaded = loaded
        self._now = now
        self._rows: list[tuple[Any, ...]] = []
        self._evidence: list[tuple[int, bytes, bytes]] = []
        self._positions: dict[tuple[str, bytes], int] = {}
        self._after: dict[int, Folded] = {}
        self._changed: set[int] = set()
        self._answers: list[answers.Answer | None] = []
        self._misread: list[examples.Verdict] = []
        self._base = 0

    def add(self, act: Act) -> Recorded:
        known = self._loaded.recorded.get((act.source, act.source_ref)) or self._positions.get(
            (act.source, act.source_ref)
        )
        if known:
            return Recorded(known, is_new=False)
        self._check(act)
        member = self._loaded.members[act.subscriber]
        position = PROVISIONAL + len(self._rows)
        commitment = NO_HASH
        if act.evidence:
            salt, commitment = writing.commit_to(act.evidence)
            self._evidence.append((position, salt, act.evidence))
        previous = self._loaded.heads.get(member.public_id, NO_HASH)
        related_hash = self._loaded.heads.get(act.related, NO_HASH) if act.related else NO_HASH
        scope = act.scope
        values = (
            SCHEMA_VERSION, member.public_id, act.kind.value, scope.controller, scope.brand, scope.channel, scope.topic,
            STATUS_OF[act.kind].value if act.kind in STATUS_OF else "", act.effective_at, act.received_at, self._now,
            act.until, act.source.value, act.source_ref, act.portfolio, act.sender, act.policy_version,
            act.classifier_version, act.keywords_version, act.regime_version, act.notice_version, act.rule, act.language,
            act.jurisdiction, act.legal_basis, act.expression, act.actor, act.approver, act.reason, act.voids, act.renews,
            act.related, related_hash, commitment, previous,
        )  # fmt: skip
        digest_of_row = chain.row_hash(values)
        self._rows.append((*values, digest_of_row))
        self._positions[act.source, act.source_ref] = position
        self._loaded.heads[member.public_id] = digest_of_row
        event = Event(
            position, member.public_id, act.kind, scope, act.effective_at, act.source, act.source_ref, act.sender,
            act.portfolio, act.voids, act.until, digest_of_row,
        )  # fmt: skip
        self._loaded.events[member.root].append(event)
        self._changed.add(member.root)
        self._carry(event)
        return Recorded(position, is_new=True)

    def _carry(self, event: Event) -> None:
        """A late stop, or its correction, counts for whoever has the number now."""
        for heir, until in self._loaded.heirs.get(event.subscriber, ()):
            is_late_stop = event.kind in CLOSING and event.effective_at <= until
            carried = {stop.position for stop in self._loaded.events[heir] if stop.kind in CLOSING}
            if is_late_stop or (event.kind == EventKind.CORRECTION and event.voids in carried):
                self._loaded.events[heir].append(event)
                self._changed.add(heir)

    def _check(self, act: Act) -> None:
        if act.effective_at > act.received_at:
            raise DecisionError("An act cannot be effective after it was received. Give the earlier of the two times.")
        if act.kind == EventKind.CORRECTION:
            self._check_correction(act)

    def _check_correction(self, act: Act) -> None:
        """A correction voids a stop or hold of this person that was a machine's misreading or our own error; it is never
        an opt-in. What only the person can undo (a platform stop, an objection) cannot be voided."""
        events = self._loaded.events[self._loaded.root_of(act.subscriber)]
        target = next((event for event in events if event.position == act.voids), None)
        if target is None:
            raise DecisionError(
                f"Event {act.voids} is not an event of this subscriber, so it cannot be corrected here."
            )
        if target.kind not in {EventKind.STOP, EventKind.WITHDRAWAL, EventKind.HOLD, EventKind.OPT_IN}:
            raise DecisionError(f"A {target.kind} is never corrected: only the person can take it back.")
        if target.kind in {EventKind.STOP, EventKind.WITHDRAWAL} and target.source in _OF_REPLIES:
            self._misread.append(
                examples.Verdict(target.source_ref, ExampleSource.CORRECTION, is_opt_out=False, actor=act.actor)
            )

    def settle(self, touched: set[int]) -> None:
        for root in self._changed | {self._loaded.root_of(pk) for pk in touched}:
            self._after[root] = fold(self._loaded.events[root])

    def answer(self, acts: Iterable[Act], helps: Iterable[Help], desks: dict[int, Desk] | None) -> None:
        asked = [(act, act.question) for act in acts if act.question]
        helps = list(helps)
        if desks is None:
            desks = desks_of({question.sender for _, question in asked} | {one.question.sender for one in helps})
        new = set(self._positions.values())
        for act, question in asked:
            position = self._positions.get((act.source, act.source_ref))
            member = self._loaded.members[act.subscriber]
            if position:
                self._answers.append(
                    answers.answer_to(
                        act, question, position, desk=desks[question.sender], events=self._loaded.events[member.root],
                        new=new, locale=member.locale, country=member.country,
                    )
                )  # fmt: skip
        for one in helps:
            member = self._loaded.members[one.subscriber]
            desk = desks[one.question.sender]
            self._answers.append(answers.answer_to_help(one, desk=desk, locale=member.locale, country=member.country))

    def write(self) -> None:
        examples.keep(self._misread, now=self._now)
        if self._rows:
            self._base = writing.take_positions(len(self._rows))
            rows = [(self._base + i, *row) for i, row in enumerate(self._rows)]
            writing.append(rows, [(self.real(position), salt, content) for position, salt, content in self._evidence])
        before = {root: self._loaded.stored[root] for root in self._after}
        writing.write_states(before, self._loaded.strays, self._after, self.real)
        told = [answer._replace(position=self.real(answer.position)) for answer in self._answers if answer]
        answers.write(told, now=self._now)

    def real(self, position: int) -> int:
        return position - PROVISIONAL + self._base if position >= PROVISIONAL else position


def _joins(people: People | None, loaded: Loaded, now: dt.datetime) -> list[Act]:
    """A ledger event for each join that was learned, naming both heads."""
    acts = []
    for winner, loser, at in people.joined if people else []:
        one, other = loaded.members[winner], loaded.members[loser]
        acts.append(
            Act(
                subscriber=winner,
                kind=EventKind.JOIN,
                scope=Scope(),
                effective_at=min(at, now),
                received_at=now,
                source=Source.IDENTITY,
                source_ref=digest(f"join:{one.public_id}:{other.public_id}:{at.isoformat()}"),
                related=other.public_id,
            )
        )
    return acts
