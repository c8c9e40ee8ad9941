"""Labelled examples: replies whose meaning a person settled, kept for work on the rules.

Written in the transaction of the verdict. The text is minimised before it is encrypted; `retention` lets it go.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from preferences.encryption import EncryptionError, seal, unseal
from preferences.interpretation import IntentValue
from preferences.interpretation.observations import MessageKind
from preferences.models import Example, ExampleSource, Reply, batches
from preferences.redaction import minimise

_PURPOSE = "example"


class Verdict(NamedTuple):
    """What a reply (by the SHA-256 of its message's id) was: an opt-out or not. `actor` is 0 if nobody said so."""

    digest: bytes
    source: ExampleSource
    is_opt_out: bool
    actor: int = 0


def keep(verdicts: Iterable[Verdict], *, now: dt.datetime) -> None:
    """Keep the replies that were judged as examples: two queries for any number of verdicts.

    The first verdict of each source stands, so keeping one twice is harmless. A verdict on no reply is let be.
    """
    told = {(one.digest, one.source): one for one in reversed(list(verdicts))}
    if not told:
        return
    rows = Reply.objects.filter(digest__any={digest for digest, _ in told}).values_list(
        "digest", "sender__brand", "kind", "text", "language", "rule", "intent", "classifier_version",
        "keywords_version", "received_at",
    )  # fmt: skip
    replies = {bytes(digest): rest for digest, *rest in batches.read(rows)}
    found = [
        _example(one, *replies[one.digest], now=now)
        for _, one in sorted(told.items(), key=lambda item: item[0])
        if one.digest in replies
    ]
    Example.objects.bulk_create(found, ignore_conflicts=True)


def text_of(example: Example) -> str:
    """What was written, minimised; "" once its time is over. Raises EncryptionError if its key is gone."""
    text = bytes(example.text)
    return unseal(_PURPOSE, text).decode() if text else ""


def _example(
    one: Verdict,
    brand: int | None,
    kind: str,
    text: bytes,
    language: str,
    rule: str,
    intent: str,
    classifier_version: int,
    keywords_version: str,
    received_at: dt.datetime,
    *,
    now: dt.datetime,
) -> Example:
    return Example(
        digest=one.digest,
        source=one.source,
        brand_id=brand,
        text=_minimised(kind, bytes(text)),
        kind=kind,
        language=language,
        rule=rule,
        judged=intent,
        label=(IntentValue.OPT_OUT if one.is_opt_out else IntentValue.NONE).value,
        classifier_version=classifier_version,
        keywords_version=keywords_version,
        actor=one.actor,
        received_at=received_at,
        created_at=now,
    )


def _minimised(kind: str, sealed: bytes) -> bytes:
    """The text of a reply without personal data. A form's answers are not kept at all: every field may name a person."""
    if kind == MessageKind.FLOW:
        return b""
    try:
        text = unseal("reply", sealed).decode()
    except EncryptionError:
        return b""  # the verdict stands without the words: a lost key must not keep a person from settling a review
    return seal(_PURPOSE, minimise(text).encode())
