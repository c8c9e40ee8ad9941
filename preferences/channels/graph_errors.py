"""What each error code of WhatsApp's Graph API makes us do. A table; nothing here sends or stores.

Decided by `code` alone (and the one subcode that means something else): since 2026 Meta documents no HTTP status, and
titles are translated and reworded. Codes: https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
(2026-09-11). The grouping follows its advice where it gives one.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from preferences.channels.base import Backoff, ChannelError, Reach, Stop
from preferences.models import TemplateState

WINDOW_CLOSED = 131047

_MINUTE, _HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
#: A temporary fault at WhatsApp.
_SOON = Backoff(1.0)
#: WhatsApp's own rule for its pair limit, "wait 4^X seconds"; the other limits are served well by it too.
_PACE = Backoff(1.0, factor=4.0, is_minimum=True)
#: "Not before a day has passed": an answer to a person is too late by then, so it expires.
_DAY = Backoff(86_400.0, factor=1.0, is_minimum=True)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a code means for the message it answered. `words` tell staff what is wrong and what to do."""

    words: str
    backoff: Backoff | None = None
    stop: Stop | None = None
    needs_template: bool = False
    template_is: str = ""

    @property
    def is_permanent(self) -> bool:
        return self.backoff is None and self.stop is None


def _sender(words: str, pause: dt.timedelta) -> Verdict:
    return Verdict(words, stop=Stop(Reach.SENDER, pause))


def _portfolio(words: str, pause: dt.timedelta) -> Verdict:
    return Verdict(words, stop=Stop(Reach.PORTFOLIO, pause))


_BAD_LOGIN = "WhatsApp does not accept the access token. Make a new one and set it: docs/whatsapp.md, “Sending”."
_PERMISSION = "The access token may not send for this account. Give its system user the number and the permission "
_PERMISSION += "whatsapp_business_messaging."
_LOCKED = "WhatsApp has locked or restricted the account. Look into the Business Support Home."
_TEMPLATE = "The template and what was filled in do not fit. Compare it with WhatsApp Manager."

# A pause is how long nobody tries: what a person may mend any minute is tried every minute, since confirmations live five.
_VERDICTS: dict[int, Verdict] = {
    # Try again
    2: Verdict("WhatsApp has a fault for a moment.", _SOON),
    131000: Verdict("Something went wrong at WhatsApp.", _SOON),
    131016: Verdict("WhatsApp's service is overloaded.", _SOON),
    131057: Verdict("The number is being changed at WhatsApp.", _SOON),
    133004: Verdict("WhatsApp's server does not answer for a moment.", _SOON),
    4: Verdict("The app has made too many calls.", _PACE),
    80007: Verdict("The account has made too many calls.", _PACE),
    130429: Verdict("The number sends more messages a second than WhatsApp allows.", _PACE),
    131056: Verdict("Too many messages to this person in a short time.", _PACE),
    # Wait long
    131049: Verdict("WhatsApp held the message back to keep this person's messages few.", _DAY),
    131064: Verdict("Too many templates of this account are in the wrong category.", _DAY),
    131048: _sender("Too many people block or report this number, so WhatsApp limits it. Look at what is sent.", _HOUR),
    # Nothing goes until somebody mends it
    0: _portfolio(_BAD_LOGIN, _MINUTE),
    3: _portfolio(_PERMISSION, _MINUTE),
    10: _portfolio(_PERMISSION, _MINUTE),
    190: _portfolio(_BAD_LOGIN, _MINUTE),
    131005: _portfolio(_PERMISSION, _MINUTE),
    131031: _portfolio(_LOCKED, 10 * _MINUTE),
    131042: _portfolio("WhatsApp cannot charge for messages. Check the account's payment settings.", 10 * _MINUTE),
    368: _portfolio(_LOCKED, 10 * _MINUTE),
    131037: _sender("The number's display name is not approved yet.", 10 * _MINUTE),
    131045: _sender("The number is not registered rightly. Register it again in WhatsApp Manager.", 10 * _MINUTE),
    133010: _sender("The number is not registered for the Cloud API. Register it in WhatsApp Manager.", 10 * _MINUTE),
    # Useless to try again
    33: Verdict("WhatsApp knows no such number of ours."),
    100: Verdict("WhatsApp found a mistake in the request."),
    130403: Verdict("This person is blocked by the business on WhatsApp. Unblock them first."),
    130472: Verdict("This person is in an experiment of WhatsApp's that gets no such messages."),
    # Named among the causes to stop everything, but it is about the people of one country.
    130497: Verdict("WhatsApp does not let this account write to the person's country."),
    131008: Verdict("WhatsApp misses something in the request."),
    131009: Verdict("WhatsApp does not accept a value in the request."),
    131021: Verdict("The person's number is our own number."),
    131026: Verdict("WhatsApp cannot reach this person: no WhatsApp, an old version, or its terms not accepted."),
    WINDOW_CLOSED: Verdict(
        "The person's last message is more than 24 hours old, so only a template could be sent.", needs_template=True
    ),
    131050: Verdict("The person has stopped marketing messages of this business on WhatsApp."),
    131051: Verdict("WhatsApp does not know this type of message."),
    131062: Verdict("This message needs the person's number, and only their user id is known."),
    131063: Verdict("Marketing messages are switched off for this account."),
    132000: Verdict(_TEMPLATE),
    132001: Verdict("WhatsApp knows no template of this name in this language."),
    132005: Verdict("The template is too long with what was filled in."),
    132007: Verdict("The template breaks a rule of WhatsApp's."),
    132012: Verdict(_TEMPLATE),
    132015: Verdict("WhatsApp has paused the template.", template_is=TemplateState.PAUSED),
    132016: Verdict("WhatsApp has disabled the template.", template_is=TemplateState.DISABLED),
    132018: Verdict(_TEMPLATE),
    139200: Verdict("The account may not send messages without a template."),
}


def verdict(code: int, *, subcode: int = 0, is_transient: bool = False) -> Verdict:
    """What is done about an error code.

    An unknown code is final, because it may mean anything, and telling a person twice is worse than not at all; staff see
    it and can process it again. Only where Meta itself calls it transient it is tried again.
    """
    if code == 100 and subcode == 33:
        # The object is not there, or the token may not see it: no other message from this number would fare better.
        return _sender(
            "The access token does not know this number of ours. Is it the token of another account?", _MINUTE
        )
    if 200 <= code <= 299:
        return _portfolio(_PERMISSION, _MINUTE)
    known = _VERDICTS.get(code)
    if known:
        return known
    if is_transient:
        return Verdict("A fault that WhatsApp calls temporary.", _SOON)
    return Verdict("An error this desk does not know.")


def error_of(code: int, *, subcode: int = 0, is_transient: bool = False, details: str = "") -> ChannelError:
    """The ChannelError for a coded refusal; `details` are the provider's words with personal data cut out."""
    one = verdict(code, subcode=subcode, is_transient=is_transient)
    said = f" WhatsApp says: {details}" if details else ""
    return ChannelError(
        f"{one.words} (Error {code}.){said}",
        is_permanent=one.is_permanent,
        code=code,
        backoff=one.backoff,
        stop=one.stop,
        needs_template=one.needs_template,
        template_is=one.template_is,
    )
