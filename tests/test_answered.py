"""What a reply means in light of the words it answers, in several languages; from a table, without a database."""

from __future__ import annotations

import pytest

from preferences.interpretation import IntentValue, classify
from preferences.interpretation.answered import LONGEST_TEXT, Answered
from preferences.interpretation.context import _CLOSING, _is_closing, in_context, may_depend

BOOKING = "Your table is booked for 7 pm. Reply CANCEL to cancel the booking"


def judged(reply: str, text: str = "", *, buttons: tuple[str, ...] = (), is_service: bool | None = None):
    return in_context(classify(reply), reply, Answered(text, buttons, is_service))


# A word that is offered ------------------------------------------------------------------------------------------------

FOR_SOMETHING_ELSE = [
    ("CANCEL", BOOKING),
    ("cancel please", "Your table is booked for 7 pm. Reply “cancel” to cancel."),
    ("cancel", "Would you like to keep your appointment? Answer YES or CANCEL"),
    ("CANCEL", "Your order ships tomorrow. To cancel it, reply CANCEL. Reply STOP to unsubscribe."),
    ("END", "Reply END to stop the recording"),
    ("end", "reply *end* when the survey is over for you"),
    ("QUIT", "Reply QUIT to leave the game."),
    ("CANCELAR", "Su cita es mañana a las 10. Responda CANCELAR para cancelar su cita"),
    ("FIN", "Escriba FIN para terminar el chat"),
    ("stornieren", "Ihr Termin ist morgen. Antworten Sie STORNIEREN, um den Termin abzusagen"),
    ("ENDE", "Antworten Sie mit ENDE, um das Spiel zu verlassen"),
    ("annuler", "Répondez ANNULER pour annuler votre commande"),
    ("FIN", "Répondez FIN pour terminer la conversation"),
    ("annulla", "Rispondi ANNULLA per annullare la prenotazione"),
    ("annuleren", "Antwoord ANNULEREN om uw afspraak te annuleren"),
    ("SLUT", "Svara SLUT för att avsluta samtalet"),
    ("anuluj", "Odpowiedz ANULUJ, aby anulować rezerwację"),
    ("отмена", "Чтобы отменить заказ, ответьте ОТМЕНА"),
    ("iptal", "Rezervasyonunuzu iptal etmek için IPTAL yazın"),
    ("batal", "Balas BATAL untuk membatalkan pesanan"),
    ("إلغاء", "لإلغاء الحجز أرسل إلغاء"),
    ("रद्द", "अपनी बुकिंग रद्द करने के लिए रद्द लिखें"),
    ("取消", "如需取消预约，请回复“取消”"),
    ("キャンセル", "予約を取り消す場合は「キャンセル」と返信してください"),
    ("취소", "예약을 취소하려면 취소라고 답장하세요"),
    ("ยกเลิก", "พิมพ์ ยกเลิก เพื่อยกเลิกการจอง"),
]


@pytest.mark.parametrize(("reply", "text"), FOR_SOMETHING_ELSE)
@pytest.mark.parametrize("is_service", [True, False, None])
def test_it_doubts_a_word_that_is_offered_for_something_else(reply, text, is_service):
    intent = judged(reply, text, is_service=is_service)

    assert (intent.intent, intent.confidence) == (IntentValue.REVIEW, 0.5)
    assert intent.rule == f"{classify(reply).rule}/answer_to_choice"


FOR_THE_END_OF_MESSAGES = [
    ("CANCEL", "Reply CANCEL to end messages"),
    ("CANCEL", "Reply CANCEL to unsubscribe"),
    ("CANCEL", "Don't want our offers? Reply CANCEL."),
    ("CANCEL", "Sale today! Reply CANCEL to opt out of promotions"),
    ("CANCEL", "Reply CANCEL to be removed from our list"),
    ("QUIT", "Reply QUIT to unsubscribe from our newsletter"),
    ("cancelar", "Responda CANCELAR para no recibir más mensajes"),
    ("FIN", "Envíe FIN para darse de baja"),
    ("annuler", "Répondez ANNULER pour ne plus recevoir nos messages"),
    ("ENDE", "Schreiben Sie ENDE, um keine Nachrichten mehr zu erhalten"),
    ("отмена", "Чтобы не получать рассылку, ответьте ОТМЕНА"),
    ("إلغاء", "لإيقاف الرسائل أرسل إلغاء"),
    ("取消", "回复“取消”退订短信"),
    ("キャンセル", "メッセージの配信停止は「キャンセル」と返信してください"),
    ("취소", "메시지 수신을 취소하려면 취소라고 보내세요"),
]


