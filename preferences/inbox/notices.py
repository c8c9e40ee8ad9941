"""Keeps what a provider told about accounts, numbers and templates as notices in words, each once.

Whatever is told about a template also goes to `templates`, which knows whether we may go on using it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from preferences import decisions
from preferences.identifiers import digest
from preferences.inbox import notice_words, templates
from preferences.interpretation.observations import AccountEvent, AccountTopic, SenderRef
from preferences.models import AccountNotice, Portfolio, Provider, Sender

_NOT_DIGITS = re.compile(r"\D")
_LONGEST_SUBJECT = 200
_LONGEST_KIND = 60

Told = tuple[dt.datetime, AccountEvent]


def write(told: Iterable[Told]) -> None:
    """Write a notice for each event, given with the time it was received; one that stands already is not written again.

    Asks the database nothing when nothing was told, and a fixed number of times however much was. Accounts and numbers
    never seen before are created on the spot. A time of the provider counts only if it is not later than ours.
    """
    events = {_digest(event, received_at): (received_at, event) for received_at, event in told}
    if not events:
        return
    places = _Places([event.sender for _, event in events.values()])
    rows = []
    for key, (received_at, event) in sorted(events.items()):
        portfolio, sender = places.of(event.sender)
        words = notice_words.of(event)
        rows.append(
            AccountNotice(
                provider=Provider.WHATSAPP,
                portfolio_id=portfolio,
                sender_id=sender,
                kind=f"{event.topic}/{event.event}"[:_LONGEST_KIND],
                subject=_subject(event),
                text=words.text,
                severity=words.severity,
                is_over=words.is_over,
                at=_time(event, received_at),
                digest=key,
            )
        )
    AccountNotice.objects.bulk_create(rows, ignore_conflicts=True)
    templates.follow(_of_templates(events.values(), places))


def _time(event: AccountEvent, received_at: dt.datetime) -> dt.datetime:
    return min(event.at or received_at, received_at)


def _digest(event: AccountEvent, received_at: dt.datetime) -> bytes:
    """What makes an event the same: all it says and when. Errors come with each message, so one stands for an hour; so
    does an event without a time of its own, which would otherwise be new each time it is sent again."""
    at = _time(event, received_at)
    is_bundled = event.topic == AccountTopic.ERROR or event.at is None
    moment = at.replace(minute=0, second=0, microsecond=0) if is_bundled else at
    sender = event.sender
    parts = (
        sender.account, sender.key, sender.display, event.topic, event.event, event.detail, event.before, event.template,
        event.language, event.category, moment.isoformat(),
    )  # fmt: skip
    return digest("|".join(parts))


def _subject(event: AccountEvent) -> str:
    if event.template:
        language = f" ({event.language})" if event.language else ""
        return f"{event.template[: _LONGEST_SUBJECT - 20]}{language}"
    return event.sender.display or event.sender.key or event.sender.account


def _of_templates(told: Iterable[Told], places: _Places) -> list[templates.TemplateEvent]:
    found = []
    for received_at, event in told:
        portfolio, _ = places.of(event.sender)
        if event.topic not in {AccountTopic.TEMPLATE, AccountTopic.TEMPLATE_CATEGORY} or not portfolio:
            continue
        is_category = event.topic == AccountTopic.TEMPLATE_CATEGORY
        word = "" if is_category else "UNPAUSED" if event.detail == notice_words.UNPAUSED else event.event
        found.append(
            templates.TemplateEvent(
                portfolio=portfolio, name=event.template, language=event.language, event=word, category=event.category,
                at=_time(event, received_at),
            )
        )  # fmt: skip
    return found


@dataclass(slots=True)
class _Places:
    """The portfolios and senders that a batch of events is about."""

    refs: Iterable[SenderRef]
    _portfolios: dict[str, int] = field(default_factory=dict)
    _senders: dict[str, tuple[int, int]] = field(default_factory=dict)
    _numbers: dict[tuple[int, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refs = list(self.refs)
        named = {(ref.account, ref.key, ref.display) for ref in refs if ref.key}
        keys = {f"waba:{ref.account}" for ref in refs if ref.account and not ref.key}
        if named:
            decisions.ensure_senders(named)
        self._portfolios = ensure_portfolios(keys)
        senders = Sender.objects.filter(provider=Provider.WHATSAPP)
        rows = senders.filter(key__any={key for _, key, _ in named}) | senders.filter(
            portfolio__any=set(self._portfolios.values())
        )
        for pk, key, display, portfolio in rows.values_list("pk", "key", "display", "portfolio_id"):
            self._senders[key] = (portfolio, pk)
            self._numbers[portfolio, _digits(display)] = pk

    def of(self, ref: SenderRef) -> tuple[int | None, int | None]:
        """The portfolio and the sender an event is about, as far as it names them."""
        if ref.key in self._senders:
            return self._senders[ref.key]
        portfolio = self._portfolios.get(f"waba:{ref.account}")
        number = _digits(ref.display)
        return portfolio, self._numbers.get((portfolio, number)) if portfolio and number else None


def ensure_portfolios(keys: set[str]) -> dict[str, int]:
    """Ids of the portfolios with these keys, created on the spot if never seen before."""
    if not keys:
        return {}
    known = Portfolio.objects.filter(provider=Provider.WHATSAPP, key__in=keys)
    found = dict(known.values_list("key", "pk"))
    missing = [Portfolio(provider=Provider.WHATSAPP, key=key) for key in sorted(keys - found.keys())]
    if missing:
        Portfolio.objects.bulk_create(missing, ignore_conflicts=True)
        found = dict(known.values_list("key", "pk"))
    return found


def _digits(display: str) -> str:
    return _NOT_DIGITS.sub("", display)
