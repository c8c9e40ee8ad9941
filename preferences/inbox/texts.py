"""Keeps what businesses wrote themselves, so that an answer can be read beside what it answers.

Echoes and history become `SentText`, edited templates `TemplateText`. Nothing here bears on consent or on who is who: a
person never seen before stays unknown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.conf import settings

from preferences import decisions
from preferences.encryption import seal
from preferences.identifiers import digest, match_key
from preferences.inbox.notices import ensure_portfolios
from preferences.interpretation.observations import Person, SentWords, TemplateWords
from preferences.models import Identity, Portfolio, Scheme, Sender, SentText, TemplateText, batches

Told = tuple[dt.datetime, SentWords]
TemplateTold = tuple[dt.datetime, TemplateWords]

_FIELDS = ("digest", "text", "sent_at", "sender", "subscriber")
_MERGE = (
    '"sent_at" = CASE WHEN old."sent_at" < excluded."sent_at" THEN old."sent_at" ELSE excluded."sent_at" END, '
    '"subscriber" = CASE WHEN old."subscriber" = 0 THEN excluded."subscriber" ELSE old."subscriber" END'
)


def write(told: Iterable[Told], *, now: dt.datetime) -> None:
    """Keep these texts, given with the time they were received, each once and in any order; what is older than we keep
    such texts is left out. No query if there are none, else a fixed number."""
    oldest = now - dt.timedelta(days=settings.SENT_TEXT_RETENTION_DAYS)
    found: dict[bytes, tuple[dt.datetime, SentWords]] = {}
    for received_at, words in told:
        at = min(words.at or received_at, received_at)
        key = digest(words.message_id)
        if at >= oldest and (key not in found or at < found[key][0]):
            found[key] = at, words
    if not found:
        return
    refs = {(words.sender.account, words.sender.key, words.sender.display) for _, words in found.values()}
    senders = decisions.ensure_senders(refs)
    people = _People([words for _, words in found.values()], senders)
    rows = [
        (key, seal("sent", words.text.encode()), at, senders[words.sender.key], people.of(words))
        for key, (at, words) in sorted(found.items())
    ]
    batches.upsert(SentText, _FIELDS, rows, unique=("digest",), set_sql=_MERGE)


def write_templates(told: Iterable[TemplateTold]) -> None:
    """Keep the newest words of each template, given with the time they were received, in any order. No query if there are
    none, else a fixed number."""
    newest: dict[tuple[str, str, str], tuple[dt.datetime, TemplateWords]] = {}
    for received_at, words in told:
        offered = min(words.at or received_at, received_at), words
        key = f"waba:{words.account}", words.name, words.language
        if words.account and (key not in newest or _age(*offered) > _age(*newest[key])):
            newest[key] = offered
    if not newest:
        return
    portfolios = ensure_portfolios({portfolio for portfolio, _, _ in newest})
    # One worker at a time for a portfolio: what it reads is still so when it writes. Senders may be added meanwhile.
    list(Portfolio.objects.filter(pk__in=portfolios.values()).order_by("pk").select_for_update(no_key=True))
    kept = TemplateText.objects.filter(portfolio__in=portfolios.values(), name__in={name for _, name, _ in newest})
    ages = {(row.portfolio_id, row.name, row.language): (row.changed_at, row.text, row.buttons) for row in kept}
    rows = [
        TemplateText(
            portfolio_id=portfolios[portfolio], name=name, language=language, text=words.text, buttons=list(words.buttons),
            changed_at=at,
        )
        for (portfolio, name, language), (at, words) in sorted(newest.items())
        if (before := ages.get((portfolios[portfolio], name, language))) is None or _age(at, words) > before
    ]  # fmt: skip
    TemplateText.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["portfolio", "name", "language"],
        update_fields=["text", "buttons", "changed_at"],
    )


def _age(at: dt.datetime, words: TemplateWords) -> tuple[dt.datetime, str, list[str]]:
    """What makes words newer; of two told for the same second it does not matter which, but always the same."""
    return at, words.text, list(words.buttons)


class _People:
    """Whom the messages were written to, of those we know; nobody is made or moved."""

    def __init__(self, told: list[SentWords], senders: dict[str, int]) -> None:
        rows = Sender.objects.filter(pk__any=set(senders.values())).values_list("pk", "portfolio_id")
        portfolios = dict(rows)
        self._portfolios = {key: portfolios[pk] for key, pk in senders.items()}
        keys = {key for words in told for key in self._keys(words)}
        live = Identity.objects.filter(match_key__any={value for _, _, value in keys}, ended_at=None)
        columns = ("scheme", "scope", "match_key", "subscriber_id")
        self._found = {tuple(key): pk for *key, pk in batches.read(live.values_list(*columns))} if keys else {}

    def of(self, words: SentWords) -> int:
        return next((self._found[key] for key in self._keys(words) if key in self._found), 0)

    def _keys(self, words: SentWords) -> list[tuple[str, int, str]]:
        person: Person = words.person
        portfolio = self._portfolios[words.sender.key]
        named = (
            (Scheme.BSUID.value, portfolio, person.bsuid),
            (Scheme.PARENT_BSUID.value, portfolio, person.parent_bsuid),
            (Scheme.PHONE.value, 0, person.phone),
        )
        return [(scheme, scope, match_key(scheme, value)) for scheme, scope, value in named if value]