@pytest.mark.parametrize(("reply", "text"), FOR_THE_END_OF_MESSAGES)
@pytest.mark.parametrize("is_service", [True, False, None])
def test_it_takes_a_word_at_its_word_that_is_offered_to_end_messages(reply, text, is_service):
    assert judged(reply, text, is_service=is_service) == classify(reply)


@pytest.mark.parametrize(
    "reply", ["STOP", "stop please", "UNSUBSCRIBE", "stopp", "baja", "ARRET", "стоп", "退订", "STOP ALL"]
)
@pytest.mark.parametrize(
    "text",
    ["Reply {} to stop the recording", "Reply {} to cancel the standing order", "Your booking: reply {} to cancel it"],
)
def test_it_never_doubts_stop_whatever_it_is_offered_for(reply, text):
    assert not may_depend(classify(reply), reply)
    assert judged(reply, text.format(reply.upper()), is_service=True) == classify(reply)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("END", "Your trial ends on Friday. The end is near."),
        ("END", "REPLY END TO END THE GAME"),
        ("ENDE", "Am Ende der Woche gibt es Rabatt"),
        ("cancel", "Your parcel is on its way."),
        ("cancel, stop", BOOKING),
        ("cancel no more messages", BOOKING),
        ("hello", BOOKING),
        ("", BOOKING),
    ],
)
def test_it_leaves_alone_what_the_text_does_not_offer(reply, text):
    assert judged(reply, text) == classify(reply)


def test_it_asks_the_category_where_the_text_does_not_tell():
    assert judged("cancel", "Your parcel is on its way.", is_service=True).rule == "en/cancel/answer_to_service"
    assert judged("cancel", "Reply CANCEL to end it.", is_service=True).rule == "en/cancel/answer_to_service"
    assert judged("END", "Your parcel is on its way.", is_service=True) == classify("END")


def test_it_lets_a_campaign_be_one_that_offers_a_word_and_does_not_say_what_for():
    sale = "30 % discount in all stores! Reply CANCEL."

    assert judged("cancel", sale, is_service=False) == classify("cancel")
    assert judged("cancel", sale).rule == "en/cancel/answer_to_choice"


def test_it_reads_a_button_with_the_words_above_it():
    asks = "Will you come to your appointment tomorrow?"

    assert judged("Cancel", asks, buttons=("Yes", "Cancel")).rule == "en/cancel/answer_to_choice"
    assert judged("Cancel", asks, buttons=("Yes", "No")) == classify("Cancel")
    assert judged("Cancel", "New offers every week", buttons=("Cancel",), is_service=True) == classify("Cancel")


def test_it_leaves_a_brands_own_words_alone():
    own = classify("cancel")._replace(rule="own/cancel")

    assert in_context(own, "cancel", Answered(BOOKING)) == own


@pytest.mark.parametrize("word", sorted(_CLOSING))
def test_it_lists_no_closing_word_that_is_not_a_keyword(word):
    assert _is_closing(classify(word.replace("_", " ")))


def test_it_says_what_is_in_doubt():
    assert judged("Cancel", BOOKING).explanation == (
        'The whole message is the English word "cancel", in answer to a message that offers CANCEL: it may mean what that '
        "message asked."
    )


