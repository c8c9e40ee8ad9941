"""Answers over the WhatsApp channel, from the reply to the delivery's end, against the simulated Graph API."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from preferences import credentials, outbox
from preferences.channels import graph as graph_client
from preferences.credentials import Credentials
from preferences.models import (
    Delivery,
    Destination,
    Portfolio,
    Reply,
    Sender,
    TemplateState,
    UtilityTemplate,
    blocks,
)
from preferences.models.blocks import Block, Blocked
from preferences.simulation.graph_world import TOKEN, ApprovedTemplate, Fault
from tests import bodies
from tests.conftest import SAMPLE_TIME

NOON = SAMPLE_TIME


def after(seconds):
    return NOON + seconds * bodies.SECOND


@pytest.fixture
def says(receive, graph):
    """Somebody writes something, so many seconds after noon; WhatsApp knows of it as well."""

    def run(text, second=0, **details):
        graph.hear(details.get("bsuid") or details.get("phone", bodies.BILAL))
        receive(bodies.message(text, at=after(second), **details), now=after(second))

    return run


@pytest.fixture
def tells(graph, receive):
    """The statuses WhatsApp has so far, through the door."""

    def run(second=10):
        receive(*graph.bodies, now=after(second))

    return run


def one():
    return Delivery.objects.get()


def state():
    return one().state


def template(acme, *, kind="confirmation", language="en", parameters=("brand",), **details):
    portfolio = Portfolio.objects.get()
    return UtilityTemplate.objects.create(
        brand=acme, portfolio=portfolio, kind=kind, name="stopped", language=language, parameters=list(parameters),
        changed_at=NOON, **details,
    )  # fmt: skip


# Where answers go -----------------------------------------------------------------------------------------------------


def test_it_sends_a_confirmation(acme, says, graph):
    says("STOP")

    assert outbox.deliver(now=after(1)) == 1

    [accepted] = graph.accepted
    delivery = one()
    assert accepted.reached == bodies.BILAL[1:]
    assert accepted.body["text"]["body"] == delivery.notice.text
    assert accepted.correlation_id == str(delivery.correlation_id)
    assert (delivery.state, delivery.attempts, delivery.leased_until) == ("sent", 1, None)
    assert delivery.destination.kind == "whatsapp"
    assert delivery.finished_at == after(1)


def test_it_writes_to_whoever_shows_no_number(acme, says, graph):
    says("STOP", phone="", bsuid="GB.1234567890")

    outbox.deliver(now=after(1))

    assert graph.accepted[0].body["recipient"] == "GB.1234567890"


def test_it_only_records_without_an_access_token(acme, says, graph, settings):
    settings.WHATSAPP_ACCESS_TOKEN = ""
    says("STOP")

    outbox.deliver(now=after(1))

    assert (state(), graph.accepted) == ("recorded", [])


def test_it_uses_the_portfolios_own_token(acme, says, graph, settings):
    settings.WHATSAPP_ACCESS_TOKEN = "token-of-somebody-else"
    credentials.give(Portfolio.objects.get().pk, Credentials(TOKEN))
    says("STOP")

    outbox.deliver(now=after(1))

    assert state() == "sent"


def test_it_waits_visibly_when_its_token_cannot_be_opened(acme, says, graph):
    Portfolio.objects.update(credentials=b"sealed with a key that is gone")
    says("STOP")

    outbox.deliver(now=after(1))

    assert (state(), one().destination.kind, graph.accepted) == ("retry", "whatsapp", [])
    assert "FIELD_ENCRYPTION_KEYS" in one().response_excerpt
    assert Portfolio.objects.get().blocked_until == after(61)


def test_it_keeps_one_destination_of_each_kind(acme, says, graph, settings):
    says("STOP")
    says("START", 1)
    settings.WHATSAPP_ACCESS_TOKEN = ""
    says("HELP", 2)

    assert sorted(Destination.objects.values_list("kind", flat=True)) == ["console", "whatsapp"]


def test_it_notes_to_the_minute_when_a_number_was_used(acme, says, graph):
    says("STOP")

    outbox.deliver(now=after(61))

    assert Sender.objects.get().last_sent_at == after(60)


def test_it_confirms_nothing_when_the_person_came_back_meanwhile(acme, says, graph):
    says("STOP")
    says("START", 1)

    outbox.deliver(now=after(2))

    assert [accepted.body["text"]["body"] for accepted in graph.accepted] == [
        Delivery.objects.get(kind="start_confirmation").notice.text
    ]


# Refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [2, 131000, 131016, 131057])
def test_it_tries_again_what_is_temporary(code, acme, says, graph):
    graph.arm(Fault.REFUSE, code=code)
    says("STOP")

    outbox.deliver(now=NOON, seconds=0.01)
    first = one()
    outbox.deliver(now=after(2))

    assert (first.state, first.error_code, first.attempts) == ("retry", code, 1)
    assert NOON <= first.next_attempt_at <= after(1)
    assert (state(), one().error_code, one().attempts, len(graph.accepted)) == ("sent", 0, 2, 1)


@pytest.mark.parametrize("code", [131056, 130429])
def test_it_keeps_the_distance_a_limit_asks_for(code, acme, says, graph):
    graph.arm(Fault.REFUSE, code=code, times=2)
    says("STOP")

    outbox.deliver(now=NOON)
    first = one().next_attempt_at
    outbox.deliver(now=first)
    second = one().next_attempt_at

    assert after(1) <= first <= after(2)
    assert 4 <= (second - first).total_seconds() <= 8


@pytest.mark.parametrize("code", [100, 131026, 131050, 132001, 999999])
def test_it_gives_up_with_words_where_trying_again_is_useless(code, acme, says, graph):
    graph.arm(Fault.REFUSE, code=code)
    says("STOP")

    outbox.deliver(now=NOON)
    outbox.deliver(now=after(200))

    assert (state(), one().error_code, graph.accepted) == ("dead", code, [])
    assert f"(Error {code}.)" in one().response_excerpt


def test_it_never_tries_again_beyond_its_time(acme, says, graph):
    graph.arm(Fault.REFUSE, code=131049)
    says("STOP")

    outbox.deliver(now=NOON)

    assert (state(), one().error_code) == ("expired", 131049)


def test_it_tries_again_when_nobody_was_reached(acme, says, graph, settings):
    url, settings.WHATSAPP_API_URL = settings.WHATSAPP_API_URL, "http://127.0.0.1:9"
    says("STOP")
    outbox.deliver(now=NOON, seconds=0.01)
    first = state()

    settings.WHATSAPP_API_URL = url
    outbox.deliver(now=after(3))

    assert (first, state()) == ("retry", "sent")


@pytest.mark.parametrize(
    ("code", "model", "seconds"), [(190, Portfolio, 60), (131042, Portfolio, 600), (131048, Sender, 3600)]
)
def test_it_stops_a_whole_number_or_account(code, model, seconds, acme, says, graph):
    graph.arm(Fault.REFUSE, code=code)
    says("STOP")
    outbox.deliver(now=NOON)
    blocked = model.objects.get()
    says("HELP", 2, phone=bodies.GRETA)
    outbox.deliver(now=after(3))

    assert blocked.blocked_until == after(seconds)
    assert f"(Error {code}.)" in blocked.blocked_reason
    waiting = Delivery.objects.get(kind="help")
    assert (waiting.state, waiting.attempts, waiting.next_attempt_at) == ("retry", 0, after(seconds))
    assert blocked.blocked_reason in waiting.response_excerpt
    assert graph.accepted == []


def test_it_goes_on_when_a_block_has_ended(acme, says, graph):
    graph.arm(Fault.REFUSE, code=190)
    says("STOP")
    outbox.deliver(now=NOON)

    outbox.deliver(now=after(59))
    before = state()
    outbox.deliver(now=after(60))

    assert (before, state(), len(graph.accepted)) == ("retry", "sent", 1)


def test_it_lets_blocked_answers_expire_in_time(acme, says, graph):
    graph.arm(Fault.REFUSE, code=131031)
    says("STOP")
    outbox.deliver(now=NOON)

    waiting_until = one().next_attempt_at
    outbox.deliver(now=after(300))

    assert (waiting_until, state(), graph.accepted) == (after(300), "expired", [])


def test_it_waits_for_the_longer_of_two_blocks(acme, says, graph):
    Portfolio.objects.update(blocked_until=after(-1), blocked_reason="old")
    Sender.objects.update(blocked_until=after(5), blocked_reason="this number")
    Portfolio.objects.update(blocked_until=after(20), blocked_reason="all of it")
    says("STOP")

    outbox.deliver(now=NOON)

    assert (one().next_attempt_at, one().response_excerpt) == (after(20), "Waiting: all of it")


# The window and templates ---------------------------------------------------------------------------------------------


def waiting_a_day(says):
    """A delivery whose person wrote a day ago, and that is still in time."""
    says("HELP")
    Delivery.objects.update(expires_at=after(10 * 86_400))
    return after(86_400)


def test_it_sends_nothing_outside_the_window_without_a_template(acme, says, graph):
    at = waiting_a_day(says)

    outbox.deliver(now=at)

    assert (state(), graph.accepted, graph.world.refused) == ("dead", [], [])
    assert "template" in one().response_excerpt


@pytest.mark.parametrize(("seconds", "kind"), [(23 * 3600 + 49 * 60, "text"), (23 * 3600 + 51 * 60, "template")])
def test_it_leaves_a_margin_at_the_windows_end(seconds, kind, acme, says, graph):
    template(acme, kind="help", parameters=("brand", "contact"))
    graph.world.add(ApprovedTemplate("stopped", "en", places=2))
    waiting_a_day(says)

    outbox.deliver(now=after(seconds))

    assert [accepted.kind for accepted in graph.accepted] == [kind]


def test_it_sends_the_brands_template_outside_the_window(acme, says, graph):
    template(acme, kind="help", parameters=("contact", "brand"))
    graph.world.add(ApprovedTemplate("stopped", "en", places=2))
    at = waiting_a_day(says)

    outbox.deliver(now=at)

    [accepted] = graph.accepted
    values = accepted.body["template"]["components"][0]["parameters"]
    assert [value["text"] for value in values] == ["help@acme.example", "Acme"]
    assert (state(), one().template) == ("sent", "stopped")
    assert one().notice.text == "Template stopped | help@acme.example | Acme"


def test_it_says_in_the_template_what_was_stopped(acme, says, graph):
    template(acme, parameters=("scope",))
    graph.world.add(ApprovedTemplate("stopped", "en", places=1))
    graph.arm(Fault.REFUSE, code=131047)
    says("STOP")

    outbox.deliver(now=after(1))

    [accepted] = graph.accepted
    assert "marketing" in accepted.body["template"]["components"][0]["parameters"][0]["text"]


@pytest.mark.parametrize(
    ("offered", "person", "brand", "chosen"),
    [
        (("en", "de"), "de", "en", "de"),
        (("en", "de_AT"), "de", "en", "de_AT"),
        (("de_AT", "de"), "de", "en", "de"),
        (("en",), "fr", "en", "en"),
        (("en_US", "en_GB"), "fr", "en", "en_GB"),
        (("it",), "fr", "en", None),
        ((), "en", "en", None),
    ],
)
def test_it_chooses_a_template_in_a_language_that_fits(offered, person, brand, chosen, acme, says, graph):
    acme.language = brand
    acme.save(update_fields=["language"])
    for language in offered:
        template(acme, kind="help", language=language)
        graph.world.add(ApprovedTemplate("stopped", language, places=1))
    at = waiting_a_day(says)
    Delivery.objects.update(language=person)

    outbox.deliver(now=at)

    sent = [accepted.body["template"]["language"]["code"] for accepted in graph.accepted]
    assert sent == ([chosen] if chosen else [])
    assert state() == ("sent" if chosen else "dead")


@pytest.mark.parametrize("unusable", [one for one in TemplateState if one != TemplateState.USABLE])
def test_it_uses_no_template_that_stopped(unusable, acme, says, graph):
    template(acme, kind="help", state=unusable)
    at = waiting_a_day(says)

    outbox.deliver(now=at)

    assert (state(), graph.world.refused) == ("dead", [])


def test_it_tries_the_template_when_whatsapp_says_the_window_is_closed(acme, says, graph):
    template(acme)
    graph.world.add(ApprovedTemplate("stopped", "en", places=1))
    graph.arm(Fault.REFUSE, code=131047)
    says("STOP")

    outbox.deliver(now=after(1))

    assert [accepted.kind for accepted in graph.accepted] == ["template"]
    assert (state(), one().template, one().notice.version != "") == ("sent", "stopped", True)
    assert "Template stopped" in one().notice.text


def test_it_tries_the_template_once(acme, says, graph):
    template(acme)
    graph.arm(Fault.REFUSE, code=131047, times=5)
    says("STOP")

    outbox.deliver(now=after(1))

    assert (state(), len(graph.world.refused)) == ("dead", 2)


def test_it_gives_up_when_the_window_is_closed_and_there_is_no_template(acme, says, graph):
    graph.arm(Fault.REFUSE, code=131047)
    says("STOP")

    outbox.deliver(now=after(1))

    assert (state(), one().error_code, len(graph.world.refused)) == ("dead", 131047, 1)


def test_it_tries_the_template_when_a_status_tells_of_the_closed_window(acme, says, graph, tells):
    template(acme)
    graph.world.add(ApprovedTemplate("stopped", "en", places=1))
    graph.arm(Fault.FAIL, code=131047)
    says("STOP")
    outbox.deliver(now=after(1))
    assert state() == "sent"

    for _ in range(2):
        tells()
        outbox.deliver(now=after(11))
        tells(12)

    assert [accepted.kind for accepted in graph.accepted] == ["text", "template"]
    assert (state(), one().template, one().error_code) == ("sent", "stopped", 0)
    assert one().delivered_at is not None


@pytest.mark.parametrize(("code", "becomes"), [(132015, "paused"), (132016, "disabled")])
def test_it_stops_a_template_whatsapp_has_stopped(code, becomes, acme, says, graph):
    stopped = template(acme, kind="help")
    graph.arm(Fault.REFUSE, code=code)
    at = waiting_a_day(says)

    outbox.deliver(now=at)

    stopped.refresh_from_db()
    assert (stopped.state, stopped.changed_at, state()) == (becomes, at, "dead")


# Many at once ---------------------------------------------------------------------------------------------------------


def crowd(receive, graph, count):
    graph.world.messages_a_second = 1000
    people = [f"+33639980{index:03d}" for index in range(count)]
    for person in people:
        graph.hear(person)
    receive(*[bodies.message("STOP", at=NOON, phone=person) for person in people], now=NOON)


def test_it_makes_many_calls_at_a_time(acme, receive, graph):
    crowd(receive, graph, 60)
    graph.latency = 0.2

    started = time.monotonic()
    done = outbox.deliver(now=after(1))
    took = time.monotonic() - started

    assert (done, len(graph.accepted)) == (60, 60)
    assert took < 60 * 0.2 / 4


def test_it_touches_no_database_from_its_threads(acme, receive, graph, monkeypatch):
    callers, connectors = set(), set()
    post = graph_client.Graph.post

    def noted(self, path, body):
        callers.add(threading.current_thread().name)
        return post(self, path, body)

    monkeypatch.setattr(graph_client.Graph, "post", noted)
    monkeypatch.setattr(BaseDatabaseWrapper, "connect", lambda self: connectors.add(threading.current_thread().name))
    crowd(receive, graph, 8)

    outbox.deliver(now=after(1))

    assert (len(graph.accepted), connectors) == (8, set())
    assert all(name.startswith("outbox") for name in callers)


def test_it_asks_the_same_number_of_queries_for_any_number(acme, receive, graph, django_assert_max_num_queries):
    crowd(receive, graph, 30)

    with django_assert_max_num_queries(45) as queries:
        outbox.deliver(now=after(1))

    assert len(graph.accepted) == 30
    assert len(queries) > 5


def test_one_slow_call_holds_up_nobody(acme, receive, graph):
    crowd(receive, graph, 100)
    graph.arm(Fault.SLOW, seconds=2.0)
    finished = {}
    started = time.monotonic()
    graph.world.accepted = type("Watched", (list,), {"append": lambda self, one: (
        list.append(self, one), finished.__setitem__(len(self), time.monotonic() - started))})()  # fmt: skip
    outbox.deliver(now=after(1))

    assert len(finished) == 100
    assert finished[100] < 2.0


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_it_sends_once_with_two_workers(acme, receive, graph):
    crowd(receive, graph, 150)
    together = threading.Barrier(2)

    def work(_):
        together.wait()
        try:
            return outbox.deliver(now=after(1))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(work, range(2)))

    assert sum(done) == 150
    assert len({accepted.correlation_id for accepted in graph.accepted}) == len(graph.accepted) == 150
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


# Crashes --------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone: nothing catches this."""


