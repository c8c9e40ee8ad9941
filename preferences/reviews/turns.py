"""Shares the doubtful replies out among reviewers: one at a time, never the same to two, and a minute to think again."""

from __future__ import annotations

import datetime as dt
from itertools import groupby

from django.db import transaction
from django.db.models import Q, QuerySet

from preferences.models import Reply, ReviewOutcome, ReviewState, ReviewTurn, TurnState, User
from preferences.reviews.verdicts import ask, settle

#: A reply is kept for a reviewer so long; who comes back later may find that somebody else has it.
LEASE = dt.timedelta(minutes=5)
#: A verdict is written to the ledger after this, and can be taken back before.
UNDO_WITHIN = dt.timedelta(minutes=1)
#: A reply whose person was asked rests so long, unless its deadline comes first.
REST = dt.timedelta(hours=24)
_LOST = "This reply is not yours any more: it was settled meanwhile, or somebody else has it."
_LAST_CALL = dt.timedelta(hours=2)
_MOST_TRIES = 5
_BATCH = 200


class TurnLostError(Exception):
    """The reply is not in this reviewer's hands any more; the message says why, for staff."""


def take(reviewer: User, *, now: dt.datetime) -> Reply | None:
    """The reply this reviewer has to look at: the one they hold, else the waiting one that falls due first.

    It is theirs for LEASE. What they left for later comes last. None if nothing waits that is free.
    """
    mine = ReviewTurn.objects.filter(reviewer=reviewer, state=TurnState.OPEN, until__gt=now, reply__in=_waiting())
    held = mine.order_by("until").values_list("reply", flat=True).first()
    if held:
        mine.filter(reply=held).update(until=now + LEASE)
        return _shown(held)
    free = _waiting().filter(Q(turn=None) | ~Q(turn__state=TurnState.DECIDED) & Q(turn__until__lte=now))
    own_skipped = Q(turn__state=TurnState.SKIPPED, turn__reviewer=reviewer)
    # Two reads in the order of an index rather than one that sorts everything that waits.
    for queue in (free.exclude(own_skipped), free.filter(own_skipped)):
        # Another reviewer may be quicker with the first, hardly with all of them.
        for reply in queue.order_by("review_due_at", "pk").values_list("pk", flat=True)[:_MOST_TRIES]:
            if _claim(reply, reviewer, now):
                return _shown(reply)
    return None


def decide(reply: int, reviewer: User, verdict: ReviewOutcome, *, now: dt.datetime) -> None:
    """Give a verdict on a reply in hand. It is written after UNDO_WITHIN. Raises TurnLostError if it is not in hand."""
    turn = _in_hand(reply, reviewer, now).filter(reply__in=_waiting())
    if not turn.update(state=TurnState.DECIDED, verdict=verdict, decided_at=now, until=now + UNDO_WITHIN):
        raise TurnLostError(_LOST)


def skip(reply: int, reviewer: User, *, now: dt.datetime) -> None:
    """Leave a reply in hand to others; harmless if it is in hand no more."""
    _in_hand(reply, reviewer, now).update(state=TurnState.SKIPPED, until=now)


def ask_in_turn(reply: int, reviewer: User, *, now: dt.datetime) -> None:
    """Ask the person what a reply in hand meant and put it aside until an answer should have come; the deadline goes on.

    Raises TurnLostError if it is not in hand, CannotAskError if the person may not be asked.
    """
    with transaction.atomic():
        turn = _in_hand(reply, reviewer, now).select_for_update(of=("self",)).select_related("reply").first()
        if turn is None:
            raise TurnLostError(_LOST)
        ask(turn.reply, now=now)
        due = turn.reply.review_due_at or now
        turn.state = TurnState.ASKED
        turn.until = max(now, min(now + REST, due - _LAST_CALL))
        turn.save(update_fields=["state", "until"])


def undo(reply: int, reviewer: User, *, now: dt.datetime) -> None:
    """Take a verdict back. Raises TurnLostError if its minute is over."""
    turn = undoable(reviewer, now=now).filter(reply=reply)
    if not turn.update(state=TurnState.OPEN, verdict="", decided_at=None, until=now + LEASE):
        raise TurnLostError("The minute for undoing is over: this verdict stands in the ledger.")


def undoable(reviewer: User, *, now: dt.datetime) -> QuerySet[ReviewTurn]:
    """The verdicts this reviewer can still take back, the newest first."""
    turns = ReviewTurn.objects.filter(reviewer=reviewer, state=TurnState.DECIDED, decided_at__gt=now - UNDO_WITHIN)
    return turns.order_by("-decided_at", "-pk")


def settle_decided(*, now: dt.datetime) -> int:
    """Write the verdicts whose minute is over. Safe to run twice at once. Returns how many were written."""
    total = 0
    while True:
        with transaction.atomic():
            due = ReviewTurn.objects.filter(state=TurnState.DECIDED, decided_at__lte=now - UNDO_WITHIN)
            turns = list(due.select_for_update(of=("self",)).select_related("reply").order_by("pk")[:_BATCH])
            turns.sort(key=_by_verdict)
            for (verdict, reviewer), given in groupby(turns, key=_by_verdict):
                replies = [turn.reply for turn in given]
                total += settle(replies, ReviewOutcome(verdict), now=now, actor=reviewer)
        if len(turns) < _BATCH:
            return total


def _by_verdict(turn: ReviewTurn) -> tuple[str, int]:
    return turn.verdict, turn.reviewer_id


def _waiting() -> QuerySet[Reply]:
    return Reply.objects.filter(review_state=ReviewState.WAITING)


def _in_hand(reply: int, reviewer: User, now: dt.datetime) -> QuerySet[ReviewTurn]:
    return ReviewTurn.objects.filter(reply=reply, reviewer=reviewer, state=TurnState.OPEN, until__gt=now)


def _claim(reply: int, reviewer: User, now: dt.datetime) -> bool:
    """Whether this reviewer got it: one conditional write, and of several who try exactly one succeeds."""
    until = now + LEASE
    lapsed = ReviewTurn.objects.filter(reply=reply, until__lte=now).exclude(state=TurnState.DECIDED)
    if lapsed.update(reviewer=reviewer, state=TurnState.OPEN, until=until):
        return True
    turn = ReviewTurn(reply_id=reply, reviewer=reviewer, until=until)
    ReviewTurn.objects.bulk_create([turn], ignore_conflicts=True)
    return _in_hand(reply, reviewer, now).exists()


def _shown(reply: int) -> Reply:
    people = Reply.objects.select_related("subscriber__root", "sender__brand")
    return people.prefetch_related("subscriber__root__identities").get(pk=reply)
