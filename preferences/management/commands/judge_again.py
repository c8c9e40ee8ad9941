"""`judge_again`: what the rules of this version would decide differently. Writes nothing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.base import CommandError

from preferences import own_words
from preferences.inbox.judging_again import Change, Comparison, compare
from preferences.interpretation import CLASSIFIER_VERSION, KEYWORDS_VERSION
from preferences.management.base import DeskCommand, moment
from preferences.models import Brand, Reply
from preferences.moments import iso
from preferences.redaction import minimise

_NEWEST = 10_000
_MOST_RULES = 20


class Command(DeskCommand):
    works_before_migrating = True
    help = "Judge stored replies again with this version's rules and say what would be decided differently. Writes nothing."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--since", type=moment, metavar="DATE", help="All replies received since this day (UTC).")
        parser.add_argument(
            "--limit", type=_positive, metavar="N", help=f"The newest N replies (default {_NEWEST:,} without --since)."
        )
        parser.add_argument("--brand", metavar="SLUG", help="Only replies to this brand.")
        parser.add_argument("--show", type=_positive, default=0, metavar="N", help="List N of those that differ.")
        parser.add_argument("--texts", action="store_true", help="Show their words, without numbers and addresses.")
        parser.add_argument("--format", choices=["text", "json"], default="text", help="Default: text.")
        parser.add_argument(
            "--fail-on-change", action="store_true", help="Exit 1 if anything would be decided differently."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        limit = options["limit"] or (None if options["since"] else _NEWEST)
        words = own_words.own_words_of(Brand.objects.values_list("pk", flat=True))
        found = compare(_chosen(options), limit=limit, show=options["show"], own_words=words)
        if options["format"] == "json":
            self.stdout.write(json.dumps(_as_json(found, with_texts=options["texts"]), ensure_ascii=False, indent=2))
        else:
            for line in _as_text(found, with_texts=options["texts"]):
                self.stdout.write(line)
        if options["fail_on_change"] and found.changed:
            raise CommandError(f"{_replies(found.changed)} would be decided differently.")


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"“{text}” is no number of replies.")
    return int(text)


def _chosen(options: dict[str, Any]) -> Any:
    replies = Reply.objects.all()
    if options["since"]:
        replies = replies.filter(received_at__gte=options["since"])
    if options["brand"]:
        brand = Brand.objects.filter(slug=options["brand"]).first()
        if brand is None:
            raise CommandError(f"There is no brand “{options['brand']}”.")
        replies = replies.filter(sender__brand=brand)
    return replies


def _as_text(found: Comparison, *, with_texts: bool) -> Iterable[str]:
    running = f"classifier {CLASSIFIER_VERSION}, words {KEYWORDS_VERSION}"
    yield f"Judged again with {running}: {_replies(found.judged)}{_period(found)}."
    for (classifier, keywords), number in found.versions.most_common():
        yield f"  {number:,} were judged by classifier {classifier}, words {keywords or 'unknown'}."
    if found.left_out:
        yield f"Left out: {found.left_out:,} made by buttons, forms and other means without words of their own."
    if found.unreadable:
        yield f"Not readable: {found.unreadable:,}, because FIELD_ENCRYPTION_KEYS lacks their key."
    if found.other_rule:
        yield f"The same decision by another rule: {found.other_rule:,}."
    if not found.changed:
        yield "Nothing would be decided differently."
        return
    yield f"Decided differently: {_replies(found.changed)} ({found.changed / found.judged:.2%})."
    decisions = found.decisions.most_common()
    yield from _table("By language", ("language", "was", "would be", "replies"),
                      [(language or "-", was, now, f"{number:,}") for (language, was, now), number in decisions])  # fmt: skip
    rules = found.rules.most_common(_MOST_RULES)
    yield from _table("Rules that changed most", ("was", "would be", "replies"),
                      [(was.rule, now.rule, f"{number:,}") for (was, now), number in rules])  # fmt: skip
    if found.shown:
        columns = ("reply", "kind", "language", "was", "would be", *(("words",) if with_texts else ()))
        yield from _table("Some of them", columns, [_line(one, with_texts=with_texts) for one in found.shown])


def _line(one: Change, *, with_texts: bool) -> tuple[str, ...]:
    was, now = (f"{judged.decision} ({judged.rule})" for judged in (one.was, one.now))
    words = (" ".join(minimise(one.text).split()),) if with_texts else ()
    return (str(one.reply), one.kind, one.language or "-", was, now, *words)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    yield f"\n{title}"
    for row in (columns, *rows):
        yield "  " + "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()


def _as_json(found: Comparison, *, with_texts: bool) -> dict[str, Any]:
    return {
        "classifier_version": CLASSIFIER_VERSION,
        "keywords_version": KEYWORDS_VERSION,
        "judged": found.judged,
        "left_out": found.left_out,
        "unreadable": found.unreadable,
        "changed": found.changed,
        "other_rule": found.other_rule,
        "oldest": iso(found.oldest) if found.oldest else None,
        "newest": iso(found.newest) if found.newest else None,
        "judged_before_by": [
            {"classifier_version": classifier, "keywords_version": keywords, "replies": number}
            for (classifier, keywords), number in found.versions.most_common()
        ],
        "decisions": [
            {"language": language, "was": was, "would_be": now, "replies": number}
            for (language, was, now), number in found.decisions.most_common()
        ],
        "rules": [
            {"was": was._asdict(), "would_be": now._asdict(), "replies": number}
            for (was, now), number in found.rules.most_common()
        ],
        "shown": [
            {
                "reply": one.reply,
                "kind": one.kind,
                "language": one.language,
                "was": one.was._asdict(),
                "would_be": one.now._asdict(),
                **({"text": minimise(one.text)} if with_texts else {}),
            }
            for one in found.shown
        ],
    }


def _replies(number: int) -> str:
    return "1 reply" if number == 1 else f"{number:,} replies"


def _period(found: Comparison) -> str:
    if not found.oldest or not found.newest:
        return ""
    return f", received from {found.oldest:%Y-%m-%d} to {found.newest:%Y-%m-%d}"