def die(*args, **kwargs):
    raise Killed


def _then_die(function):
    def run(*args, **kwargs):
        function(*args, **kwargs)
        raise Killed

    return run


@pytest.mark.parametrize(
    ("seam", "dies", "accepted", "final"),
    [
        pytest.param("preferences.outbox.processing.settle_lost", die, 1, "sent", id="before-the-claim"),
        pytest.param(
            "preferences.models.outbox.DeliveryQuerySet.select_related", die, 1, "sent", id="before-the-claims-commit"
        ),
        pytest.param("preferences.outbox.truth.look", die, 0, "unknown", id="after-the-claim"),
        pytest.param("preferences.outbox.processing._note", _then_die, 0, "unknown", id="before-the-call"),
        pytest.param("preferences.channels.graph.Graph.post", die, 0, "unknown", id="before-it-connects"),
        pytest.param("preferences.channels.graph._body", die, 1, "unknown", id="after-the-request-was-written"),
        pytest.param("preferences.channels.graph._meaning", die, 1, "unknown", id="after-the-answer"),
        pytest.param("preferences.outbox.outcomes.write", die, 1, "unknown", id="before-the-outcome"),
        pytest.param("preferences.models.batches.update", die, 0, "unknown", id="before-it-notes-what-it-says"),
        pytest.param("preferences.models.blocks.write", die, 1, "sent", id="after-the-outcome"),
    ],
)
def test_it_sends_at_most_once_whenever_it_dies(seam, dies, accepted, final, acme, says, graph, monkeypatch):
    says("STOP")
    with monkeypatch.context() as patch:
        patch.setattr(seam, die if dies is die else dies(outbox.processing._note))
        with pytest.raises(Killed):
            outbox.deliver(now=after(1))

    for second in (2, 250, 299, 400, 1000):
        outbox.deliver(now=after(second))

    assert (len(graph.accepted), state()) == (accepted, final)


