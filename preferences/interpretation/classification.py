"""What a reply asks for: the text alone in `classify`, the whole message with its buttons and forms in `judge`.

A message that says nothing else is taken at its word, also behind a disguise. Sentences are read in `sentences`. A message
that merely contains a keyword is doubtful, and doubt goes to a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from itertools import groupby
from typing import NamedTuple

from preferences.interpretation import normalisation, sentences
from preferences.interpretation.intents import Intent, IntentValue
from preferences.interpretation.lexicon import LEXICON, Index, Keyword, Meaning
from preferences.interpretation.observations import InboundMessage, MessageKind
from preferences.interpretation.own_words import NO_OWN_WORDS, OwnWords

LONGEST_TEXT = 65_536
"""Characters that are read; WhatsApp lets nobody type more."""

Keywords = tuple[Keyword, ...]

_DOUBT = 0.5
_SENTENCE = 0.9
_DISGUISED = 0.9
_MOST_DISGUISED = 8  # words of a message that is looked through for a disguised keyword
_MOST_WORDS_BESIDE = 12
_MOST_NAMES = 3
_SAYS = {
    "asks": "Asks for the end of messages",
    "do_not_send": "Asks not to be sent anything",
    "stop_sending": "Asks to stop sending",
    "stop_messages": "Asks to stop the messages",
    "no_more_messages": "Asks for no more messages",
    "no_messages": "Asks for no messages",
    "unwanted_messages": "Does not want the messages",
    "remove_from_list": "Asks to be taken off the list",
    "remove_me": "Asks to be removed",
    "unsubscribe": "Asks to be unsubscribed",
    "plain_stop": "Asks to stop",
    "stop_unwanted": "Asks to stop and does not want it",
    "wrong_person_stop": "The messages reach somebody else, who asks for an end",
    "wrong_person": "The messages may reach somebody else",
    "complaint": "Complains about messages",
    "limits": "Complains about when or how often messages come",
    "unwanted": "Does not want something",
    "keep_going": "Says the opposite of stop",
}
_DOUBTS = {
    "question": "But it stands in a question.",
    "condition": "But it stands under a condition.",
    "limits": "But only at times, or for now.",
    "keep_going": "But the message also says the opposite.",
    "wants": "But the message also asks for messages.",
}
_FEWEST_SPELLED_LETTERS = 3  # "S T O P"
_FOUND_NOTHING = Intent(IntentValue.NONE, "text/none", explanation="No keyword was found in the message.")
_EMPTY = Intent(IntentValue.NONE, "text/empty", explanation="The message has no words.")
_INTENTS = {
    Meaning.OPT_OUT: IntentValue.OPT_OUT,
    Meaning.EVERYTHING: IntentValue.OPT_OUT,
    Meaning.OPT_IN: IntentValue.OPT_IN,
    Meaning.HELP: IntentValue.HELP,
    Meaning.AFFIRMATION: IntentValue.NONE,
}
_OLD_LANGUAGE_CODES = {"iw": "he", "in": "id"}

# A brand's own payloads: "optout:marketing", "optout:all", "optout:topic:news", "optin:undo", with anything behind.
_PAYLOADS = {"optout": IntentValue.OPT_OUT, "optin": IntentValue.OPT_IN}
# Our own button under a confirmation takes the opt-out back: "optout:undo:v1:<language of the confirmation>".
_UNDO = re.compile(r"optout:undo(?::[^:]*(?::([a-z]{2,3})(?::.*)?)?)?")
_SLUG = re.compile("[a-z0-9][a-z0-9_-]{0,49}")
_FIELDS_OF_OURS = {"flow_token"}  # written by the business and given back by WhatsApp
_SWITCH = {"on": True, "true": True, "yes": True, "opt in": True, "optin": True}
_SWITCH |= {"off": False, "false": False, "no": False, "stop": False, "opt out": False, "optout": False}


def classify(text: str, *, language_hint: str | None = None, own_words: OwnWords = NO_OWN_WORDS) -> Intent:
    """Judge the words of one message; never raises, always the same for the same text, hint and words.

    The hint (a language or locale code) decides only between languages that share a word. `own_words` are the brand's:
    they add to the built-in words and take none away.
    """
    reading = _Reading.of(text, language_hint, own_words)
    if not reading.words and not normalisation.has_stop_emoji(reading.text):
        return _EMPTY
    for step in _STEPS:
        intent = step(reading)
        if intent is not None:
            return intent
    return _FOUND_NOTHING


def judge(message: InboundMessage, *, language_hint: str | None = None, own_words: OwnWords = NO_OWN_WORDS) -> Intent:
    """Judge one message by its kind. In a group nothing is certain: a stop is reviewed, anything else is let be. The rule
    of what is reviewed names the group, or the other agent's conversation: there nobody is asked what was meant."""
    intent = _judge_kind(message, language_hint, own_words)
    if message.is_group:
        return _in_group(intent)
    is_overheard = message.is_standby and intent.intent is IntentValue.REVIEW
    return intent._replace(rule=f"standby/{intent.rule}") if is_overheard else intent


