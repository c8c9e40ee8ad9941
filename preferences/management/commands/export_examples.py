"""`export_examples`: what people found replies to mean, for work on the rules."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import CommandError
from django.db.models import QuerySet

from preferences.encryption import EncryptionError
from preferences.examples import text_of
from preferences.interpretation import IntentValue
from preferences.management.base import DeskCommand, moment
from preferences.models import AccessAction, AccessRecord, Example, ExampleSource, User

_COLUMNS = ("label", "judged", "rule", "language", "classifier_version", "keywords_version", "source", "text")
_AT_ONCE = 2_000
#: What a spreadsheet takes for a formula at the start of a cell, also in full width.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class Command(DeskCommand):
    help = "Write the labelled examples: what the rules said, what a person found, and the words without personal data."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--by", required=True, metavar="USERNAME", help="Who exports; stands in the audit.")
        parser.add_argument("--reason", required=True, help="What it is needed for; stands in the audit.")
        parser.add_argument("--since", type=moment, metavar="DATE", help="Only verdicts since this day (UTC).")
        labels = [IntentValue.OPT_OUT.value, IntentValue.NONE.value]
        parser.add_argument("--label", choices=labels, help="Only what was found to be this.")
        parser.add_argument("--source", choices=ExampleSource.values, help="Only verdicts that came about so.")
        parser.add_argument("--format", choices=list(_WRITERS), default="tsv", help="Default: tsv.")
        parser.add_argument("--output", type=Path, metavar="FILE", help="A new file instead of standard output.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["by"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active member of staff called “{options['by']}”.")
        reason = options["reason"].strip()
        if not reason or len(reason) > 200:
            raise CommandError("Say in --reason what the examples are needed for, in at most 200 characters.")
        found = _chosen(options)
        with _output(options["output"], self.stdout) as file:
            number = found.count()
            # On record before the first text is read, whatever becomes of the rest.
            AccessRecord.objects.create(
                actor=user, action=AccessAction.EXPORT, reason=reason, detail=f"Examples of replies: {number:,}"
            )
            unread = _WRITERS[options["format"]](found, file)
        self.stderr.write(f"Examples written: {number:,}.")
        if unread:
            self.stderr.write(f"{unread:,} of them without their words: FIELD_ENCRYPTION_KEYS lacks the key.")


def _chosen(options: dict[str, Any]) -> QuerySet[Example]:
    """The rows that are there now: what is added while they are written is not counted and not written."""
    newest = Example.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    found = Example.objects.filter(pk__lte=newest).order_by("pk")
    if options["since"]:
        found = found.filter(created_at__gte=options["since"])
    if options["label"]:
        found = found.filter(label=options["label"])
    if options["source"]:
        found = found.filter(source=options["source"])
    return found


@contextmanager
def _output(path: Path | None, standard: Any) -> Iterator[Any]:
    """Where to write: a new file that its owner alone can read, or standard output."""
    if path is None:
        yield standard
        return
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
    with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
        yield file


def _rows(found: QuerySet[Example]) -> Iterator[tuple[list[Any], bool]]:
    """The columns of each example, and whether its words opened."""
    for one in found.iterator(chunk_size=_AT_ONCE):
        try:
            text, is_read = text_of(one), True
        except EncryptionError:
            text, is_read = "", False
        yield [*(getattr(one, column) for column in _COLUMNS[:-1]), text], is_read


def _write_tsv(found: QuerySet[Example], file: TextIO) -> int:
    writer = csv.writer(file, dialect="excel-tab", lineterminator="\n")
    writer.writerow(_COLUMNS)
    unread = 0
    for row, is_read in _rows(found):
        writer.writerow([_cell(value) for value in row])
        unread += not is_read
    return unread


def _write_jsonl(found: QuerySet[Example], file: TextIO) -> int:
    unread = 0
    for row, is_read in _rows(found):
        file.write(json.dumps(dict(zip(_COLUMNS, row, strict=True)), ensure_ascii=False) + "\n")
        unread += not is_read
    return unread


def _cell(value: Any) -> str:
    """One line, and text to a spreadsheet whatever it begins with."""
    text = str(value)
    text = f"'{text}" if text.startswith(_FORMULAS) else text
    return " ".join(text.splitlines()).replace("\t", " ")


_WRITERS: dict[str, Callable[[QuerySet[Example], TextIO], int]] = {"tsv": _write_tsv, "jsonl": _write_jsonl}