def test_it_learns_from_a_status_that_a_cut_off_attempt_was_sent(acme, says, graph, tells, monkeypatch):
    says("STOP")
    with monkeypatch.context() as patch:
        patch.setattr("preferences.channels.graph._meaning", die)
        with pytest.raises(Killed):
            outbox.deliver(now=after(1))
    noted = one()

    tells()
    outbox.deliver(now=after(1000))

    assert (noted.state, noted.notice is not None) == ("attempting", True)
    assert (state(), len(graph.accepted)) == ("sent", 1)
    assert one().delivered_at


@pytest.mark.parametrize(
    "fault", [Fault.SERVER_ERROR, Fault.ACCEPT_SERVER_ERROR, Fault.ACCEPT_CUT, Fault.GARBAGE, Fault.HANG]
)
def test_it_never_repeats_what_may_have_been_sent(fault, acme, says, graph, tells, monkeypatch):
    monkeypatch.setattr(graph_client, "READ_SECONDS", 0.3)
    graph.arm(fault)
    says("STOP")

    for second in (1, 2, 250, 400):
        outbox.deliver(now=after(second))
    before = state()
    tells()

    is_accepted = fault != Fault.SERVER_ERROR
    assert before == "unknown"
    assert len(graph.accepted) == is_accepted
    assert state() == ("sent" if is_accepted else "unknown")