class _Reading(NamedTuple):
    """A text as the steps see it: as typed, as compared, and the language it is probably in."""

    text: str
    words: str
    hint: str
    is_cut: bool
    own: OwnWords

    @classmethod
    def of(cls, text: str, language_hint: str | None, own_words: OwnWords) -> _Reading:
        read = text[:LONGEST_TEXT]
        words = normalisation.normalise(read)
        return cls(
            text=read,
            words=words[:LONGEST_TEXT],
            hint=_language(language_hint) if language_hint else "",
            is_cut=max(len(text), len(words)) > LONGEST_TEXT,
            own=own_words,
        )


def _whole_message(reading: _Reading) -> Intent | None:
    found = LEXICON.spaced[reading.words] or LEXICON.unspaced[_joined(reading)]
    if not found or found[0].meaning is Meaning.COURTESY or reading.is_cut:
        return None
    return _of_whole_message(found, reading.hint)


@cache
def _of_whole_message(found: Keywords, hint: str) -> Intent:
    # Most replies are one of a few words. The keywords and languages are ours, so there are only so many.
    keyword, language = _pick(found, hint)
    return _keyword_intent(keyword, language, f"The whole message is {_named(keyword, found)}.")


def _only_stop_emoji(reading: _Reading) -> Intent | None:
    if reading.words or reading.is_cut or not normalisation.is_only_stop_emoji(reading.text):
        return None
    explanation = "The whole message is a stop sign."
    return Intent(
        IntentValue.OPT_OUT, "emoji/stop", language=reading.hint, is_international=True, explanation=explanation
    )


def _only_keywords(reading: _Reading) -> Intent | None:
    """ "Stop messages please", "STOP STOP", "Hello! Unsubscribe me. Thanks": one wish, said politely or often."""
    if reading.is_cut:
        return None
    own = reading.own
    groups = _cover(reading.words.split(), LEXICON.spaced, own.spaced)
    groups = groups or _cover(_joined(reading), LEXICON.unspaced, own.unspaced)
    if not groups or len({_INTENTS[found[0].meaning] for found in groups}) > 1:
        return None
    found = next((found for found in groups if found[0].meaning is Meaning.EVERYTHING), groups[0])
    keyword, language = _pick(found, reading.hint)
    return _keyword_intent(keyword, language, f"Apart from courtesy, the message only says {_named(keyword, found)}.")


def _disguised(reading: _Reading) -> Intent | None:
    """ "st0p", "STOOOP", "ѕtop", "unsuscribe": a keyword that was written in another way."""
    if reading.is_cut or normalisation.is_unspaced(reading.words):
        return None
    written = _spelled_together(reading.words.split())
    if len(written) > _MOST_DISGUISED:
        return None
    read = [LEXICON.spelling.read(word) for word in written]
    if " ".join(read) == reading.words:
        return None
    plain = reading._replace(words=" ".join(read), text="")
    intent = _whole_message(plain) or _only_keywords(plain)
    if intent is None or intent.intent not in {IntentValue.OPT_OUT, IntentValue.HELP}:
        return None  # ordinary text never opts in
    return intent._replace(
        rule=f"{intent.rule}/spelling",
        confidence=_DISGUISED,
        explanation=f"Written in another spelling: {intent.explanation[0].lower()}{intent.explanation[1:]}",
    )


