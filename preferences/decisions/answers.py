"""What a decision makes us say to the person: at most one confirmation per opt-out, and answers to START and HELP.

Nothing is sent here: these are outbox rows, written in the transaction of the decision (law 10 of docs/architecture.md).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from preferences import credentials, regimes
from preferences.decisions.acts import Act, Help, Question
from preferences.decisions.fold import CLOSING, Event, effective
from preferences.decisions.policies import Desk
from preferences.models import (
    ANY,
    Cell,
    ChannelKind,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Destination,
    EventKind,
    Sender,
    batches,
)
from preferences.models.scopes import MARKETING
from preferences.wording import DEFAULT_LANGUAGE, available_languages, spoken

#: 47 CFR 64.1200(a)(12): a confirmation within five minutes is presumed fine; later ones are not sent at all.
CONFIRM_WITHIN = dt.timedelta(minutes=5)
#: While WhatsApp lets us.
ANSWER_WITHIN = regimes.ANSWER_WITHIN

#: The language people of a country are answered in when the brand offers it and nothing else tells.
COUNTRY_LANGUAGES = {
    "AE": "ar", "AR": "es", "AT": "de", "BD": "bn", "BH": "ar", "BO": "es", "BR": "pt", "CH": "de", "CL": "es", "CN": "zh",
    "CO": "es", "CR": "es", "CU": "es", "CY": "el", "DE": "de", "DO": "es", "DZ": "ar", "EC": "es", "EG": "ar", "ES": "es",
    "FR": "fr", "GR": "el", "GT": "es", "HK": "zh", "HN": "es", "ID": "id", "IL": "he", "IQ": "ar", "IR": "fa", "IT": "it",
    "JO": "ar", "JP": "ja", "KE": "sw", "KR": "ko", "KW": "ar", "LB": "ar", "LI": "de", "LY": "ar", "MA": "ar", "MD": "ro",
    "MO": "zh", "MX": "es", "MY": "ms", "NI": "es", "NL": "nl", "OM": "ar", "PA": "es", "PE": "es", "PK": "ur", "PL": "pl",
    "PT": "pt", "PY": "es", "QA": "ar", "RO": "ro", "RU": "ru", "SA": "ar", "SE": "sv", "SV": "es", "TH": "th", "TN": "ar",
    "TR": "tr", "TW": "zh", "TZ": "sw", "UA": "uk", "UY": "es", "VE": "es", "VN": "vi", "YE": "ar",
}  # fmt: skip


_OPENING_ANSWERS = {
    EventKind.OPT_IN_REQUEST: DeliveryKind.START_QUESTION,
    EventKind.OPT_IN: DeliveryKind.START_CONFIRMATION,
    EventKind.OPT_IN_ANSWER: DeliveryKind.START_CONFIRMATION,
}


class Answer(NamedTuple):
    """One outbox row to be: what is told to whom, about which act."""

    kind: DeliveryKind
    subscriber: int
    position: int
    question: Question
    language: str
    expires_at: dt.datetime


@cache
def _offered(languages: tuple[str, ...]) -> frozenset[str]:
    """The languages a policy names, as we call them; all there are if it names none."""
    return frozenset(map(spoken, languages)) or frozenset(available_languages())


def choose_language(desk: Desk, *, locale: str, written: str, country: str) -> str:
    """The person's own choice, else the language of the reply, else the country's if the brand offers it, else the
    brand's. "STOP" is no evidence of English, so international words leave `written` empty. A locale such as pt_BR is
    answered in its language."""
    offered = _offered(desk.policy.languages)
    for language in (locale, written, COUNTRY_LANGUAGES.get(country, "")):
        if (code := spoken(language)) and code in offered:
            return code
    return spoken(desk.brand_language) or DEFAULT_LANGUAGE


def answer_to(
    act: Act,
    question: Question,
    position: int,
    *,
    desk: Desk,
    events: list[Event],
    new: set[int],
    locale: str,
    country: str,
) -> Answer | None:
    """What the act makes us say, or None. `events` are all of the person's, `new` the positions of this batch.

    Silent for a repeated opt-out: only the first stop of an episode is confirmed, once. Silent when the fold says that
    the person is not opted out after all, and for acts that carry no question (platform stops, staff, groups).
    """
    language = choose_language(desk, locale=locale, written=question.language, country=country)
    cell = desk.cell(act.scope.topic)
    if act.kind in CLOSING:
        episode = _closed_episode(events, cell)
        first = next((event.position for event in episode), None)
        if not desk.policy.confirms or first != position or any(event.position not in new for event in episode):
            return None
        return Answer(
            DeliveryKind.CONFIRMATION, act.subscriber, position, question, language, act.effective_at + CONFIRM_WITHIN
        )
    kind = _OPENING_ANSWERS.get(act.kind)
    if kind is None or not _is_last_word(events, cell, position):
        return None
    return Answer(kind, act.subscriber, position, question, language, act.effective_at + ANSWER_WITHIN)


def answer_to_help(one: Help, *, desk: Desk, locale: str, country: str) -> Answer:
    """HELP is always answered, with the brand's human contact."""
    language = choose_language(desk, locale=locale, written=one.question.language, country=country)
    return Answer(DeliveryKind.HELP, one.subscriber, 0, one.question, language, one.at + ANSWER_WITHIN)


