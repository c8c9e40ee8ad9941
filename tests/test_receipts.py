"""Statuses of our own answers settle their deliveries: in any order, any number of times, and cost others nothing."""

from __future__ import annotations

import itertools

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from preferences import outbox
from preferences.inbox.receipts import News, Row, settled
from preferences.models import Delivery, DeliveryState, PlatformStop, Portfolio, Sender
from tests import bodies
from tests.conftest import SAMPLE_TIME

NOON = SAMPLE_TIME
MESSAGE, OTHER = b"m" * 32, b"o" * 32


def after(seconds):
    return NOON + seconds * bodies.SECOND


@pytest.fixture
def delivery(acme, receive, graph):
    """A confirmation whose attempt was cut off: nobody knows whether it was sent."""
    receive(bodies.message("STOP", at=NOON), now=NOON)
    Delivery.objects.update(state=DeliveryState.UNKNOWN, finished_at=after(5), attempts=1)
    return Delivery.objects.get()


@pytest.fixture
def tell(receive, delivery):
    """A status of the confirmation, so many seconds after noon."""

    def run(status, second, *, message="wamid.ours", correlation_id=None, code=None):
        given = {"status": status, "id": message, "phone": bodies.BILAL, "code": code}
        given["biz_opaque_callback_data"] = correlation_id or str(delivery.correlation_id)
        receive(bodies.status(at=after(second), **given), now=after(60))

    return run


def outcome():
    one = Delivery.objects.get()
    return one.state, one.delivered_at, one.read_at


# Through the door -----------------------------------------------------------------------------------------------------


def test_it_settles_an_unknown_attempt(tell):
    tell("sent", 6)

    assert outcome() == ("sent", None, None)
    assert len(bytes(Delivery.objects.get().provider_digest)) == 32


def test_it_notes_when_an_answer_arrived_and_was_read(tell):
    tell("read", 30)
    tell("delivered", 8)
    tell("sent", 6)
    tell("delivered", 9)

    assert outcome() == ("sent", after(8), after(30))


def test_it_says_why_an_answer_failed(tell):
    tell("failed", 7, code=131026)

    one = Delivery.objects.get()
    assert (one.state, one.error_code, one.finished_at) == ("dead", 131026, after(5))
    assert "cannot reach this person" in one.response_excerpt


def test_it_still_counts_131050_as_a_platform_stop(tell):
    tell("failed", 7, code=131050)

    assert (outcome()[0], PlatformStop.objects.count()) == ("dead", 1)