def _spelled_together(words: list[str]) -> list[str]:
    """Runs of single letters as words: "please s t o p"."""
    together: list[str] = []
    for is_letter, run in groupby(words, key=lambda word: len(word) == 1):
        letters = list(run)
        together += ["".join(letters)] if is_letter and len(letters) >= _FEWEST_SPELLED_LETTERS else letters
    return together


def _with_a_name(reading: _Reading) -> Intent | None:
    """ "STOP Maria", "Unsubscribe Ana López": a plain stop and what can only be a name."""
    if reading.is_cut:
        return None
    words = reading.words.split()
    found = LEXICON.spaced[words[0]] if 1 < len(words) <= _MOST_NAMES + 1 else ()
    typed = reading.text.split()
    if not found or _INTENTS.get(found[0].meaning) is not IntentValue.OPT_OUT or not found[0].counts_inside:
        return None
    if len(typed) != len(words) or not all(name[0].isupper() and name.isalpha() for name in typed[1:]):
        return None
    if typed[-1].isupper() or any(LEXICON.spelling.read(name) in LEXICON.vocabulary for name in words[1:]):
        return None
    keyword, language = _pick(found, reading.hint)
    explanation = f"Beside what looks like a name, the message only says {_named(keyword, found)}."
    intent = _keyword_intent(keyword, language, explanation)
    return intent._replace(rule=f"{intent.rule}/name", confidence=_SENTENCE)


def _own_text(reading: _Reading) -> Intent | None:
    """Without quoted lines and "Sent from my phone" the message may be a plain one."""
    own = sentences.own_text(reading.text)
    return classify(own, language_hint=reading.hint, own_words=reading.own) if own != reading.text else None


def _sentences(reading: _Reading) -> Intent | None:
    clauses = sentences.clauses_of(reading.text)
    vocabulary = LEXICON.vocabulary
    read = [clause._replace(words=tuple(map(LEXICON.spelling.read, clause.words))) for clause in clauses]
    languages = sentences.languages_of(read, vocabulary, reading.hint)
    if not languages:
        is_read = len(reading.text) <= sentences.LONGEST_READ and not reading.own.spaced
        return _FOUND_NOTHING if is_read and not normalisation.has_stop_emoji(reading.text) else None
    message = sentences.Message(read, vocabulary, languages)
    finding = message.finding()
    if finding is not None and finding.intent is IntentValue.OPT_OUT:
        return _from_finding(finding)
    if reading.is_cut:
        return None  # what was not read may say anything
    if finding is not None and finding.intent is IntentValue.NONE:
        return _from_finding(finding)
    apart = None if message.is_business else _said_apart(reading, read)
    if apart is not None or finding is not None:
        return apart or (_from_finding(finding) if finding else None)
    inside = _keyword_inside(reading)
    if inside is None or not (message.is_business or not (message.has_stop or inside.is_international)):
        return inside
    return inside if inside.rule.startswith("own/") else _nothing_meant(reading, languages[0])


def _from_finding(finding: sentences.Finding) -> Intent:
    pattern, _, doubt = finding.pattern.partition("/")
    language = LEXICON.names[finding.language]
    explanation = f"{_SAYS[pattern]} ({language}): “{finding.quoted}”."
    if doubt:
        explanation += f" {_DOUBTS[doubt]}"
    topic = "any" if finding.intent is IntentValue.OPT_OUT and _says_everything(finding) else "marketing"
    return Intent(
        finding.intent,
        f"{finding.language}/sentence/{finding.pattern}",
        confidence=_DOUBT if finding.intent is IntentValue.REVIEW else _SENTENCE,
        language=finding.language,
        explanation=explanation,
        topic=topic,
    )


def _says_everything(finding: sentences.Finding) -> bool:
    units = finding.quoted.split()
    groups = LEXICON.spaced_inside.inside(units) if units else ()
    return any(found[0].meaning is Meaning.EVERYTHING for found in groups)


