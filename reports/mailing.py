"""Tells alarms by e-mail: one mail when some opened, one when some ended, each alarm once. No personal data.

Nothing is mailed without EMAIL_URL. A mail server that fails never disturbs the check; it is an alarm of its own.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from smtplib import SMTPException

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage, get_connection
from django.db import connection, transaction
from django.urls import reverse

from preferences.models import Severity
from preferences.moments import utc
from reports import alarms, rules
from reports.models import Alarm
from reports.rules import Kind

logger = logging.getLogger(__name__)

_NOWHERE = "django.core.mail.backends.dummy.EmailBackend"
_LONGEST_LIST = 50


class MailError(Exception):
    """A mail was not taken. `is_sure`: certainly not, since the server was not even reached."""

    def __init__(self, text: str, *, is_sure: bool) -> None:
        super().__init__(text)
        self.is_sure = is_sure


def tell(ended: Iterable[Alarm], *, now: dt.datetime) -> None:
    """Mail what opened and nobody was told yet, and of `ended` what was mailed when it opened.

    An alarm is marked as mailed before its mail goes out, so that a crash loses one mail and never repeats it; the mark
    is taken back only when the server was not even reached. Such a failure is noted as an alarm, which is not mailed.
    """
    recipients = _recipients()
    if not recipients:
        return
    over = [alarm for alarm in ended if alarm.mailed_at and alarm.kind != Kind.MAIL_FAILING]
    fresh = _claim(now)
    try:
        if fresh:
            _send(_opened(fresh), recipients)
            fresh = []
        if over:
            _send(_ended(over), recipients)
    except MailError as error:
        if error.is_sure:
            Alarm.objects.filter(pk__in=[alarm.pk for alarm in fresh]).update(mailed_at=None)
        logger.warning("Alarms could not be mailed: %s", error)
        text = f"The mail server does not take alarms ({error}). Look at EMAIL_URL and at the server; until then look here."
        alarms.note_mail_failure(text, now=now)


def _recipients() -> list[str]:
    """ALARM_EMAILS, else the staff who may see alarms; none while nothing is sent."""
    if settings.EMAIL_BACKEND == _NOWHERE:
        return []
    if settings.ALARM_EMAILS:
        return list(settings.ALARM_EMAILS)
    users = get_user_model().objects.with_perm(  # type: ignore[attr-defined]
        "reports.view_alarm", backend="django.contrib.auth.backends.ModelBackend"
    )
    found = users.filter(is_staff=True).exclude(email="").order_by("email").values_list("email", flat=True)
    return list(dict.fromkeys(found))


def _claim(now: dt.datetime) -> list[Alarm]:
    """The open alarms nobody was told of, marked as told; two workers never get the same one."""
    with transaction.atomic():
        rows = Alarm.objects.filter(ended_at=None, mailed_at=None).exclude(kind=Kind.MAIL_FAILING).order_by("pk")
        claimed = list(rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked))
        if claimed:
            Alarm.objects.filter(pk__in=[alarm.pk for alarm in claimed]).update(mailed_at=now)
    return sorted(claimed, key=lambda one: (*rules.rank(one.severity, one.kind), one.since))


def _send(content: tuple[str, str], recipients: Sequence[str]) -> None:
    """Raises MailError; its text names the kind of the failure alone, which a server's answer might not."""
    server = get_connection()
    try:
        server.open()
    except (SMTPException, OSError) as error:
        raise MailError(type(error).__name__, is_sure=True) from None
    try:
        subject, body = content
        EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, list(recipients), connection=server).send()
    except (SMTPException, OSError, ValueError) as error:  # ValueError: an address that is none
        raise MailError(type(error).__name__, is_sure=False) from None
    finally:
        _close(server)


def _close(server: object) -> None:
    """The mail is taken by now, or is not; how the conversation ends changes neither."""
    try:
        server.close()  # type: ignore[attr-defined]
    except (SMTPException, OSError):
        logger.info("The mail server did not say goodbye.")


def _opened(found: Sequence[Alarm]) -> tuple[str, str]:
    urgent = sum(alarm.severity == Severity.CRITICAL for alarm in found)
    number = "1 alarm" if len(found) == 1 else f"{len(found)} alarms"
    subject = f"Opt-out desk: {number}{f', {urgent} urgent' if urgent else ''}"
    return subject, _body(found, "Something at the opt-out desk needs somebody.")


def _ended(found: Sequence[Alarm]) -> tuple[str, str]:
    number = "1 alarm is" if len(found) == 1 else f"{len(found)} alarms are"
    return f"Opt-out desk: {number} over", _body(found, "This is over, and nothing needs to be done for it.")


def _body(found: Sequence[Alarm], opening: str) -> str:
    lines = [opening, ""]
    for alarm in found[:_LONGEST_LIST]:
        span = f"since {utc(alarm.since)}" + (f" until {utc(alarm.ended_at)}" if alarm.ended_at else "")
        lines += [f"{Severity(alarm.severity).label} · {rules.label(alarm.kind)}, {span}", alarm.text]
        lines += [settings.PUBLIC_URL + alarm.link, ""] if alarm.link else [""]
    if len(found) > _LONGEST_LIST:
        lines += [f"And {len(found) - _LONGEST_LIST} more.", ""]
    return "\n".join([*lines, f"All alarms: {settings.PUBLIC_URL}{reverse('admin:reports_alarm_changelist')}"])
