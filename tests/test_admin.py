"""The admin: who may see and do what, that what people wrote stays text, and that pages cost a fixed number of queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin import site
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from preferences import decisions, seals
from preferences.admin.finding import find
from preferences.models import (
    ApiKey,
    Brand,
    Consent,
    ConsentEvent,
    Delivery,
    DeliveryState,
    Identity,
    InboxEntry,
    InboxState,
    Notice,
    PolicyVersion,
    Portfolio,
    Provider,
    Reply,
    Seal,
    Sender,
    Subscriber,
    User,
)

SCRIPT = "<script>alert(document.cookie)</script>"
NOW = dt.datetime(2026, 11, 22, 12, 0, 5, tzinfo=dt.UTC)
ROOMS = (
    "subscriber", "reply", "inboxentry", "delivery", "consentevent", "seal", "notice", "accessrecord", "accountnotice",
)  # fmt: skip
SETTINGS = (
    "brand", "sender", "portfolio", "controller", "topic", "policyversion", "destination", "user", "apikey", "utilitytemplate",
)  # fmt: skip


def url(model: str, *args: Any) -> str:
    return reverse(f"admin:preferences_{model}_{'change' if args else 'changelist'}", args=args)


@pytest.fixture
def superuser(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com", "correct-horse-battery"))
    return client


def text_message(text: str, number: str = "12025550143", ref: str = "1", name: str = "Bob") -> dict[str, Any]:
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "12025550100", "phone_number_id": "200000000000002"},
        "contacts": [{"profile": {"name": name}, "wa_id": number}],
        "messages": [
            {"from": number, "id": f"wamid.{ref}", "timestamp": str(int(NOW.timestamp()) - 5), "type": "text",
             "text": {"body": text}}
        ],
    }  # fmt: skip
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "100000000000001", "changes": [{"field": "messages", "value": value}]}],
    }


@pytest.fixture
def written(acme: Brand, receive: Callable[..., None]) -> Callable[..., Subscriber]:
    """Somebody writes to Acme."""

    def write(text: str = "STOP", number: str = "12025550143", ref: str = "1", name: str = "Bob") -> Subscriber:
        receive(text_message(text, number, ref, name), now=NOW)
        return Identity.objects.get(value=f"+{number}").root

    return write


# Who may see what -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [*ROOMS, *SETTINGS])
def test_it_sends_strangers_to_the_login(client: Client, db: None, model: str) -> None:
    response = client.get(url(model))

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("model", [*ROOMS, *SETTINGS])
def test_it_refuses_staff_without_permission(staff: Callable[..., Client], model: str) -> None:
    assert staff().get(url(model)).status_code == 403


@pytest.mark.parametrize("model", [*ROOMS, *SETTINGS])
def test_it_shows_every_list_to_a_superuser(superuser: Client, written: Callable[..., Subscriber], model: str) -> None:
    written()
    seals.seal(now=NOW)

    assert superuser.get(url(model)).status_code == 200


def test_it_links_only_to_what_the_viewer_may_view(staff: Callable[..., Client]) -> None:
    page = staff("view_subscriber").get("/admin/").content.decode()

    assert url("subscriber") in page
    for model in set(ROOMS + SETTINGS) - {"subscriber"}:
        assert url(model) not in page


@pytest.mark.parametrize("model", ROOMS)
def test_it_never_adds_changes_or_deletes_a_record(superuser: Client, model: str, rf: Any) -> None:
    admin = next(admin for registered, admin in site._registry.items() if registered._meta.model_name == model)
    request = rf.get("/")
    request.user = User.objects.get()

    assert not admin.has_add_permission(request)
    assert not admin.has_change_permission(request)
    assert not admin.has_delete_permission(request)
    assert superuser.get(f"{url(model)}add/").status_code == 403


def test_it_never_deletes_what_the_ledger_names(superuser: Client, acme: Brand) -> None:
    page = reverse("admin:preferences_brand_delete", args=[acme.pk])

    assert superuser.post(page, {"post": "yes"}).status_code == 403
    assert Brand.objects.exists()


def test_it_hides_lists_of_a_person_the_viewer_may_not_see(
    staff: Callable[..., Client], written: Callable[..., Subscriber]
) -> None:
    page = staff("view_subscriber").get(url("subscriber", written("secret words").pk)).content.decode()

    assert "secret words" not in page
    assert "You may not see what happened." in page


@pytest.mark.parametrize("is_demo", [True, False])
def test_it_says_sample_data_only_in_the_demo(superuser: Client, settings: Any, is_demo: bool) -> None:
    settings.DEMO = is_demo

    for page in (superuser.get("/admin/"), superuser.get(url("brand")), Client().get("/admin/login/")):
        assert ("Sample data" in page.content.decode()) is is_demo


# Actions --------------------------------------------------------------------------------------------------------------


def run(client: Client, model: str, action: str, pk: int) -> Any:
    return client.post(url(model), {"action": action, "_selected_action": [pk]}, follow=True)


def test_it_processes_an_inbox_entry_again(staff: Callable[..., Client], written: Callable[..., Subscriber]) -> None:
    written()
    entry = InboxEntry.objects.get()

    run(staff("view_inboxentry"), "inboxentry", "process_again", entry.pk)
    entry.refresh_from_db()
    assert entry.state == InboxState.DONE

    response = run(staff("view_inboxentry", "change_inboxentry"), "inboxentry", "process_again", entry.pk)
    entry.refresh_from_db()
    assert entry.state == InboxState.PENDING
    assert "1 entry is due again" in response.content.decode()


def test_it_processes_only_lawful_deliveries_again(
    staff: Callable[..., Client], written: Callable[..., Subscriber]
) -> None:
    written()
    delivery = Delivery.objects.get()
    Delivery.objects.update(state=DeliveryState.DEAD, expires_at=timezone.now() + dt.timedelta(minutes=1))

    run(staff("view_delivery"), "delivery", "process_again", delivery.pk)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DEAD

    may = staff("view_delivery", "change_delivery")
    run(may, "delivery", "process_again", delivery.pk)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DUE

    Delivery.objects.update(state=DeliveryState.UNKNOWN)
    response = run(may, "delivery", "process_again", delivery.pk)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.UNKNOWN
    assert "0 of 1 will be sent again; one may have been sent already." in response.content.decode()


def test_it_revokes_a_key_only_for_those_who_may(staff: Callable[..., Client]) -> None:
    ApiKey.objects.issue(name="CRM", scopes=["eligibility:read"], brands=[])
    key = ApiKey.objects.get()

    run(staff("view_apikey"), "apikey", "revoke", key.pk)
    key.refresh_from_db()
    assert key.revoked_at is None

    run(staff("view_apikey", "change_apikey"), "apikey", "revoke", key.pk)
    key.refresh_from_db()
    assert key.revoked_at is not None


# What people wrote stays text, numbers stay masked --------------------------------------------------------------------


def test_it_escapes_what_a_person_wrote(superuser: Client, written: Callable[..., Subscriber]) -> None:
    person = written(f"{SCRIPT} STOP", name=SCRIPT)
    reply = Reply.objects.get()

    pages = [
        superuser.get(url("reply")),
        superuser.get(url("reply", reply.pk)),
        superuser.get(url("subscriber", person.pk)),
    ]

    assert all(SCRIPT not in page.content.decode() for page in pages)
    assert "&lt;script&gt;" not in pages[0].content.decode()
    assert all("&lt;script&gt;alert" in page.content.decode() for page in pages[1:])


def test_it_masks_numbers_everywhere(superuser: Client, written: Callable[..., Subscriber]) -> None:
    person = written()
    pages = [url(model) for model in ROOMS]
    pages += [
        url("subscriber", person.pk),
        url("reply", Reply.objects.get().pk),
        url("delivery", Delivery.objects.get().pk),
    ]
    pages += [url("inboxentry", InboxEntry.objects.get().pk), url("consentevent", ConsentEvent.objects.get().pk)]

    for page in pages:
        assert "2025550143" not in superuser.get(page).content.decode(), page


def test_it_says_when_a_text_cannot_be_read(superuser: Client, written: Callable[..., Subscriber]) -> None:
    written()
    Reply.objects.update(text=b"\x01\x02zz" + bytes(40))

    page = superuser.get(url("reply", Reply.objects.get().pk)).content.decode()

    assert "This text cannot be read." in page


def test_it_never_shows_a_secret(superuser: Client, acme: Brand) -> None:
    Portfolio.objects.update(credentials=b"portfolio-secret")

    page = superuser.get(url("portfolio", Portfolio.objects.get().pk)).content.decode()

    assert "portfolio-secret" not in page
    assert "Stored, encrypted" in page


# The page of a person -------------------------------------------------------------------------------------------------


def test_it_answers_first(superuser: Client, written: Callable[..., Subscriber]) -> None:
    person = written("STOP")

    page = superuser.get(url("subscriber", person.pk)).content.decode()

    assert "Do not send WhatsApp marketing." in page
    assert "Do not send marketing on any channel of Acme." in page
    assert "Since 22 November 2026, 12:00 UTC." in page
    assert "+1 ••• ••• 0143" in page


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("sample_name", "words"),
    [
        ("user_preferences_stop", "WhatsApp’s own switch"),
        ("text_start", "Asked to come back, YES outstanding"),
    ],
)
def test_it_says_what_stands(
    superuser: Client, receive: Callable[..., None], sample: Callable[[str], bytes], sample_name: str, words: str
) -> None:  # fmt: skip
    receive(sample(sample_name))

    page = superuser.get(url("subscriber", Subscriber.objects.get().pk)).content.decode()

    assert words in page


def test_it_says_that_a_doubtful_reply_holds(superuser: Client, written: Callable[..., Subscriber]) -> None:
    person = written("please stop sending these at night??")

    page = superuser.get(url("subscriber", person.pk)).content.decode()

    assert "Do not send WhatsApp marketing for now." in page
    assert "Held: marketing on any channel of Acme." in page


def test_it_says_that_an_older_opt_in_no_longer_counts(superuser: Client, acme: Brand) -> None:
    person = Subscriber.objects.create(root_id=1, pk=1)
    scope = {"subscriber": person, "controller": 0, "brand": acme.pk, "topic": "marketing"}
    Consent.objects.create(**scope, channel="whatsapp", status="opted_in", effective_at=NOW, event=1, version=1)
    later = NOW + dt.timedelta(hours=1)
    Consent.objects.create(**scope, channel="any", status="opted_out", effective_at=later, event=2, version=2)

    page = superuser.get(url("subscriber", person.pk)).content.decode()

    assert "No longer: may send marketing on WhatsApp of Acme." in page
    assert "Event 2 overrules it." in page


def test_it_shows_a_joined_record_with_all_its_members(
    superuser: Client, acme: Brand, receive: Callable[..., None], sample: Callable[[str], bytes]
) -> None:
    receive(sample("text_stop"))
    person = Identity.objects.filter(scheme="phone").get().root
    member = Subscriber.objects.create(root=person)
    Identity.objects.create(
        scheme="email", value="bob@example.com", match_key="bob@example.com", subscriber=member, root=person, since=NOW,
        seen_at=NOW,
    )  # fmt: skip

    page = superuser.get(url("subscriber", member.pk)).content.decode()
    listed = superuser.get(url("subscriber")).content.decode()

    assert "This record was joined to another one" in page
    assert "b•••@example.com" in page
    assert "Do not send marketing on any channel of Acme." in page
    assert "Into " in listed


def test_it_costs_a_fixed_number_of_queries(superuser: Client, written: Callable[..., Subscriber]) -> None:
    person = written("STOP", ref="1")
    Brand.objects.create(controller_id=Brand.objects.get().controller_id, slug="globex", name="Globex")
    seals.seal(now=NOW)
    Notice.objects.create(key="help", language="en", version="v", text="Help")
    pages = [url(model) for model in ROOMS] + [url("subscriber", person.pk)]
    superuser.get(url("subscriber", person.pk))  # content types are looked up once per process
    before = [_queries(superuser, page) for page in pages]

    for number in range(20):
        written("START" if number % 2 else "STOP", ref=f"own{number}")
        written("STOP", number=f"120255502{number:02}", ref=f"other{number}")
        Brand.objects.create(controller_id=Brand.objects.first().controller_id, slug=f"b{number}", name=f"B{number}")

    assert [_queries(superuser, page) for page in pages] == before
    assert max(before) <= 36


def _queries(client: Client, page: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(page).status_code == 200
    assert not [query for query in queries if "COUNT(*)" in query["sql"]], page
    return len(queries)


# Search ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "+12025550143", "12025550143", "+1 (202) 555-0143", "001 202 555 0143", "whatsapp:+12025550143", "(202) 555-0143",
        "0143", "+1 ••• ••• 0143", "•••• 0143", " +1\u00a0202\u00a0555\u00a00143 ",
    ],
)  # fmt: skip
def test_it_finds_a_number_in_any_spelling(superuser: Client, written: Callable[..., Subscriber], text: str) -> None:
    person = written()
    written(number="447911123456", ref="2")

    assert find(text).roots == {person.pk}
    response = superuser.get(url("subscriber"), {"q": text})
    assert response.headers["Location"] == url("subscriber", person.pk)


@pytest.mark.parametrize("text", ["9999", "12025550144", "zzz", "''; --", "%", "", "202-55", "\x00"])
def test_it_finds_nobody_for_what_nobody_has(written: Callable[..., Subscriber], text: str) -> None:
    written()

    assert find(text).roots == set()


def test_it_finds_user_ids_records_and_earlier_holders(
    acme: Brand, receive: Callable[..., None], sample: Callable[[str], bytes]
) -> None:
    receive(sample("user_preferences_stop_bsuid_only"))
    identity = Identity.objects.get(scheme="bsuid")
    identity.ended_at = NOW
    identity.save(update_fields=["ended_at"])

    assert find(identity.value).roots == {identity.root_id}
    assert find(str(identity.root.public_id)).roots == {identity.root_id}


def test_it_searches_replies_deliveries_and_events_by_person(
    superuser: Client, written: Callable[..., Subscriber]
) -> None:
    person = written()
    written(number="447911123456", ref="2")

    for model in ("reply", "delivery", "consentevent"):
        page = superuser.get(url(model), {"q": "(202) 555-0143"}).content.decode()
        assert page.count("data-row") == 1, model
    assert superuser.get(url("consentevent"), {"q": str(person.public_id)}).content.decode().count("data-row") == 1
    assert superuser.get(url("consentevent"), {"q": "2"}).content.decode().count("data-row") == 1


def test_it_searches_by_index(written: Callable[..., Subscriber]) -> None:
    written()
    is_sqlite = connection.vendor == "sqlite"
    if not is_sqlite:  # a nearly empty table is read whole unless that is forbidden
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")

    for text in ("+12025550143", "0143", "(202) 555-0143"):
        with CaptureQueriesContext(connection) as queries:
            find(text)
        for query in queries:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {'QUERY PLAN ' if is_sqlite else ''}{query['sql']}")
                plan = " ".join(row[3 if is_sqlite else 0] for row in cursor.fetchall())
            assert ("SEARCH" if is_sqlite else "Index") in plan, (text, plan)
            assert "SCAN preferences_identity" not in plan.replace("Seq Scan on", "SCAN"), (text, plan)


@pytest.mark.parametrize(
    ("model", "query", "rows"),
    [
        ("reply", "intent=opt_out", 1), ("reply", "intent=help", 0), ("reply", "review_state=waiting", 0),
        ("inboxentry", "state=done&lane=urgent", 1), ("inboxentry", "state=failing", 0), ("delivery", "state=due", 1),
        ("delivery", "kind=help", 0), ("consentevent", "kind=stop&source=reply", 1), ("consentevent", "source=page", 0),
    ],
)  # fmt: skip
def test_it_filters(superuser: Client, written: Callable[..., Subscriber], model: str, query: str, rows: int) -> None:
    written()

    assert superuser.get(f"{url(model)}?{query}").content.decode().count("data-row") == rows


# Settings -------------------------------------------------------------------------------------------------------------


def test_it_assigns_a_brand_through_a_decision(superuser: Client, acme: Brand, receive: Callable[..., None]) -> None:
    Sender.objects.update(brand=None)
    receive(text_message("STOP"), now=NOW)
    sender = Sender.objects.get()

    response = superuser.post(url("sender", sender.pk), {"display": "+1 202 555 0100", "brand": acme.pk}, follow=True)

    sender.refresh_from_db()
    assert (sender.brand, sender.display) == (acme, "+1 202 555 0100")
    carried = ConsentEvent.objects.get(rule="sender/assigned")
    assert carried.brand == acme.pk
    assert carried.actor == User.objects.get().pk
    assert "One consent event was carried over to Acme." in response.content.decode()


def test_it_renames_a_sender_without_a_decision(
    superuser: Client, acme: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "assign_sender", lambda *args, **kwargs: pytest.fail("the brand did not change"))
    sender = Sender.objects.get()

    superuser.post(url("sender", sender.pk), {"display": "Main line", "brand": acme.pk})

    sender.refresh_from_db()
    assert sender.display == "Main line"


def test_it_adds_a_sender(superuser: Client, acme: Brand) -> None:
    fields = {"portfolio": Portfolio.objects.get().pk, "provider": Provider.WHATSAPP, "key": "77", "brand": acme.pk}

    superuser.post(f"{url('sender')}add/", fields)

    assert Sender.objects.get(key="77").brand == acme


POLICY = {
    "reach": "brand", "unknown_consent": "no_consent", "confirms": "on", "undo_line": "by_law", "approvals": "two_people",
    "effective_target_seconds": 5, "confirmed_target_seconds": 60, "told_target_seconds": 900, "alarm_after_seconds": 86400,
}  # fmt: skip


def test_it_numbers_policies_and_never_changes_one(superuser: Client, acme: Brand) -> None:
    superuser.post(f"{url('policyversion')}add/", {**POLICY, "brand": acme.pk, "languages": ["en", "de"]})

    policy = PolicyVersion.objects.get(number=2)
    assert policy.languages == ["en", "de"]
    assert policy.created_by == User.objects.get()
    assert superuser.post(url("policyversion", policy.pk), {**POLICY, "reach": "controller"}).status_code == 403


def test_it_asks_for_the_whole_declaration(superuser: Client, acme: Brand) -> None:
    fields = {**POLICY, "brand": acme.pk, "unknown_consent": "no_objection"}

    response = superuser.post(f"{url('policyversion')}add/", fields)

    assert "Name the system that keeps the opt-ins" in response.content.decode()
    assert "Name the legal basis" in response.content.decode()
    assert PolicyVersion.objects.count() == 1


def test_it_shows_a_new_key_exactly_once(superuser: Client, acme: Brand) -> None:
    fields = {"name": "CRM", "scopes": ["eligibility:read"], "brands": [acme.pk], "requests_per_minute": 60}

    response = superuser.post(f"{url('apikey')}add/", fields)

    key = response.context["key"]
    row = ApiKey.objects.get()
    assert key.startswith(f"optout_{row.prefix}_")
    assert (list(row.brands.all()), row.requests_per_minute) == ([acme], 60)
    assert response.content.decode().count(key) == 1
    assert "no-store" in response.headers["Cache-Control"]
    assert "messages" not in response.cookies or key not in str(response.cookies["messages"])
    for page in (url("apikey"), url("apikey", row.pk), "/admin/"):
        assert key not in superuser.get(page).content.decode()


def test_it_changes_nothing_of_a_key_but_its_name_and_pace(superuser: Client) -> None:
    ApiKey.objects.issue(name="CRM", scopes=["eligibility:read"], brands=[])
    row = ApiKey.objects.get()

    fields = {"name": "New CRM", "scopes": ["consents:write"], "digest": "00", "prefix": "x", "requests_per_minute": 7}
    superuser.post(url("apikey", row.pk), fields)

    changed = ApiKey.objects.get()
    assert (changed.name, changed.scopes, changed.prefix) == ("New CRM", ["eligibility:read"], row.prefix)
    assert changed.requests_per_minute == 7
    assert bytes(changed.digest) == bytes(row.digest)


def test_it_lets_only_superusers_give_rights(staff: Callable[..., Client], superuser: Client) -> None:
    clerk = staff("view_user", "change_user")
    own = User.objects.exclude(is_superuser=True).get()
    root = User.objects.get(is_superuser=True)

    clerk.post(
        url("user", own.pk), {"username": own.username, "is_superuser": "on", "is_active": "on", "is_staff": "on"}
    )
    own.refresh_from_db()

    assert not own.is_superuser
    assert clerk.post(url("user", root.pk), {"username": "taken"}).status_code == 403
    assert clerk.get(reverse("admin:auth_user_password_change", args=[root.pk])).status_code == 403


def test_it_keeps_the_seal_and_the_notice_readable(superuser: Client, written: Callable[..., Subscriber]) -> None:
    written()
    seal = seals.seal(now=NOW)[0]
    notice = Notice.objects.create(key="help", language="en", version="ab" * 32, text=f"Help {SCRIPT}")

    assert Seal.objects.get().merkle_root.hex() in superuser.get(url("seal", seal.pk)).content.decode()
    assert "Help &lt;script&gt;" in superuser.get(url("notice", notice.pk)).content.decode()


def test_it_says_what_waits(superuser: Client, written: Callable[..., Subscriber]) -> None:
    assert "Every webhook has been read." in superuser.get("/admin/").content.decode()

    written("please stop sending these at night??")
    InboxEntry.objects.update(state=InboxState.FAILING)

    page = superuser.get("/admin/").content.decode()
    assert "1 reply waits for review, the first until 25 November 2026, 12:00 UTC." in page
    assert "1 webhook fails and will be retried." in page


def test_it_logs_in_to_the_first_page(superuser: Client) -> None:
    stranger = Client()
    page = stranger.get("/admin/login/").content.decode()
    assert '<input type="hidden" name="next" value="/admin/" form="login-form">' in page

    response = stranger.post(
        "/admin/login/", {"username": "root", "password": "correct-horse-battery", "next": "/admin/"}
    )

    assert response.headers["Location"] == "/admin/"


def test_it_has_no_wrong_configuration(db: None) -> None:
    call_command("check")