def _said_apart(reading: _Reading, clauses: list[sentences.Clause]) -> Intent | None:
    """ "Who is this? STOP", "Stop. Maria": a keyword in a sentence of its own, beside nothing that says otherwise."""
    stops, rest = [], []
    for clause in clauses:
        intent = _only_keywords(reading._replace(words=" ".join(clause.words), text="", is_cut=False))
        if intent is None:
            rest.append(clause)
        elif intent.intent is IntentValue.OPT_OUT:
            stops.append(intent)
        elif intent.intent is IntentValue.OPT_IN:
            return None
    if not stops or sum(len(clause.words) for clause in rest) > _MOST_WORDS_BESIDE:
        return None
    stop = stops[0]
    return stop._replace(
        rule=f"{stop.rule}/apart",
        confidence=_SENTENCE,
        explanation=f"A sentence of its own is a plain stop. {stop.explanation}",
    )


def _nothing_meant(reading: _Reading, language: str) -> Intent | None:
    """A stop word among orders, places, habits, negations and questions how it works; or one that mostly is about them."""
    if normalisation.has_stop_emoji(reading.text):
        return None
    name = LEXICON.names[language]
    explanation = f"The words speak of something else than our messages, or ask how things work ({name})."
    return Intent(IntentValue.NONE, f"{language}/sentence/other", language=language, explanation=explanation)


def _keyword_inside(reading: _Reading) -> Intent | None:
    groups = list(LEXICON.spaced_inside.inside(normalisation.tokens(reading.words)))
    groups += LEXICON.unspaced_inside.inside(_joined(reading))
    if reading.own.spaced is not None and reading.own.unspaced is not None:
        groups += reading.own.spaced.inside(normalisation.tokens(reading.words))
        groups += reading.own.unspaced.inside(_joined(reading))
        groups = [found for found in groups if found[0].meaning is not Meaning.HELP]
    stops = [found for found in groups if _INTENTS[found[0].meaning] is IntentValue.OPT_OUT]
    if not stops:
        return None
    found = max(stops, key=lambda found: (found[0].meaning is Meaning.EVERYTHING, len(found[0].words)))
    keyword, language = _pick(found, reading.hint)
    intent = _keyword_intent(
        keyword, language, f"The message contains {_named(keyword, found)} and says more than that."
    )
    if len(stops) < len(groups):
        explanation = "The message asks both to stop and to start."
        return _doubtful(intent._replace(rule=f"{intent.rule}/and_start", explanation=explanation))
    return _doubtful(intent._replace(rule=f"{intent.rule}/inside"))


def _stop_emoji_inside(reading: _Reading) -> Intent | None:
    if not normalisation.has_stop_emoji(reading.text):
        return None
    explanation = "The message contains a stop sign and more than that."
    return _doubtful(Intent(IntentValue.REVIEW, "emoji/stop/inside", explanation=explanation, is_international=True))


def _unread_rest(reading: _Reading) -> Intent | None:
    if not reading.is_cut:
        return None
    explanation = f"The message is longer than {LONGEST_TEXT} characters and was not read to its end."
    return _doubtful(Intent(IntentValue.REVIEW, "text/too_long", explanation=explanation))


_STEPS: tuple[Callable[[_Reading], Intent | None], ...] = (
    _whole_message,
    _only_stop_emoji,
    _only_keywords,
    _disguised,
    _with_a_name,
    _own_text,
    _sentences,
    _keyword_inside,
    _stop_emoji_inside,
    _unread_rest,
)


def _language(hint: str) -> str:
    code = hint.replace("_", "-").split("-")[0].lower()
    code = _OLD_LANGUAGE_CODES.get(code, code)
    return code if code in LEXICON.names else ""


def _joined(reading: _Reading) -> str:
    """The words without spaces where spaces mean nothing, in East Asian scripts and in "S T O P"; else nothing."""
    units = reading.words.split()
    is_spelled_out = len(units) >= _FEWEST_SPELLED_LETTERS and all(len(unit) == 1 for unit in units)
    return "".join(units) if is_spelled_out or normalisation.is_unspaced(reading.words) else ""


