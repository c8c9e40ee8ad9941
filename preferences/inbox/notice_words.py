"""What each account event means, in words, and how bad it is. Pure.

Events and codes: the provider's webhook reference and error codes (2026-09-11). A word nobody knew when this was written
is told as it is, for information.
"""

from __future__ import annotations

from typing import NamedTuple

from preferences.interpretation.observations import AccountEvent, AccountTopic
from preferences.interpretation.whatsapp_account import SOON
from preferences.models import Severity

#: `detail` of a template that may be sent again, whatever the event beside it is.
UNPAUSED = "UNPAUSE"


class Words(NamedTuple):
    """`is_over`: it tells that a trouble of this kind, about this subject, has ended."""

    severity: Severity
    text: str
    is_over: bool = False


INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL

_SHARED_NO_MORE = Words(
    CRITICAL, "The account is no longer shared with this app, so its webhooks stop coming. Connect it again."
)
_ACCOUNT = {
    "ACCOUNT_VIOLATION": Words(
        WARNING, "WhatsApp found a violation of its policies. The next steps are blocks. See the account in WhatsApp Manager."
    ),
    "ACCOUNT_RESTRICTION": Words(CRITICAL, "WhatsApp restricted what the account may do. See it in WhatsApp Manager."),
    "ACCOUNT_DELETED": Words(CRITICAL, "The account was deleted. Nothing can be sent or heard through it."),
    "ACCOUNT_OFFBOARDED": Words(CRITICAL, "The account was disconnected from the Cloud API. Connect it again."),
    "ACCOUNT_RECONNECTED": Words(INFO, "The account is connected to the Cloud API again.", is_over=True),
    "PARTNER_REMOVED": _SHARED_NO_MORE,
    "PARTNER_APP_UNINSTALLED": _SHARED_NO_MORE,
    "PARTNER_ADDED": Words(INFO, "The account is shared with this app.", is_over=True),
    "PARTNER_APP_INSTALLED": Words(INFO, "The account is shared with this app.", is_over=True),
}  # fmt: skip
_BANS = {
    "DISABLE": Words(CRITICAL, "WhatsApp disabled the account: nothing can be sent. Appeal in WhatsApp Manager."),
    "SCHEDULE_FOR_DISABLE": Words(CRITICAL, "WhatsApp is going to disable the account. Appeal in WhatsApp Manager."),
    "REINSTATE": Words(INFO, "WhatsApp reinstated the account.", is_over=True),
}
_NUMBER = {
    "FLAGGED": Words(WARNING, "People block or report the number so often that WhatsApp flagged it. Send less, and to fewer."),
    "UNFLAGGED": Words(INFO, "The number is no longer flagged.", is_over=True),
    "DOWNGRADE": Words(WARNING, "WhatsApp lowered how many people the number may write to in a day."),
    "UPGRADE": Words(INFO, "WhatsApp raised how many people the number may write to in a day.", is_over=True),
}  # fmt: skip
_TEMPLATE = {
    "PAUSED": Words(WARNING, "WhatsApp paused the template, because people blocked or reported it. Send something better."),
    "FLAGGED": Words(WARNING, "WhatsApp warned about the template: if people go on reporting it, it will be disabled."),
    "LIMIT_EXCEEDED": Words(WARNING, "The account has no room for the template: delete some that are not used."),
    "DISABLED": Words(WARNING, "WhatsApp disabled the template for good. Make a new one."),
    "LOCKED": Words(WARNING, "WhatsApp locked the template: it cannot be edited."),
    "REJECTED": Words(INFO, "WhatsApp did not approve the template."),
    "APPROVED": Words(INFO, "The template may be sent.", is_over=True),
    "REINSTATED": Words(INFO, "The template may be sent again.", is_over=True),
    "UNPAUSED": Words(INFO, "The template may be sent again.", is_over=True),
    "DELETED": Words(INFO, "The template was deleted.", is_over=True),
    "ARCHIVED": Words(INFO, "The template was archived.", is_over=True),
}  # fmt: skip
_QUALITY = {
    "RED": Words(
        WARNING, "People block or report the template often: its quality is low. WhatsApp will pause it next."
    ),
    "YELLOW": Words(INFO, "The quality of the template is medium."),
    "GREEN": Words(INFO, "The quality of the template is high.", is_over=True),
    "UNKNOWN": Words(INFO, "The quality of the template is not known yet.", is_over=True),
}
_ERRORS = {
    "131048": Words(CRITICAL, "WhatsApp holds messages back, because people reported the number as spam. Stop campaigns, and "
                    "look whether opt-outs are honoured everywhere."),
    "131064": Words(WARNING, "WhatsApp limits templates, because some were given a wrong category."),
    "131031": Words(CRITICAL, "WhatsApp locked the account: nothing can be sent. See it in WhatsApp Manager."),
    "131042": Words(CRITICAL, "Payment for the account failed: nothing can be sent. See the billing in WhatsApp Manager."),
    "131045": Words(CRITICAL, "The number is not registered rightly: nothing can be sent. Register it again."),
    "133010": Words(CRITICAL, "The number is not registered: nothing can be sent. Register it again."),
    "368": Words(CRITICAL, "WhatsApp blocked the account for its policies: nothing can be sent. See WhatsApp Manager."),
    "130429": Words(INFO, "More was sent than the number may send in a second."),
}  # fmt: skip


