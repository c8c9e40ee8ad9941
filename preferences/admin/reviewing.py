"""The review queue: one doubtful reply at a time, with what was said around it, and one key for each verdict."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from preferences import reviews
from preferences.admin import seeing, words
from preferences.admin.base import DeskAdmin, person_link, text_of
from preferences.admin.conversation import around
from preferences.interpretation import classify
from preferences.models import (
    Example,
    ExampleSource,
    Reply,
    ReviewOutcome,
    ReviewState,
    ReviewTurn,
)

#: Counts end here.
_COUNTED = 1_000
#: Address, key and label of each act on the reply in hand.
_BUTTONS = (
    ("opt_out", "O", "Opt out"),
    ("not_opt_out", "N", "Not an opt-out"),
    ("ask", "A", "Ask the person"),
    ("skip", "S", "Skip"),
)
_SETTLED_AS = {ReviewOutcome.OPT_OUT: "an opt-out", ReviewOutcome.NOT_OPT_OUT: "not an opt-out"}


@admin.register(ReviewTurn)
class ReviewAdmin(DeskAdmin):
    """Needs the right to change turns, to settle, and the right to view replies, to read."""

    room = "Reviews"

    def get_urls(self) -> list[URLPattern]:
        """The queue and the acts on it: turns themselves are nobody's business."""
        return [
            path("", self.admin_site.admin_view(self.queue), name="preferences_reviewturn_changelist"),
            path("<int:reply>/<str:act>/", self.admin_site.admin_view(self.act), name="preferences_reviewturn_act"),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perms(["preferences.change_reviewturn", "preferences.view_reply"]))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request)

    def queue(self, request: HttpRequest) -> HttpResponse:
        """The reply this reviewer has to look at. It is kept for them; showing it is a view of the person on record."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        user: Any = request.user
        now = timezone.now()
        reply = reviews.take(user, now=now)
        if reply:
            seeing.viewed(user, reply.subscriber.root, what=f"Reply {reply.pk}")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "room": self.room,
            "title": self.room,
            "case": _case(reply, now) if reply else None,
            "undoable": _undoable(user, now),
            "waiting": _waiting(),
            "settled_today": _settled_today(user, now),
        }
        return TemplateResponse(request, "admin/preferences/reviewturn/queue.html", context)

    def act(self, request: HttpRequest, reply: int, act: str) -> HttpResponse:
        """One verdict, or what is done instead of one; only POST, and back to the queue."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST" or act not in {*(name for name, _, _ in _BUTTONS), "undo"}:
            return HttpResponseNotAllowed(["POST"])
        try:
            self._do(request, reply, act)
        except (reviews.TurnLostError, reviews.CannotAskError) as error:
            messages.warning(request, str(error))
        return HttpResponseRedirect(reverse("admin:preferences_reviewturn_changelist"))

    def _do(self, request: HttpRequest, reply: int, act: str) -> None:
        user: Any = request.user
        now = timezone.now()
        match act:
            case "skip":
                reviews.skip(reply, user, now=now)
            case "undo":
                reviews.undo(reply, user, now=now)
            case "ask":
                reviews.ask_in_turn(reply, user, now=now)
                messages.success(request, "The person is asked what was meant. Marketing stays held until they answer.")
            case verdict:
                reviews.decide(reply, user, ReviewOutcome(verdict), now=now)


def _case(reply: Reply, now: dt.datetime) -> dict[str, Any]:
    text = text_of(reply)
    judged = classify(text, language_hint=reply.language or None)
    rule = words.rule_in_words(reply.rule)
    why_not_ask = reviews.why_not_ask(reply, now=now)
    return {
        "reply": reply,
        "text": text,
        "acts": [act for act in _BUTTONS if act[0] != "ask" or not why_not_ask],
        "person": person_link(reply.subscriber),
        "brand": str(reply.sender.brand or reply.sender),
        "language": words.language_in_words(reply.language),
        "explanation": judged.explanation if judged.rule == reply.rule else f"{rule[:1].upper()}{rule[1:]}.",
        "due": words.when(reply.review_due_at, now),
        "around": around(reply, text),
        "why_not_ask": why_not_ask,
    }


def _undoable(user: Any, now: dt.datetime) -> list[dict[str, Any]]:
    turns = reviews.undoable(user, now=now).select_related("reply")[:5]
    return [
        {
            "reply": turn.reply_id,
            "text": text_of(turn.reply),
            "verdict": _SETTLED_AS[ReviewOutcome(turn.verdict)],
            "seconds": max(0, int((turn.until - now).total_seconds())),
        }
        for turn in turns
    ]


def _waiting() -> str:
    waiting = Reply.objects.filter(review_state=ReviewState.WAITING)
    number = len(waiting.values_list("pk", flat=True)[: _COUNTED + 1])
    if not number:
        return "No reply waits for review."
    said = f"{number:,}" if number <= _COUNTED else f"More than {_COUNTED:,}"
    return f"{said} {'reply waits' if number == 1 else 'replies wait'} for review."


def _settled_today(user: Any, now: dt.datetime) -> int:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    mine = Example.objects.filter(created_at__gte=today, source=ExampleSource.REVIEW, actor=user.pk)
    return mine.count()