def _cover(units: list[str] | str, index: Index, own: Index | None) -> list[Keywords] | None:
    """The keywords a message is made of when it has nothing beside them and courtesy, else None. The built-in meaning of
    a word is the one that counts."""
    groups: list[Keywords] = []
    start = 0
    while start < len(units):
        length, found = index.at(units, start)
        if own is not None:
            own_length, own_found = own.at(units, start)
            length, found = (own_length, own_found) if own_length > length else (length, found)
        if not found:
            return None
        if found[0].meaning is not Meaning.COURTESY:
            groups.append(found)
        start += length
    return groups


def _pick(found: Keywords, hint: str) -> tuple[Keyword, str]:
    """The keyword of the hinted language or the first, and the language it is evidence of, if of any."""
    keyword = next((keyword for keyword in found if keyword.language == hint), found[0])
    if keyword.language == hint or (len(found) == 1 and not keyword.is_international):
        return keyword, keyword.language
    return keyword, hint if keyword.is_international else ""


def _named(keyword: Keyword, found: Keywords) -> str:
    kind = "button" if keyword.is_button else "phrase" if " " in keyword.spelling else "word"
    if keyword.is_international:
        return f'the international {kind} "{keyword.spelling.upper()}"'
    if keyword.is_own:
        return f'the brand\'s own {kind} "{keyword.spelling}"'
    languages = " or ".join(LEXICON.names[other.language] for other in found)
    return f'the {languages} {kind} "{keyword.spelling}"'


def _keyword_intent(keyword: Keyword, language: str, explanation: str) -> Intent:
    is_affirmation = keyword.meaning is Meaning.AFFIRMATION
    if is_affirmation:
        explanation = f"{explanation} It says yes only to a question that was asked."
    return Intent(
        intent=_INTENTS[keyword.meaning],
        rule=f"{keyword.language}/affirmation" if is_affirmation else keyword.rule,
        language=language,
        explanation=explanation,
        topic="any" if keyword.meaning is Meaning.EVERYTHING else "marketing",
        is_international=keyword.is_international,
        is_affirmation=is_affirmation,
    )


def _doubtful(intent: Intent) -> Intent:
    return intent._replace(intent=IntentValue.REVIEW, confidence=_DOUBT)


def _judge_kind(message: InboundMessage, language_hint: str | None, own_words: OwnWords) -> Intent:
    match message.kind:
        case MessageKind.OTHER if not message.text:
            return _says_nothing(message.kind)
        case MessageKind.TEXT | MessageKind.CAPTION | MessageKind.EDIT | MessageKind.OTHER:
            return classify(message.text, language_hint=language_hint, own_words=own_words)
        case MessageKind.TEMPLATE_BUTTON | MessageKind.REPLY_BUTTON | MessageKind.LIST_REPLY:
            return _judge_button(message.text, message.payload, language_hint)
        case MessageKind.FLOW:
            return _judge_form(message.payload)
        case MessageKind.UNAVAILABLE:
            # A first message to a number shared with the WhatsApp Business app arrives without its content.
            explanation = "WhatsApp did not pass on what the message says; it may ask to stop."
            return _doubtful(Intent(IntentValue.REVIEW, "whatsapp/131060", explanation=explanation))
        case kind:
            return _says_nothing(kind)


def _says_nothing(kind: MessageKind) -> Intent:
    explanation = f"A message of this kind ({kind.value}) says nothing about marketing."
    return Intent(IntentValue.NONE, f"kind/{kind.value}", explanation=explanation)


def _in_group(intent: Intent) -> Intent:
    if intent.intent is IntentValue.NONE and not intent.is_affirmation:
        return intent
    asks_to_stop = intent.intent in {IntentValue.OPT_OUT, IntentValue.REVIEW}
    return intent._replace(
        intent=IntentValue.REVIEW if asks_to_stop else IntentValue.NONE,
        rule=f"group/{intent.rule}",
        confidence=_DOUBT,
        explanation=f"Written in a group, so perhaps not to us. {intent.explanation}",
        is_affirmation=False,
    )