def test_it_leaves_alone_what_a_status_settled_meanwhile(acme, says, graph, tells, monkeypatch):
    """The status overtakes the answer to the call."""
    meaning = graph_client._meaning
    answered, told = threading.Event(), threading.Event()

    def slowly(status, raw):
        answered.set()
        told.wait(5)
        return meaning(status, raw)

    monkeypatch.setattr(graph_client, "_meaning", slowly)
    says("STOP")
    write = outbox.processing.outcomes.write

    def tell_first(*arguments):
        if arguments[0]:
            assert one().state == "sent"
        return write(*arguments)

    monkeypatch.setattr("preferences.outbox.outcomes.write", tell_first)
    done = outbox.sending.Line.done

    def wait_for_the_status(self, *, seconds):
        if not self.is_idle and answered.wait(5):
            tells()
            told.set()
        return done(self, seconds=None)

    monkeypatch.setattr(outbox.sending.Line, "done", wait_for_the_status)

    outbox.deliver(now=after(1))

    assert (state(), one().delivered_at is not None, one().finished_at != after(1)) == ("sent", True, True)
    assert one().notice is not None


def test_it_sends_nothing_when_a_status_settles_it_just_before(acme, says, graph, receive, monkeypatch):
    """An attempt that WhatsApp refused with a passing code had been sent after all."""
    says("STOP")
    look = outbox.processing.means.look

    def look_while_a_status_comes(*arguments):
        own = {"biz_opaque_callback_data": str(one().correlation_id), "phone": bodies.BILAL}
        receive(bodies.status(at=after(1), **own), now=after(2))
        return look(*arguments)

    monkeypatch.setattr("preferences.outbox.means.look", look_while_a_status_comes)
    outbox.deliver(now=after(2))

    assert (state(), one().notice, graph.accepted) == ("sent", None, [])


