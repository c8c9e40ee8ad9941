"""What a reply was written in answer to, where that changes what it says: "CANCEL" under a booking may mean the booking.

Only words that also mean something else are ever doubted for what they answer. STOP, UNSUBSCRIBE and their like in every
language are not among them, whatever the message offers them for. What is answered is read in `answered`.
"""

from __future__ import annotations

from collections.abc import Callable

from preferences.interpretation import normalisation
from preferences.interpretation.answered import About, Answered, asks_to_end, asks_to_send, offers
from preferences.interpretation.classification import DOUBT, classify
from preferences.interpretation.intents import Intent, IntentValue

ANSWER_TO_SERVICE = "answer_to_service"
ANSWER_TO_CHOICE = "answer_to_choice"
YES_TO_STOP = "yes_to_stop"
NO_TO_MESSAGES = "no_to_messages"

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

#: Words for "end" and "leave": opt-outs by themselves, but the usual words to end a chat, a trial or a game where the
#: message answered offers just that.
_CLOSING = frozenset({
    "end", "quit", "fin", "ende", "beenden", "einde", "beeindigen", "fim", "terminar", "terminer", "terminare", "finalizar",
    "salir", "sair", "koniec", "zakoncz", "конец", "закончить", "кінець", "край", "kraj", "son", "bitir", "slut", "slutt",
    "loppu", "akhiri", "ket_thuc", "vege", "sfarsit", "τελοσ", "انهاء", "پايان", "סיום", "समाप्त", "จบ", "結束", "结束", "終了",
    "종료",
})  # fmt: skip

#: "No" as an answer. What stands beside it may be courtesy.
_NO = frozenset({
    "no", "nope", "nah", "non", "nein", "ne", "nao", "nee", "nej", "nei", "ei", "nie", "нет", "ні", "не", "nu", "nem",
    "οχι", "hayır", "hayir", "yok", "لا", "كلا", "نه", "خیر", "نہیں", "नहीं", "nahi", "nahin", "না",
    "இல்லை", "வேண்டாம்", "లేదు", "ไม่", "ไม่ต้องการ", "không", "khong", "tidak", "hapana", "hindi", "לא",
    "不", "不要", "不用", "不需要", "いいえ", "いや", "아니요", "아니오", "아뇨",
})  # fmt: skip
_NO_WORDS = frozenset(map(normalisation.normalise, _NO))
_MOST_LETTERS_OF_NO = 40
_RULE_OF_NO = "any/no"
_FOUND_NOTHING = frozenset({"text/none", "text/courtesy"})


def is_transactional(intent: Intent) -> bool:
    """Whether an opt-out was found by nothing but a built-in word that also cancels orders."""
    return _word_of(intent) in _TRANSACTIONAL


def may_mean_the_order(intent: Intent, text: str) -> bool:
    """Whether `text`, judged as `intent`, asks to cancel and, apart from that, for nothing that ends messages ("Cancel
    please" does, "Cancel, stop" does not)."""
    return is_transactional(intent) and _says_nothing_else(text, is_transactional)


def may_depend(intent: Intent, text: str) -> bool:
    """Whether what is answered could change `intent`, the judgement of `text`: a word that also means something else, a
    bare yes or a bare no."""
    if intent.intent is IntentValue.NONE:
        return intent.is_affirmation or _is_no(intent, text)
    return may_mean_the_order(intent, text) or (_is_closing(intent) and _says_nothing_else(text, _is_closing))


def in_context(intent: Intent, text: str, answered: Answered, *, is_standby: bool = False) -> Intent:
    """The judgement of `text` in answer to a message of which this much is known: the same, or in doubt.

    What the message offers the word for goes before its category: "Reply CANCEL to end our messages" makes CANCEL an
    opt-out under a service message, too.
    """
    if not may_depend(intent, text):
        return intent
    if intent.intent is IntentValue.NONE:
        return _answer_to_question(intent, text, answered, is_standby=is_standby)
    word = _word_of(intent).replace("_", " ")
    # Words for "end" are everyday words: they count where the message sets them apart as an answer, "cancel" anywhere.
    about = offers(answered, word, is_set_apart=_is_closing(intent))
    if about is About.SOMETHING_ELSE or (about is About.PERHAPS_ELSE and answered.is_service is not False):
        said = f"in answer to a message that offers {word.upper()}: it may mean what that message asked."
        return _doubted(intent, ANSWER_TO_CHOICE, _beside(intent, said), is_standby=is_standby)
    if about is About.UNKNOWN and answered.is_service and is_transactional(intent):
        return in_answer_to_service(intent, is_standby=is_standby)
    return intent


def in_answer_to_service(intent: Intent, *, is_standby: bool) -> Intent:
    """The same words when they answer a service message: doubtful, for a person to look at."""
    said = "in answer to a service message: it may mean the order."
    return _doubted(intent, ANSWER_TO_SERVICE, _beside(intent, said), is_standby=is_standby)


def _answer_to_question(intent: Intent, text: str, answered: Answered, *, is_standby: bool) -> Intent:
    if intent.is_affirmation:
        if not asks_to_end(answered, normalisation.normalise(text)):
            return intent
        said = "Says yes in answer to a message that asks whether messages should end: it may be a wish to stop them."
        return _doubted(intent, YES_TO_STOP, said, is_standby=is_standby)
    if not asks_to_send(answered):
        return intent
    said = "Says no in answer to a message that asks whether messages are wanted: it may be a wish to get none."
    return _doubted(intent._replace(rule=_RULE_OF_NO), NO_TO_MESSAGES, said, is_standby=is_standby)


def _doubted(intent: Intent, suffix: str, explanation: str, *, is_standby: bool) -> Intent:
    return intent._replace(
        intent=IntentValue.REVIEW,
        # As in `judge`: in another agent's conversation nobody is asked what was meant.
        rule=f"{'standby/' if is_standby else ''}{intent.rule}/{suffix}",
        confidence=DOUBT,
        explanation=explanation,
        is_affirmation=False,
    )


def _beside(intent: Intent, said: str) -> str:
    return f"{intent.explanation.rstrip('.')}, {said}"


def _word_of(intent: Intent) -> str:
    """The built-in word by which alone an opt-out of marketing was found, as rules write it; else nothing."""
    language, _, word = intent.rule.partition("/")
    is_plain = intent.intent is IntentValue.OPT_OUT and intent.topic == "marketing"
    return word.removesuffix("/spelling") if is_plain and language != "own" else ""


def _is_closing(intent: Intent) -> bool:
    return _word_of(intent) in _CLOSING


def _says_nothing_else(text: str, is_one: Callable[[Intent], bool]) -> bool:
    """Whether nothing beside these words asks for an end of messages."""
    rest = " ".join(word for word in text.split() if not is_one(classify(word)))
    return classify(rest).intent not in {IntentValue.OPT_OUT, IntentValue.REVIEW}


def _is_no(intent: Intent, text: str) -> bool:
    if intent.rule not in _FOUND_NOTHING or len(text) > _MOST_LETTERS_OF_NO:
        return False
    words = normalisation.normalise(text)
    if words in _NO_WORDS:
        return True
    rest = [word for word in words.split() if word not in _NO_WORDS]
    return len(rest) < len(words.split()) and classify(" ".join(rest)).rule == "text/courtesy"
