"""What replies ask for: words of every language, buttons, forms and other kinds of messages."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preferences.interpretation import (
    CLASSIFIER_VERSION,
    KEYWORDS_VERSION,
    Intent,
    IntentValue,
    classify,
    judge,
    lexicon,
    normalisation,
)
from preferences.interpretation.lexicon import LEXICON, Meaning
from preferences.interpretation.observations import InboundMessage, MessageKind, Person, SenderRef

PER_SE_WORDS = ["stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"]
LANGUAGES = list(LEXICON.names)
lexicon.spelling()  # read once, so that no example waits for it
ANY_TEXT = st.text(alphabet=st.characters(), max_size=200)
KEYWORD_SALAD = st.lists(st.sampled_from([keyword.spelling for keyword in LEXICON.keywords]), max_size=6).map(" ".join)


def message(kind: MessageKind, text: str = "", payload: str = "", **changes: bool) -> InboundMessage:
    return InboundMessage(
        sender=SenderRef(account="1000", key="2000"),
        person=Person(phone="+12025550143"),
        message_id="wamid.TEST",
        sent_at=None,
        kind=kind,
        text=text,
        payload=payload,
        **changes,
    )


def wide(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character for character in text)


@pytest.mark.parametrize("word", PER_SE_WORDS)
@pytest.mark.parametrize(
    "disguise",
    [
        str.lower,
        str.upper,
        str.title,
        wide,
        lambda word: wide(word.upper()),
        lambda word: f"  {word}.\n",
        lambda word: f"“{word}!!!”",
        lambda word: f"*{word}*",
        lambda word: f"{word} 🙏🏽",
        lambda word: f"🛑{word}🛑",
        "\u200b".join,
        lambda word: f"\ufeff\u202b{word}\u202c",
        lambda word: "".join(letter + "\u0301" if letter in "aeiou" else letter for letter in word),
        lambda word: f"{word}\0",
        lambda word: f"{word} please",
        lambda word: f"Hi, please {word}. Thank you very much!",
        lambda word: f"{word} {word} {word}",
        lambda word: ".".join(word.replace(" ", "").upper()) if word != "opt out" else word,
    ],
)
def test_it_obeys_every_per_se_word_in_every_disguise(word: str, disguise) -> None:
    intent = classify(disguise(word))

    assert intent.intent is IntentValue.OPT_OUT
    assert intent.topic == "marketing"
    assert intent.confidence == 1.0


@pytest.mark.parametrize("word", PER_SE_WORDS)
def test_it_takes_a_question_how_it_works_for_a_question(word: str) -> None:
    intent = classify(f"Could somebody tell me what {word} would mean for my loyalty points?")

    assert intent.intent in {IntentValue.NONE, IntentValue.REVIEW}
    assert word in {"opt out", "unsubscribe"} or intent.intent is IntentValue.NONE


@pytest.mark.parametrize("word", ["stop", "unsubscribe", "opt out", "revoke consent", "STOPALL"])
def test_it_reviews_a_stop_among_words_it_does_not_know(word: str) -> None:
    intent = classify(f"Zanzibar umbrella {word} gingerbread xylophone quartz marmalade")

    assert intent.intent in {IntentValue.REVIEW, IntentValue.OPT_OUT}


@pytest.mark.parametrize(
    ("text", "rule", "language"),
    [
        ("STOP", "en/stop", ""),
        ("stopall", "en/stopall", ""),
        ("Stop all", "en/stop_all", ""),
        ("STOPALL", "en/stopall", ""),
        ("opt-out", "en/opt_out", "en"),
        ("OPTOUT", "en/optout", "en"),
        ("remove", "en/remove", "en"),
        ("stop messages please", "en/stop_messages", "en"),
        ("Stop messaging me", "en/stop_messaging_me", "en"),
        ("Stop promotions", "en/stop_promotions", "en"),
        ("No more messages.", "en/no_more_messages", "en"),
        ("Please don’t text me", "en/don_t_text_me", "en"),
        ("Stop. Unsubscribe me. Thanks", "en/stop", ""),
        ("ARRET", "fr/arret", "fr"),
        ("Arrêt, s'il vous plaît", "fr/arret", "fr"),
        ("STOPP", "de/stopp", ""),
        ("keine Werbung mehr bitte", "de/keine_werbung_mehr", "de"),
        ("BAJA", "es/baja", "es"),
        ("quiero darme de baja, gracias", "es/quiero_darme_de_baja", "es"),
        ("SAIR", "pt/sair", "pt"),
        ("Disiscrivimi per favore", "it/disiscrivimi", "it"),
        ("रोकें", "hi/रोकें", "hi"),
        ("message band karo", "hi/message_band_karo", ""),
        ("إيقاف", "ar/ايقاف", "ar"),
        ("الغاء الإشتراك من فضلك", "ar/الغاء_الاشتراك", "ar"),
        ("UNREG", "id/unreg", "id"),
        ("IPTAL", "tr/iptal", "tr"),
        ("İptal", "tr/iptal", "tr"),
        ("СТОП", "ru/стоп", ""),
        ("Отпишите меня, пожалуйста", "ru/отпишите_меня", "ru"),
        ("afmelden aub", "nl/afmelden", "nl"),
        ("Wypisz mnie", "pl/wypisz_mnie", "pl"),
        ("நிறுத்து", "ta/நிறுத்து", "ta"),
        ("配信停止お願いします", "ja/配信停止", "ja"),
        ("退订", "zh/退订", "zh"),
        ("请 退訂，谢谢！", "zh/退訂", "zh"),
        ("수신 거부", "ko/수신거부", "ko"),
        ("הסר", "he/הסר", "he"),
        ("STOPしてください", "en/stop", ""),
        ("Відпишіть мене, будь ласка", "uk/відпишіть_мене", "uk"),
        ("মেসেজ পাঠাবেন না", "bn/মেসেজ_পাঠাবেন_না", "bn"),
        ("براہ کرم میسج نہ بھیجیں", "ur/ميسج_نه_بھيجيں", "ur"),
        ("لطفاً پیام نفرستید", "fa/پيام_نفرستيد", "fa"),
        ("Đừng nhắn tin nữa", "vi/dung_nhan_tin_nua", "vi"),
        ("หยุดส่งข้อความค่ะ", "th/หยุดส่งข้อความ", "th"),
        ("ไม่ต้องการรับข้อความ ครับ", "th/ไม่ต้องการรับข้อความ", "th"),
        ("Dezabonați-mă", "ro/dezabonati_ma", "ro"),
        ("ΔΙΑΓΡΑΦΗ", "el/διαγραφη", "el"),
        ("Avregistrera mig", "sv/avregistrera_mig", "sv"),
        ("Nyahlanggan", "ms/nyahlanggan", "ms"),
        ("tafadhali acheni kutuma ujumbe", "sw/acheni_kutuma_ujumbe", "sw"),
        ("మెసేజ్ పంపకండి", "te/మెసేజ్_పంపకండి", "te"),
        ("मेसेज पाठवू नका", "mr/मेसेज_पाठवू_नका", "mr"),
        ("S T O P", "en/stop", ""),
        ("🛑", "emoji/stop", ""),
        ("⛔️ 🚫", "emoji/stop", ""),
    ],
)
def test_it_obeys_a_message_that_says_nothing_else(text: str, rule: str, language: str) -> None:
    intent = classify(text)

    assert (intent.intent, intent.rule, intent.language) == (IntentValue.OPT_OUT, rule, language)
    assert intent.topic == "marketing"


@pytest.mark.parametrize(
    "text",
    [
        "stop all messages",
        "Stop everything!",
        "No messages at all, please",
        "全部停止",
        "모든 메시지 수신 거부",
        "arrêtez tout",
        "STOP. Stop everything.",
    ],
)
def test_it_hears_that_everything_shall_stop(text: str) -> None:
    intent = classify(text)

    assert (intent.intent, intent.topic) == (IntentValue.OPT_OUT, "any")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("STOP Maria", "en/stop/name"),
        ("Unsubscribe Ana López", "en/unsubscribe/name"),
        ("st0p", "en/stop/spelling"),
        ("STOOOOP", "en/stop/spelling"),
        ("please s t o p", "en/stop/spelling"),
        ("ѕtoр", "en/stop/spelling"),
        ("unsuscribe", "en/unsubscribe/spelling"),
        ("unsubscrbe please", "en/unsubscribe/spelling"),
        ("Kolme pizzaa. UNREG", "id/sentence/unsubscribe"),
        ("Stop\n\nSent from my iPhone", "en/stop"),
        ("> Big sale this week!\nSTOP", "en/stop"),
        ("pls take me off that silly list", "en/sentence/remove_from_list"),
        ("wrong number, stop texting", "en/sentence/asks"),
        ("who gave you my number, stop texting", "en/sentence/asks"),
        ("wrong person, delete this one", "en/sentence/wrong_person_stop"),
        ("I love your store but please stop texting me", "en/sentence/do_not_send"),
        ("Cancel my order and stop all these messages", "en/sentence/stop_messages"),
        ("I don't want your silly ads", "en/sentence/unwanted_messages"),
        ("I am not interested stop it", "en/sentence/stop_unwanted"),
        ("fuck off with this", "en/sentence/asks"),
        ("I told you to remove my number yesterday", "en/sentence/do_not_send"),
    ],
)
def test_it_obeys_what_clearly_asks_for_an_end(text: str, rule: str) -> None:
    intent = classify(text)

    assert (intent.intent, intent.rule) == (IntentValue.OPT_OUT, rule)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("can you stop it today", "en/stop/inside"),
        ("stop start", "en/stop/and_start"),
        ("🛑 promo", "emoji/stop/inside"),
        ("🚫🙏", "emoji/stop/inside"),
        ("wrong number", "en/sentence/wrong_person"),
        ("too many messages", "en/sentence/complaint"),
        ("stop sending so late", "en/sentence/do_not_send/limits"),
        ("not interested right now", "en/sentence/unwanted"),
        ("how do I unsubscribe?", "en/sentence/unsubscribe/question"),
        ("if you go on like this I will unsubscribe", "en/sentence/unsubscribe/condition"),
        ("not interested", "en/sentence/unwanted"),
        ("Stop texting me. Or no, send me more!", "en/sentence/do_not_send/wants"),
    ],
)
def test_it_leaves_doubt_to_a_person(text: str, rule: str) -> None:
    intent = classify(text)

    assert (intent.intent, intent.rule) == (IntentValue.REVIEW, rule)
    assert intent.confidence < 1


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "Where is my order?",
        "ok thanks",
        "please",
        "See you at the weekend",
        "nonstop",
        "fine",
        "red",
        "no",
        "👍",
        "",
        "   ",
        "...",
        "42",
        "Gracias, lo quiero para el lunes",
        "para",
        "La planta baja está cerrada",
        "Das ist halt so, Ende der Woche",
        "Mi basta sapere il prezzo",
        "En fin de semaine, merci",
        "दुकान कब बंद होती है?",
        "그만큼 좋아요",
        "ロック解除の方法は？",
        "退货在哪里办理",
        "When does the sale start?",
        "I need some help with my order",
        "Which bus stop is nearest to your shop?",
        "stop by the store?",
        "cancel my order",
        "Don't stop",
        "don't stop sending these, I love them",
        "¿para cuándo llega?",
        "what happens if I reply STOP?",
        "我想取消昨天的订单",
        "注文をキャンセルできますか",
        "주문 취소하고 싶어요",
        "Anulați comanda mea",
        "أريد إلغاء الطلب",
        "terminal",
        "I did not get any message",
    ],
)
def test_it_lets_ordinary_messages_be(text: str) -> None:
    assert classify(text).intent is IntentValue.NONE


@pytest.mark.parametrize(
    "text", ["START", "unstop", "Subscribe", "opt in", "OPT-IN", "start please", "ALTA", "开始", "Resume promotions"]
)
def test_it_hears_an_opt_in(text: str) -> None:
    intent = classify(text)

    assert (intent.intent, intent.topic) == (IntentValue.OPT_IN, "marketing")


@pytest.mark.parametrize("text", ["HELP", "info", "Ayuda", "Hilfe!", "aide svp", "مساعدة", "ヘルプ", "помощь"])
def test_it_hears_a_call_for_help(text: str) -> None:
    assert classify(text).intent is IntentValue.HELP


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("yes", "en/affirmation"),
        ("YES please!", "en/affirmation"),
        ("Sí", "es/affirmation"),
        ("да", "ru/affirmation"),
        ("はい", "ja/affirmation"),
    ],
)
def test_it_never_takes_yes_for_an_opt_in(text: str, rule: str) -> None:
    intent = classify(text)

    assert (intent.intent, intent.rule, intent.is_affirmation) == (IntentValue.NONE, rule, True)


def test_it_knows_that_stop_is_no_evidence_of_english() -> None:
    assert classify("STOP").is_international
    assert classify("STOP").language == ""
    assert classify("STOP", language_hint="pt_BR").language == "pt"
    assert classify("STOP", language_hint="xx").language == ""
    assert not classify("unsubscribe").is_international


@pytest.mark.parametrize(
    ("hint", "language", "rule"),
    [(None, "", "es/cancelar"), ("pt-BR", "pt", "pt/cancelar"), ("es", "es", "es/cancelar"), ("de", "", "es/cancelar")],
)
def test_it_lets_the_hint_decide_between_languages(hint: str | None, language: str, rule: str) -> None:
    intent = classify("CANCELAR", language_hint=hint)

    assert (intent.intent, intent.language, intent.rule) == (IntentValue.OPT_OUT, language, rule)


def test_it_does_not_let_the_hint_overrule_the_words() -> None:
    assert classify("ARRET", language_hint="de").language == "fr"
    assert classify("please stop by on Tuesday", language_hint="es") == classify("please stop by on Tuesday")
    assert classify("annulla il mio ordine", language_hint="de") == classify("annulla il mio ordine")
    assert classify("ayuda", language_hint="iw").intent is IntentValue.HELP


def test_it_explains_itself_to_support_staff() -> None:
    assert classify("Arrêt").explanation == 'The whole message is the French word "arrêt".'
    assert classify("stop").explanation == 'The whole message is the international word "STOP".'
    assert "Spanish or Portuguese word" in classify("cancelar").explanation
    assert (
        classify("maybe stop, no idea").explanation
        == 'The message contains the international word "STOP" and says more than that.'
    )
    assert (
        classify("please stop texting my phone").explanation
        == "Asks for the end of messages (English): “stop texting”."
    )
    assert classify("stop sending so late").explanation.endswith("But only at times, or for now.")
    assert classify("st0p").explanation.startswith("Written in another spelling: the whole message is")


def test_it_reads_a_text_of_any_length_to_its_limit() -> None:
    assert classify("a " * 40_000).rule == "text/too_long"
    assert classify("STOP" + " " * 100_000).intent is IntentValue.REVIEW
    assert classify("x" * 65_000 + " stop").intent is IntentValue.REVIEW
    assert classify("STOP\n> " + "quoted " * 20_000 + "\nno, go on").intent is IntentValue.REVIEW


@pytest.mark.parametrize(
    "pattern",
    [
        "remove ",
        "please ",
        "stop start ",
        "do not contact me at ",
        "停",
        "取消订",
        "全ての",
        "ﷺ",
        "\u0301\u0316",
        "s t ",
    ],
    ids=ascii,
)
def test_it_takes_linear_time_for_hostile_text(pattern: str) -> None:
    started = time.perf_counter()

    classify((pattern * 65_536)[:65_536])

    assert time.perf_counter() - started < 5


@given(ANY_TEXT | KEYWORD_SALAD, st.none() | st.sampled_from(["en", "pt_BR", "zz", ""]))
def test_it_answers_any_text_and_always_the_same(text: str, hint: str | None) -> None:
    intent = classify(text, language_hint=hint)

    assert isinstance(intent, Intent)
    assert intent == classify(text, language_hint=hint)
    assert 0 < intent.confidence <= 1
    assert len(intent.rule) <= 64
    assert intent.explanation
    assert intent.language in {"", *LANGUAGES}


@given(ANY_TEXT)
def test_it_never_opts_anybody_in_by_ordinary_text(text: str) -> None:
    if classify(text).intent is IntentValue.OPT_IN:
        words = normalisation.normalise(text)
        assert any(
            keyword.meaning is Meaning.OPT_IN and keyword.words.split()[0] in words for keyword in LEXICON.keywords
        )


@given(st.sampled_from(PER_SE_WORDS), ANY_TEXT, ANY_TEXT)
def test_it_never_overlooks_a_per_se_word_in_a_line_of_its_own(word: str, before: str, after: str) -> None:
    intent = classify(f"{before}\n{word}\n{after}")

    assert intent.intent in {IntentValue.OPT_OUT, IntentValue.REVIEW} or intent.rule.endswith("/sentence/other")


# Keyword files


def test_it_can_use_every_entry_of_every_language() -> None:
    lexicon.check_sentences()


def test_it_knows_more_than_forty_languages() -> None:
    assert len(LANGUAGES) >= 40


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_has_every_kind_of_keyword_in_every_language(language: str) -> None:
    own = [keyword for keyword in LEXICON.keywords if keyword.language == language]

    assert {keyword.meaning for keyword in own} == set(Meaning)
    assert {keyword.meaning for keyword in own if keyword.is_button} == {Meaning.OPT_OUT, Meaning.OPT_IN}


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_obeys_each_keyword_as_the_whole_message(language: str) -> None:
    meant = {
        Meaning.OPT_OUT: (IntentValue.OPT_OUT, "marketing", language),
        Meaning.EVERYTHING: (IntentValue.OPT_OUT, "any", language),
        Meaning.OPT_IN: (IntentValue.OPT_IN, "marketing", language),
        Meaning.HELP: (IntentValue.HELP, "marketing", language),
        Meaning.AFFIRMATION: (IntentValue.NONE, "marketing", language),
        Meaning.COURTESY: (IntentValue.NONE, "marketing", ""),
    }
    own = [keyword for keyword in LEXICON.keywords if keyword.language == language]

    judged = {keyword.spelling: classify(keyword.spelling, language_hint=language) for keyword in own}

    assert {spelling: (intent.intent, intent.topic, intent.language) for spelling, intent in judged.items()} == {
        keyword.spelling: meant[keyword.meaning] for keyword in own
    }


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        (
            "Obrišite sve što imate o meni",
            (
                "Asks for the end of messages (Croatian): “sve sto imate o meni”. But if it is Bosnian, it speaks of "
                "something else, or asks how things work."
            ),
        ),
        (
            "Sir ji unsubscribe kar do na mereko",
            "Asks to be unsubscribed (Hindi): “unsubscribe kar do”. But if it is English, of what is not clear.",
        ),
    ],
)
def test_it_names_the_language_that_says_otherwise(text: str, explanation: str) -> None:
    intent = classify(text)

    assert (intent.intent, intent.explanation) == (IntentValue.REVIEW, explanation)
    assert intent.rule.endswith("/other_language")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("please do not take me off the list", "en/sentence/keep_going"),
        ("bitte nehmt mich nicht von der Liste", "de/sentence/keep_going"),
        ("tranquilos que no me doy de baja", "es/sentence/keep_going"),
        ("请不要把我从名单里删掉", "zh/sentence/keep_going"),
        ("Ik krijg al weken geen berichtjes meer van jullie, jammer!", "text/none"),
        ("Nie dostaję od was żadnych wiadomości, czemu?", "pl/sentence/other"),
        ("nunca pedí que dejaran de mandarme mensajes", "text/none"),
        ("не хочу синий, пришлите зелёный", "text/none"),
    ],
)
def test_it_lets_be_who_wants_to_stay_or_asks_for_another_thing(text: str, rule: str) -> None:
    intent = classify(text)

    assert (intent.intent, intent.rule) == (IntentValue.NONE, rule)


@pytest.mark.parametrize("text", ["don't call me, text me", "no llamen, escriban por aquí"])
def test_it_doubts_what_asks_to_be_written_to_another_way(text: str) -> None:
    intent = classify(text)

    assert intent.intent is IntentValue.REVIEW
    assert intent.rule.endswith("/do_not_send/wants")


@pytest.mark.parametrize(
    "text",
    [
        "no more mesages",
        "dejen de mandarme mensjaes",
        "Je ne veux plus de vos messsages",
        "не присылайте ваши рассылик",
    ],
)
def test_it_reads_over_a_slip_in_a_sentence(text: str) -> None:
    assert classify(text).intent is IntentValue.OPT_OUT


@pytest.mark.parametrize(("text", "language"), [("acha", "sw"), ("ACHA!", "sw"), ("Mira", "sn")])
def test_it_obeys_a_word_of_daily_talk_only_where_it_is_known_to_mean_stop(text: str, language: str) -> None:
    assert classify(text, language_hint=language).intent is IntentValue.OPT_OUT
    assert classify(text, language_hint=language).language == language
    assert classify(text).intent is classify(text, language_hint="hi").intent is IntentValue.NONE


def test_it_names_the_versions_a_judgement_was_made_with() -> None:
    assert CLASSIFIER_VERSION >= 1
    assert len(KEYWORDS_VERSION) == 12
    assert int(KEYWORDS_VERSION, 16) >= 0


def write(directory: Path, name: str, /, **data: object) -> None:
    data = {"language": name, "name": name.upper(), **data}
    (directory / f"{name}.json").write_text(json.dumps(data), encoding="utf-8")


def test_it_changes_the_version_with_the_files(tmp_path: Path) -> None:
    write(tmp_path, "aa", opt_in=["go"])
    before = lexicon.version(tmp_path)

    write(tmp_path, "aa", opt_in=["gone"])

    assert lexicon.version(tmp_path) != before


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"language": "bb"}, 'aa.json: "language" must be "aa"'),
        ({"name": ""}, 'aa.json: "name"'),
        ({"spaces": "no"}, 'aa.json: "spaces"'),
        ({"optout": []}, 'aa.json: "optout" is not a key'),
        ({"opt_out": ["halt"]}, 'aa.json: "opt_out" must be an object'),
        ({"opt_out": {"word": ["halt"]}}, 'aa.json: "opt_out" must be an object'),
        ({"opt_out": {"words": "halt"}}, 'aa.json: "opt_out.words" must be a list'),
        ({"help": [1]}, 'aa.json: "help" must be a list'),
        ({"help": ["…"]}, 'aa.json: "help" has an entry without letters'),
        ({"help": ["x" * 41]}, 'aa.json: "help" has an entry over 40 characters'),
        ({"international": ["x"]}, 'aa.json: "international"'),
        ({"help": ["x"], "opt_in": ["X!"]}, "aa.json: 'x' is in"),
        ({"help": ["go"]}, "which aa.json has"),
        ({"sentences": []}, 'aa.json: "sentences" must be an object'),
        ({"sentences": {"stops": ["halt"]}}, 'aa.json: "sentences" must be an object'),
        ({"sentences": {"stop": "halt"}}, 'aa.json: "sentences.stop" must be a list'),
        ({"sentences": {"stop": ["!"]}}, """aa.json: "sentences.stop" has '!': it has no words"""),
        ({"sentences": {"stop": ["take …"]}}, "or ends with “…”"),
        ({"sentences": {"stop": ["… off"]}}, "“…” must stand between words"),
        ({"sentences": {"stop": ["a*"]}}, "at least two letters"),
        ({"sentences": {"stop": ["停*"]}, "spaces": False}, "“*” has no use"),
    ],
)
def test_it_names_the_file_and_the_key_of_a_mistake(tmp_path: Path, data: dict[str, object], complaint: str) -> None:
    write(tmp_path, "aa", **data)
    write(tmp_path, "zz", opt_in=["go"])

    with pytest.raises(lexicon.KeywordFileError) as error:
        lexicon.check_sentences(tmp_path)

    assert complaint in str(error.value)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_it_names_the_file_that_is_no_json_object(tmp_path: Path, content: str) -> None:
    (tmp_path / "aa.json").write_text(content, encoding="utf-8")

    with pytest.raises(lexicon.KeywordFileError, match=r"aa\.json"):
        lexicon.load(tmp_path)


# Kinds of messages


@pytest.mark.parametrize("kind", [MessageKind.TEXT, MessageKind.CAPTION, MessageKind.EDIT, MessageKind.OTHER])
def test_it_judges_what_was_written(kind: MessageKind) -> None:
    assert judge(message(kind, "STOP")) == classify("STOP")
    assert judge(message(kind, "hello")).intent is IntentValue.NONE
    assert judge(message(kind, "STOP"), language_hint="de").language == "de"


@pytest.mark.parametrize("kind", [MessageKind.TEMPLATE_BUTTON, MessageKind.REPLY_BUTTON, MessageKind.LIST_REPLY])
@pytest.mark.parametrize(
    ("text", "payload", "expected"),
    [
        ("Stop promotions", "optout:marketing:v1", (IntentValue.OPT_OUT, "marketing", "payload/optout")),
        ("Not for me", "optout:marketing", (IntentValue.OPT_OUT, "marketing", "payload/optout")),
        ("Stop everything", "optout:all", (IntentValue.OPT_OUT, "any", "payload/optout")),
        ("Stop everything", "OPTOUT:any:v2", (IntentValue.OPT_OUT, "any", "payload/optout")),
        ("Newsletter", "optout:topic:newsletter", (IntentValue.OPT_OUT, "newsletter", "payload/optout")),
        ("Newsletter", "optout:topic:news-2:v1", (IntentValue.OPT_OUT, "news-2", "payload/optout")),
        ("Newsletter", "optout:topic:", (IntentValue.OPT_OUT, "marketing", "payload/optout")),
        ("Newsletter", "optout:topic:Ünï code", (IntentValue.OPT_OUT, "marketing", "payload/optout")),
        ("Bye", "optout", (IntentValue.OPT_OUT, "marketing", "payload/optout")),
        ("Undo", "optin:undo", (IntentValue.OPT_IN, "marketing", "payload/optin")),
        ("News", "optin:topic:news", (IntentValue.OPT_IN, "news", "payload/optin")),
        ("Undo", "optout:undo:v1", (IntentValue.OPT_IN, "marketing", "payload/undo")),
        ("Rückgängig", "optout:undo:v1:de", (IntentValue.OPT_IN, "marketing", "payload/undo")),
        ("", "optout:undo:v1:de", (IntentValue.OPT_IN, "marketing", "payload/undo")),
        ("Stop promotions", "optout:undo:v1", (IntentValue.REVIEW, "marketing", "payload/contradiction")),
        ("Undo", "OPTOUT:undo", (IntentValue.OPT_IN, "marketing", "payload/undo")),
        ("Undo", "optout:undo:v2:fr:more", (IntentValue.OPT_IN, "marketing", "payload/undo")),
        ("Undo", "optout:undone", (IntentValue.OPT_OUT, "marketing", "payload/optout")),
        ("Stop promotions", "optin:undo", (IntentValue.REVIEW, "marketing", "payload/contradiction")),
        ("Stop promotions", "Stop promotions", (IntentValue.OPT_OUT, "marketing", "en/stop_promotions")),
        ("", "Unsubscribe", (IntentValue.OPT_OUT, "marketing", "en/unsubscribe")),
        ("Detener promociones", "btn-7", (IntentValue.OPT_OUT, "marketing", "es/detener_promociones")),
        ("Stop all messages", "42", (IntentValue.OPT_OUT, "any", "en/stop_all_messages")),
        ("Track my order", "track", (IntentValue.NONE, "marketing", "text/none")),
        ("Yes", "yes-1", (IntentValue.NONE, "marketing", "en/affirmation")),
        ("", "", (IntentValue.NONE, "marketing", "text/empty")),
    ],
)
def test_it_judges_a_tapped_button(kind: MessageKind, text: str, payload: str, expected: tuple[str, ...]) -> None:
    judged = judge(message(kind, text, payload))

    assert (judged.intent, judged.topic, judged.rule) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_knows_the_labels_of_buttons_in_every_language(language: str) -> None:
    buttons = [keyword for keyword in LEXICON.keywords if keyword.is_button and keyword.language == language]

    judged = [judge(message(MessageKind.TEMPLATE_BUTTON, button.spelling, button.spelling)) for button in buttons]

    assert [intent.intent.value for intent in judged] == [button.meaning.value for button in buttons]


@pytest.mark.parametrize(
    ("payload", "intent", "rule"),
    [
        ({"flow_token": "t", "marketing": "off"}, IntentValue.OPT_OUT, "flow/marketing_off"),
        ({"marketing": False}, IntentValue.OPT_OUT, "flow/marketing_off"),
        ({"marketing": "opt_out"}, IntentValue.OPT_OUT, "flow/marketing_off"),
        ({"marketing_whatsapp": "No"}, IntentValue.OPT_OUT, "flow/marketing_off"),
        ({"Marketing": "STOP"}, IntentValue.OPT_OUT, "flow/marketing_off"),
        ({"marketing": "on", "marketing_whatsapp": "off"}, IntentValue.OPT_OUT, "flow/marketing_off"),
        ({"marketing": "on"}, IntentValue.OPT_IN, "flow/marketing_on"),
        ({"marketing": True}, IntentValue.OPT_IN, "flow/marketing_on"),
        ({"marketing": 1, "flow_token": "stop-form"}, IntentValue.OPT_IN, "flow/marketing_on"),
        ({"marketing_whatsapp": "on", "note": "thank you"}, IntentValue.OPT_IN, "flow/marketing_on"),
        ({"marketing_email": "on"}, IntentValue.NONE, "flow/none"),
        ({"marketing_budget": "yes"}, IntentValue.NONE, "flow/none"),
        ({"marketing": 0}, IntentValue.OPT_OUT, "flow/marketing_off"),
        ({"marketing": "yes", "note": "stop"}, IntentValue.REVIEW, "flow/en/stop"),
        ({"comment": "please unsubscribe me from all of this"}, IntentValue.REVIEW, "flow/en/sentence/do_not_send"),
        ({"answers": [{"choices": ["stop"]}]}, IntentValue.REVIEW, "flow/en/stop"),
        ({"marketing_opt_out": True}, IntentValue.REVIEW, "flow/en/sentence/stop_messages"),
        ({"marketing_opt_out": False}, IntentValue.NONE, "flow/none"),
        ({"unsubscribe": "yes"}, IntentValue.REVIEW, "flow/en/unsubscribe"),
        ({"unsubscribe": "no"}, IntentValue.NONE, "flow/none"),
        ({"marketing": "maybe"}, IntentValue.NONE, "flow/none"),
        ({"marketing": ["off"]}, IntentValue.REVIEW, "flow/id/off"),
        ({"newsletter": "off"}, IntentValue.REVIEW, "flow/id/off"),
        ([{"marketing": "off"}], IntentValue.REVIEW, "flow/id/off"),
        ("marketing off", IntentValue.NONE, "flow/none"),
    ],
)
def test_it_judges_the_answer_of_a_form(payload: object, intent: IntentValue, rule: str) -> None:
    judged = judge(message(MessageKind.FLOW, "Sent", json.dumps(payload)))

    assert (judged.intent, judged.rule) == (intent, rule)


@pytest.mark.parametrize(
    "payload", ["", "{", "optout:all", "[" * 100_000, '{"marketing": ' + "9" * 5000 + "}"], ids=range(5)
)
def test_it_takes_nothing_from_a_broken_form(payload: str) -> None:
    judged = judge(message(MessageKind.FLOW, "STOP", payload))

    assert (judged.intent, judged.rule) == (IntentValue.NONE, "flow/unreadable")


def test_it_reviews_a_message_whose_content_is_missing() -> None:
    judged = judge(message(MessageKind.UNAVAILABLE))

    assert (judged.intent, judged.rule) == (IntentValue.REVIEW, "whatsapp/131060")


@pytest.mark.parametrize(
    "kind",
    [
        MessageKind.REVOKE,
        MessageKind.REACTION,
        MessageKind.CONTACTS,
        MessageKind.CALL_PERMISSION,
        MessageKind.WELCOME,
        MessageKind.UNSUPPORTED,
    ],
)
def test_it_takes_nothing_from_messages_without_words(kind: MessageKind) -> None:
    judged = judge(message(kind, "🛑 STOP"))

    assert (judged.intent, judged.rule) == (IntentValue.NONE, f"kind/{kind.value}")


def test_it_takes_nothing_from_an_unknown_kind_without_text() -> None:
    assert judge(message(MessageKind.OTHER)).rule == "kind/other"


@pytest.mark.parametrize(
    ("text", "intent", "rule"),
    [
        ("STOP", IntentValue.REVIEW, "group/en/stop"),
        ("stop all messages", IntentValue.REVIEW, "group/en/stop_all_messages"),
        ("Please stop texting my phone", IntentValue.REVIEW, "group/en/sentence/asks"),
        ("Which bus stop?", IntentValue.NONE, "en/sentence/other"),
        ("START", IntentValue.NONE, "group/en/start"),
        ("HELP", IntentValue.NONE, "group/en/help"),
        ("YES", IntentValue.NONE, "group/en/affirmation"),
        ("hello", IntentValue.NONE, "text/courtesy"),
    ],
)
def test_it_is_certain_of_nothing_in_a_group(text: str, intent: IntentValue, rule: str) -> None:
    judged = judge(message(MessageKind.TEXT, text, is_group=True))

    assert (judged.intent, judged.rule) == (intent, rule)
    assert not judged.is_affirmation


@given(st.sampled_from(MessageKind), ANY_TEXT | KEYWORD_SALAD, ANY_TEXT | KEYWORD_SALAD, st.booleans())
def test_it_answers_any_message(kind: MessageKind, text: str, payload: str, is_group: bool) -> None:
    judged = judge(message(kind, text, payload, is_group=is_group))

    assert judged == judge(message(kind, text, payload, is_group=is_group))
    assert len(judged.rule) <= 64
    assert judged._replace() == judged
    if is_group:
        assert judged.intent in {IntentValue.REVIEW, IntentValue.NONE}


def test_it_obeys_a_payload_that_is_a_stop_word_under_a_label_that_says_nothing():
    message = InboundMessage(
        sender=SenderRef("1", "2"), person=Person(phone="+447700900123"), message_id="m", sent_at=None,
        kind=MessageKind.TEMPLATE_BUTTON, text="No thanks", payload="UNSUBSCRIBE",
    )  # fmt: skip

    assert judge(message).intent == IntentValue.OPT_OUT