def of(event: AccountEvent) -> Words:
    """How bad it is and what it says; `text` fits the notice's column."""
    words = _TABLES[event.topic](event)
    if event.detail in {SOON, *_BANS}:
        return words
    told = [_plain(event.detail)] if event.detail else []
    told += [f"before: {_plain(event.before)}"] if event.before else []
    detail = f" In its words: {', '.join(told)}." if told else ""
    return words._replace(text=f"{words.text}{detail}"[:500])


def _of_account(event: AccountEvent) -> Words:
    return _BANS.get(event.detail) or _ACCOUNT.get(event.event) or _unknown(event, "account")


def _of_number(event: AccountEvent) -> Words:
    return _NUMBER.get(event.event) or _unknown(event, "number")


def _of_template(event: AccountEvent) -> Words:
    if event.detail == UNPAUSED:
        return _TEMPLATE["UNPAUSED"]
    return _TEMPLATE.get(event.event) or _unknown(event, "template")


def _of_quality(event: AccountEvent) -> Words:
    return _QUALITY.get(event.event) or _unknown(event, "template")


def _of_category(event: AccountEvent) -> Words:
    if event.event == "UTILITY":
        return Words(INFO, "The template is a utility template.", is_over=event.detail != SOON)
    if event.event != "MARKETING":
        return Words(INFO, f"The template is now of the category {_plain(event.event)}.", is_over=True)
    when = "will be a marketing template in a day" if event.detail == SOON else "is now a marketing template"
    is_harmful = event.before in {"", "UTILITY"}
    text = f"The template {when}: people who stopped marketing do not get it, so it must carry no confirmations."
    return Words(WARNING if is_harmful else INFO, text)


def _of_error(event: AccountEvent) -> Words:
    known = _ERRORS.get(event.event)
    return known or Words(
        WARNING, f"WhatsApp reported error {event.event}. Its page on error codes says what it means."
    )


def _unknown(event: AccountEvent, subject: str) -> Words:
    return Words(INFO, f"WhatsApp told about the {subject}: {_plain(event.event)}.")


def _plain(word: str) -> str:
    return word.replace("_", " ").lower()


_TABLES = {
    AccountTopic.ACCOUNT: _of_account,
    AccountTopic.NUMBER: _of_number,
    AccountTopic.TEMPLATE: _of_template,
    AccountTopic.TEMPLATE_QUALITY: _of_quality,
    AccountTopic.TEMPLATE_CATEGORY: _of_category,
    AccountTopic.ERROR: _of_error,
}