def test_it_keeps_the_longer_of_two_blocks(acme):
    portfolio = Portfolio.objects.get()

    for seconds, reason in ((60, "long"), (10, "short"), (90, "longest")):
        blocks.write([Blocked(Portfolio, portfolio.pk, Block(after(seconds), reason))])
        portfolio.refresh_from_db()
        assert portfolio.blocked_reason == ("long" if seconds < 90 else "longest")

    assert portfolio.blocked_until == after(90)


def test_it_keeps_the_longest_of_several_blocks_told_at_once(acme):
    """Calls end in any order, and a short wait must not hide that the account is locked."""
    pk = Portfolio.objects.get().pk

    blocks.write(Blocked(Portfolio, pk, Block(after(seconds), str(seconds))) for seconds in (10, 90, 60))

    assert Portfolio.objects.get().blocked_reason == "90"


def test_it_counts_attempts_that_were_made(acme, says, graph):
    graph.arm(Fault.REFUSE, code=131000, times=3)
    says("HELP")
    now = NOON
    while state() in {"due", "retry"}:
        now = one().next_attempt_at
        outbox.deliver(now=now)

    assert (state(), one().attempts) == ("sent", 4)


def test_it_processes_again_with_a_clean_sheet(acme, says, graph):
    graph.arm(Fault.REFUSE, code=131047)
    says("STOP")
    outbox.deliver(now=after(1))

    again = outbox.process_again([one().pk], now=after(2))
    outbox.deliver(now=after(2))

    assert (again, state(), one().error_code) == (1, "sent", 0)


def test_it_knows_of_the_messages_a_person_sent_under_another_identity(acme, says, graph):
    """The stop came from a user id alone, and before it is confirmed the person turns out to have a number."""
    says("STOP", phone="", bsuid="GB.1234567890")
    says("hello", 1, phone=bodies.BILAL, bsuid="GB.1234567890")
    Reply.objects.filter(subscriber__identities__scheme="phone").exclude(event__gt=0).update(sent_at=after(-90_000))
    graph.hear(bodies.BILAL)

    outbox.deliver(now=after(2))

    assert (state(), graph.accepted[0].reached) == ("sent", bodies.BILAL[1:])
