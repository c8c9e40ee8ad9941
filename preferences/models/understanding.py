"""How replies are understood: the brands' own words, and the examples that people's verdicts leave behind."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from preferences.models.brands import Brand


class WordMeaning(models.TextChoices):
    OPT_OUT = "opt_out", "Opt-out"
    OPT_IN = "opt_in", "Opt-in"
    HELP = "help", "Help"


class BrandWords(models.Model):
    """One version of all the words a brand added to those that come with the desk. Append-only; the newest published
    one counts.

    `words` is a list of objects with `language`, `meaning` (a WordMeaning) and `spelling`, in the order of their
    spelling. Decisions name the version as `<built-in keywords, 7 digits>w<number>`.
    """

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="words")
    number = models.PositiveIntegerField()
    words = models.JSONField(default=list, blank=True)
    note = models.CharField(max_length=200, blank=True, help_text="Why, for those who come later.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        verbose_name = "words of a brand"
        verbose_name_plural = "words of brands"
        constraints = [models.UniqueConstraint(fields=["brand", "number"], name="brand_words_number_is_unique")]

    def __str__(self) -> str:
        return f"Words of {self.brand}, version {self.number}"


class ExampleSource(models.TextChoices):
    REVIEW = "review", "A reviewer's verdict"
    DEADLINE = "deadline", "Nobody settled the review in time"
    CORRECTION = "correction", "An opt-out was corrected"


class Example(models.Model):
    """A reply whose meaning a person settled: what the rules said (`judged`) beside what it was (`label`).

    Kept for work on the rules. The text is encrypted, holds no numbers, links or addresses, and goes by the rules of
    retention before the rest of the row does.
    """

    digest = models.BinaryField(max_length=32, help_text="SHA-256 of the message's id, as in the reply.")
    source = models.CharField(max_length=10, choices=ExampleSource)
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, null=True, related_name="+")
    text = models.BinaryField(default=b"", help_text="Encrypted and minimised; empty when its time is over.")
    kind = models.CharField(max_length=20)
    language = models.CharField(max_length=12, blank=True)
    rule = models.CharField(max_length=64)
    judged = models.CharField(max_length=10, help_text="The intent the rules found.")
    label = models.CharField(max_length=10, help_text="The intent a person found: opt_out or none.")
    classifier_version = models.PositiveIntegerField(default=0)
    keywords_version = models.CharField(max_length=12, blank=True)
    actor = models.BigIntegerField(default=0, help_text="The member of staff; 0 for nobody.")
    received_at = models.DateTimeField(help_text="When the reply came.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest", "source"], name="example_is_unique_per_source")]
        indexes = [models.Index(fields=["created_at"], name="examples_by_time")]

    def __str__(self) -> str:
        return f"Example {self.pk}"
