"""What a reply was written in answer to, where that changes what it says: "CANCEL" under a booking may mean the booking."""

from __future__ import annotations

from preferences.interpretation.classification import classify
from preferences.interpretation.intents import Intent, IntentValue

ANSWER_TO_SERVICE = "answer_to_service"

#: Words for stopping messages that are also the usual words for cancelling an order, a booking or an appointment, as they
#: stand in rules. "Stop" and "unsubscribe" are never among them.
_TRANSACTIONAL = frozenset({
    "cancel",
    "cancelar", "cancele",
    "annuler", "annulez",
    "annullare", "annulla", "cancellare", "cancella", "cancellazione",
    "stornieren", "abbrechen",
    "annuleren", "annuleer", "afzeggen",
    "avbestall", "avbryt",
    "anuluj", "anulowac",
    "anulati", "anuleaza", "anulare",
    "отмена", "отменить", "отмените",
    "скасувати", "скасуйте",
    "ακυρωση", "ακυρωστε",
    "iptal",
    "batal", "batalkan",
    "ghairi",
    "huy",
    "الغاء", "الالغاء", "الغي",
    "لغو",
    "منسوخ",
    "ביטול", "בטל", "בטלו", "לבטל", "תבטלו",
    "रद्द", "বাতিল", "ரத்து", "రద్దు",
    "ยกเลิก",
    "取消", "キャンセル", "취소",
})  # fmt: skip


def is_transactional(intent: Intent) -> bool:
    """Whether an opt-out was found by nothing but a built-in word that also cancels orders."""
    language, _, word = intent.rule.partition("/")
    is_plain = intent.intent is IntentValue.OPT_OUT and intent.topic == "marketing"
    return is_plain and language != "own" and word.removesuffix("/spelling") in _TRANSACTIONAL


def may_mean_the_order(intent: Intent, text: str) -> bool:
    """Whether `text`, judged as `intent`, asks to cancel and, apart from that, for nothing that ends messages ("Cancel
    please" does, "Cancel, stop" does not)."""
    if not is_transactional(intent):
        return False
    rest = " ".join(word for word in text.split() if not is_transactional(classify(word)))
    return classify(rest).intent not in {IntentValue.OPT_OUT, IntentValue.REVIEW}


def in_answer_to_service(intent: Intent, *, is_standby: bool) -> Intent:
    """The same words when they answer a service message: doubtful, for a person to look at."""
    explanation = f"{intent.explanation.rstrip('.')}, in answer to a service message: it may mean the order."
    return intent._replace(
        intent=IntentValue.REVIEW,
        # As in `judge`: in another agent's conversation nobody is asked what was meant.
        rule=f"{'standby/' if is_standby else ''}{intent.rule}/{ANSWER_TO_SERVICE}",
        confidence=0.5,
        explanation=explanation,
    )