# A question -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("yes", "Do you want to stop receiving messages?"),
        ("Yes please", "Hi! Are you sure you want to unsubscribe?"),
        ("YES", "Reply YES to stop messages"),
        ("ja", "Möchten Sie keine Nachrichten mehr erhalten?"),
        ("ja", "Wilt u geen berichten meer ontvangen?"),
        ("sí", "¿Desea dejar de recibir mensajes?"),
        ("oui", "Voulez-vous ne plus recevoir nos messages ?"),
        ("si", "Vuoi smettere di ricevere messaggi?"),
        ("sim", "Deseja parar de receber mensagens?"),
        ("да", "Вы хотите отписаться от рассылки?"),
        ("tak", "Czy chcesz zrezygnować z otrzymywania wiadomości?"),
        ("evet", "Mesaj almayı durdurmak istiyor musunuz?"),
        ("نعم", "هل تريد إيقاف الرسائل؟"),
        ("हाँ", "क्या आप संदेश बंद करना चाहते हैं?"),
        ("はい", "メッセージの配信を停止しますか？"),
    ],
)
def test_it_doubts_a_yes_to_the_end_of_messages(reply, text):
    intent = judged(reply, text)

    assert (intent.intent, intent.is_affirmation) == (IntentValue.REVIEW, False)
    assert intent.rule == f"{classify(reply).rule}/yes_to_stop"


@pytest.mark.parametrize(
    "text",
    ["Do you want to confirm the booking?", "Shall we send you our offers?", "Did you receive the parcel?",
     "Do you want to stop the standing order?", "Will you stop by the store?", ""],
)  # fmt: skip
def test_it_takes_a_yes_to_anything_else_for_nothing(text):
    assert judged("yes", text) == classify("yes")


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("no", "Would you like to receive our offers?"),
        ("No thanks!", "Shall we keep you posted?"),
        ("no thank you", "May we send you our newsletter?"),
        ("nein danke", "Möchten Sie unsere Angebote erhalten?"),
        ("nee", "Wilt u onze aanbiedingen ontvangen?"),
        ("nej tack", "Vill du få våra erbjudanden?"),
        ("non merci", "Souhaitez-vous recevoir nos offres ?"),
        ("no gracias", "¿Quiere recibir nuestras ofertas?"),
        ("não obrigado", "Quer receber as nossas ofertas?"),
        ("no grazie", "Vuoi ricevere le nostre offerte?"),
        ("nie dziękuję", "Czy chcesz otrzymywać nasze oferty?"),
        ("нет", "Хотите получать наши предложения?"),
        ("hayır", "Kampanyalarımızdan haberdar olmak ister misiniz?"),
        ("لا شكرا", "هل تريد استلام عروضنا؟"),
        ("नहीं", "क्या आप हमारे ऑफर पाना चाहते हैं?"),
        ("いいえ", "お得な情報を受け取りますか？"),
        ("不要", "您想接收我们的优惠信息吗？"),
        ("아니요", "프로모션 메시지를 받으시겠습니까?"),
        ("không", "Bạn có muốn nhận tin khuyến mãi không?"),
    ],
)
def test_it_doubts_a_no_to_messages(reply, text):
    intent = judged(reply, text)

    assert (intent.intent, intent.rule) == (IntentValue.REVIEW, "any/no/no_to_messages")


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("no", "Do you need help?"),
        ("no", "Is this your first order?"),
        ("no", "Would you like to change your booking?"),
        ("no", "Would you like to receive your invoice by e-mail?"),
        ("no", "Do you want to stop receiving messages?"),
        ("no", "We send you our offers every week."),
        ("no problem", "Would you like to receive our offers?"),
        ("thanks", "Would you like to receive our offers?"),
        ("no I was at the shop", "Would you like to receive our offers?"),
    ],
)
def test_it_takes_a_no_to_anything_else_for_nothing(reply, text):
    assert judged(reply, text) == classify(reply)


def test_it_names_another_agents_conversation():
    intent = in_context(classify("yes"), "yes", Answered("Do you want to stop receiving messages?"), is_standby=True)

    assert intent.rule == "standby/en/affirmation/yes_to_stop"


@pytest.mark.parametrize("piece", ["cancel ", "cancel. ", "“CANCEL ", "stop messages? ", "取消", "?", "\n"])
@pytest.mark.parametrize("reply", ["CANCEL", "END", "yes", "no", "取消"])
def test_it_reads_any_text_and_no_more_than_a_message_can_hold(reply, piece):
    long = piece * (LONGEST_TEXT // len(piece))

    assert judged(reply, long + BOOKING * 100) == judged(reply, (long + BOOKING * 100)[:LONGEST_TEXT])