def clarify(
    question: Question, subscriber: int, *, desk: Desk, locale: str, country: str, until: dt.datetime
) -> Answer:
    """Asks what a doubtful reply meant. `until` comes from the law (regimes.answer_rules)."""
    language = choose_language(desk, locale=locale, written=question.language, country=country)
    return Answer(DeliveryKind.CLARIFICATION, subscriber, 0, question, language, until)


def _closed_episode(events: Iterable[Event], cell: Cell) -> list[Event]:
    """The stops covering the cell since the last opt-in, in the order of time: one episode of being opted out."""
    asked = Cell(cell.controller, cell.brand, cell.channel, MARKETING if cell.topic == ANY else cell.topic)
    episode: list[Event] = []
    for event in effective(events):
        if event.kind in CLOSING and event.scope.covers(cell):
            episode.append(event)
        elif event.kind == EventKind.OPT_IN and event.scope.opens(asked):
            episode = []
    return episode


def _is_last_word(events: Iterable[Event], cell: Cell, position: int) -> bool:
    """Whether nothing newer was said about the cell. Whoever stopped after asking to come back is asked nothing: that
    would be marketing."""
    newest = 0
    for event in effective(events):
        if (event.kind in CLOSING and event.scope.covers(cell)) or (
            event.kind in {EventKind.OPT_IN, EventKind.OPT_IN_REQUEST} and event.scope.opens(cell)
        ):
            newest = event.position
    return newest == position


def write(answers: list[Answer], *, now: dt.datetime) -> None:
    """Put the answers into the outbox. What is already too late is kept as expired: it is counted, never sent."""
    if not answers:
        return
    destinations = _destinations({answer.question.sender for answer in answers})
    rows = []
    for answer in answers:
        is_late = answer.expires_at <= now
        rows.append((
            destinations[answer.question.sender], answer.subscriber, answer.kind, answer.position, answer.question.reply,
            answer.question.sender, answer.language, None, DeliveryState.EXPIRED if is_late else DeliveryState.DUE, 0, now,
            None, answer.expires_at, uuid.uuid4(), b"",
            "Older than five minutes when it was read, so nothing was sent." if is_late else "", now,
            now if is_late else None,
        ))  # fmt: skip
    batches.insert(
        Delivery,
        ["destination", "subscriber", "kind", "event", "reply", "sender", "language", "notice", "state", "attempts",
         "next_attempt_at", "leased_until", "expires_at", "correlation_id", "provider_digest", "response_excerpt",
         "created_at", "finished_at"],
        rows,
    )  # fmt: skip


def _destinations(senders: set[int]) -> dict[int, int]:
    """Per sender where its answers go: to WhatsApp once its portfolio has credentials, else to the console, which only
    records them."""
    portfolios = dict(Sender.objects.filter(pk__any=senders).values_list("pk", "portfolio_id"))
    sending = credentials.are_set_for(portfolios.values())
    kinds = {
        sender: ChannelKind.WHATSAPP if portfolio in sending else ChannelKind.CONSOLE
        for sender, portfolio in portfolios.items()
    }
    rows = {
        kind: Destination.objects.get_or_create(kind=kind, name="WhatsApp answers")[0].pk
        for kind in sorted(set(kinds.values()))
    }
    return {sender: rows[kind] for sender, kind in kinds.items()}