def _judge_button(label: str, payload: str, language_hint: str | None) -> Intent:
    word, scope, slug = (*payload.strip().lower().split(":", 3), "", "")[:3]
    wish = _PAYLOADS.get(word)
    by_label = classify(label if label.strip() or wish else payload, language_hint=language_hint)
    if undo := _UNDO.fullmatch(payload.strip().lower()):
        return _undone(by_label, _language(undo[1] or "") or by_label.language)
    if wish is None:
        # Nobody labels a button "No thanks" and lets it carry STOP by accident.
        by_payload = classify(payload, language_hint=language_hint)
        is_stop = by_payload.intent is IntentValue.OPT_OUT and by_label.intent is IntentValue.NONE
        return by_payload if is_stop else by_label
    if wish is IntentValue.OPT_IN and by_label.intent is IntentValue.OPT_OUT:
        return _contradiction(by_label)
    topic = "any" if scope in {"all", "any"} else "marketing"
    if scope == "topic" and _SLUG.fullmatch(slug):
        topic = slug
    explanation = f'A button was tapped that carries "{word}".'
    return Intent(wish, f"payload/{word}", language=by_label.language, explanation=explanation, topic=topic)


def _undone(by_label: Intent, language: str) -> Intent:
    """A tap on our undo button counts like START, unless its label asks to stop."""
    if by_label.intent is IntentValue.OPT_OUT:
        return _contradiction(by_label)
    explanation = "The undo button under a confirmation was tapped."
    return Intent(IntentValue.OPT_IN, "payload/undo", language=language, explanation=explanation)


def _contradiction(by_label: Intent) -> Intent:
    explanation = "The button's label asks to stop, its payload to start."
    return _doubtful(by_label._replace(rule="payload/contradiction", explanation=explanation))


def _judge_form(payload: str) -> Intent:
    """The answer of a WhatsApp Flow: a switch that is off outweighs others that are on, and so does a word of doubt."""
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError):
        return Intent(IntentValue.NONE, "flow/unreadable", explanation="The form's answer is not valid JSON.")
    fields = answer if isinstance(answer, dict) else {}
    if any(_switch(value) is False for key, value in fields.items() if _is_about_marketing(key)):
        return Intent(IntentValue.OPT_OUT, "flow/marketing_off", explanation="Marketing was switched off in a form.")
    if doubt := _doubt_in_form(answer):
        explanation = "A field of the form asks to stop, in words that are not a plain switch."
        return _doubtful(doubt._replace(rule=f"flow/{doubt.rule}", explanation=explanation))
    if any(_switch(value) is True for key, value in fields.items() if _opens_whatsapp(key)):
        return Intent(IntentValue.OPT_IN, "flow/marketing_on", explanation="Marketing was switched on in a form.")
    return Intent(IntentValue.NONE, "flow/none", explanation="The form's answer says nothing about marketing.")


def _doubt_in_form(answer: object) -> Intent | None:
    """What asks to stop in the fields of a form, however deep: "unsubscribe": true, or a comment that says so."""
    rest: list[object] = [answer]
    while rest:
        value = rest.pop()
        if isinstance(value, list):
            rest.extend(value)
        elif isinstance(value, dict):
            rest.extend(inner for key, inner in value.items() if key not in _FIELDS_OF_OURS)
            rest.extend(key for key, inner in value.items() if _switch(inner) is True)
        elif isinstance(value, str):
            found = classify(value)
            if found.intent in {IntentValue.OPT_OUT, IntentValue.REVIEW}:
                return found
    return None


def _is_about_marketing(key: str) -> bool:
    """`marketing`, `marketing_whatsapp`, `marketing_email` …, but not `marketing_opt_out`, which is on to be off."""
    return key.strip().lower().startswith("marketing") and classify(key).intent is IntentValue.NONE


def _opens_whatsapp(key: str) -> bool:
    return key.strip().lower() in {"marketing", "marketing_whatsapp"}


def _switch(value: object) -> bool | None:
    """On, off, or neither."""
    if isinstance(value, int):
        return bool(value) if value in {0, 1} else None
    return _SWITCH.get(normalisation.normalise(value)) if isinstance(value, str) else None