@pytest.mark.parametrize(("code", "model"), [(131042, Portfolio), (131048, Sender)])
def test_it_stops_a_number_or_account_a_status_tells_of(code, model, tell, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        tell("failed", 7, code=code)

    assert model.objects.get().blocked_until > after(60)
    assert f"(Error {code}.)" in model.objects.get().blocked_reason


@pytest.mark.parametrize("correlation_id", ["0b1d1c9e-8f57-4c1e-9f0e-3a1f5b7c9d11", "campaign-7", "x" * 36, "x" * 512])
def test_it_leaves_other_peoples_correlation_ids_alone(correlation_id, tell):
    tell("sent", 6, correlation_id=correlation_id)

    assert outcome() == ("unknown", None, None)


def test_it_does_not_let_a_settled_attempt_be_sent_again(tell, graph):
    Delivery.objects.update(state=DeliveryState.RETRY, next_attempt_at=after(61), finished_at=None)

    tell("sent", 6)
    outbox.deliver(now=after(62))

    assert (outcome()[0], graph.accepted) == ("sent", [])


def test_it_costs_statuses_of_others_nothing(acme, receive):
    def queries(*more):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            receive(*more, now=after(60))
        return [query for query in captured.captured_queries if "preferences_delivery" in query["sql"]]

    assert queries(*[bodies.status(at=after(index)) for index in range(5)]) == []


def test_it_asks_twice_for_any_number_of_statuses(acme, receive, graph):
    people = [f"+336399800{index:02d}" for index in range(20)]
    for person in people:
        graph.hear(person)
    receive(*[bodies.message("STOP", at=NOON, phone=person) for person in people], now=NOON)
    outbox.deliver(now=after(1))

    with CaptureQueriesContext(connection) as captured:
        receive(*graph.bodies, now=after(60))

    statements = {query["sql"][:80] for query in captured.captured_queries if "preferences_delivery" in query["sql"]}
    assert len(graph.bodies) == 40
    assert len([one for one in statements if one.startswith("SELECT")]) == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    assert not Delivery.objects.filter(delivered_at=None).exists()


# Any order ------------------------------------------------------------------------------------------------------------

_STEPS = st.lists(
    st.tuples(st.sampled_from(["sent", "delivered", "read", "played", "failed"]), st.integers(0, 9)), max_size=6
)
_STARTS = [DeliveryState.ATTEMPTING, DeliveryState.UNKNOWN, DeliveryState.SENT, DeliveryState.RETRY, DeliveryState.DEAD]


def _row(state, **details):
    return Row(state, next_attempt_at=NOON, finished_at=NOON, expires_at=after(300), **details)


def _fold(row, steps, *, code=131026):
    for status, second in steps:
        news = News(MESSAGE).with_status(status, after(second), code if status == "failed" else 0)
        row = settled(row, news, now=after(60))
    return row


def _essence(row):
    return row.state, row.delivered_at, row.read_at, row.code, row.message


@settings(deadline=None)
@given(steps=_STEPS, data=st.data(), start=st.sampled_from(_STARTS))
def test_it_comes_to_the_same_in_any_order(steps, data, start):
    shuffled = data.draw(st.permutations(steps))
    repeated = [*shuffled, *data.draw(st.lists(st.sampled_from(steps), max_size=3) if steps else st.just([]))]

    assert _essence(_fold(_row(start), steps)) == _essence(_fold(_row(start), repeated))


@settings(deadline=None)
@given(steps=_STEPS, start=st.sampled_from(_STARTS))
def test_it_comes_to_the_same_in_one_body_or_in_many(steps, start):
    together = News(MESSAGE)
    for status, second in steps:
        together = together.with_status(status, after(second), 131026 if status == "failed" else 0)

    assert _essence(settled(_row(start), together, now=after(60))) == _essence(_fold(_row(start), steps))


@settings(deadline=None)
@given(steps=_STEPS, start=st.sampled_from(_STARTS))
def test_it_never_makes_an_answer_due_again(steps, start):
    after_all = _fold(_row(start), steps)

    assert after_all.state not in {"due", "retry", "attempting"} or after_all.state == start


@pytest.mark.parametrize("steps", list(itertools.permutations([("sent", 1), ("delivered", 2), ("failed", 3)])))
def test_it_believes_that_an_answer_arrived(steps):
    assert _fold(_row("attempting"), steps).state == "sent"


@pytest.mark.parametrize("steps", list(itertools.permutations([("sent", 1), ("failed", 3)])))
def test_it_believes_that_an_answer_failed(steps):
    row = _fold(_row("attempting"), steps)

    assert (row.state, row.code) == ("dead", 131026)


def test_it_ignores_the_statuses_of_an_earlier_attempt():
    row = _row("sent", message=OTHER)

    assert _fold(row, [("failed", 3)]) == row


# The closed window, told afterwards -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "state", "code"),
    [
        pytest.param({"state": "sent", "message": MESSAGE}, "retry", 131047, id="tries-the-template"),
        pytest.param({"state": "unknown"}, "retry", 131047, id="also-when-the-end-was-not-seen"),
        pytest.param({"state": "attempting"}, "dead", 131047, id="not-while-the-answer-is-awaited"),
        pytest.param({"state": "retry", "code": 131047}, "retry", 131047, id="told-twice"),
        pytest.param({"state": "attempting", "code": 131047}, "attempting", 131047, id="template-on-its-way"),
        pytest.param({"state": "unknown", "template": "stopped"}, "unknown", 0, id="template-maybe-sent"),
        pytest.param({"state": "sent", "template": "stopped", "message": OTHER}, "sent", 0, id="template-sent"),
    ],
)
def test_it_tries_a_template_once_after_a_closed_window(row, state, code):
    found = _fold(_row(**row), [("failed", 3)], code=131047)

    assert (found.state, found.code) == (state, code)


def test_it_tries_no_template_when_it_would_come_too_late():
    row = Row("sent", MESSAGE, expires_at=after(10), finished_at=NOON)

    assert _fold(row, [("failed", 3)], code=131047).state == "dead"


def test_it_keeps_the_time_of_the_end():
    assert _fold(_row("unknown"), [("sent", 6)]).finished_at == NOON
    assert _fold(Row("attempting"), [("read", 9), ("sent", 6)]).finished_at == after(9)
