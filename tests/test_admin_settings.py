"""What an administrator sets up for sending: access tokens that never come out, templates, account notices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from preferences import credentials
from preferences.models import AccountNotice, Brand, Portfolio, Provider, TemplateState, UtilityTemplate
from tests.conftest import SAMPLE_TIME

TOKEN = "EAAB-a-secret-token"
TEMPLATE = {"kind": "confirmation", "name": "optout_confirmation", "language": "en_GB", "parameters": "brand, scope"}


@pytest.fixture
def portfolio(acme: Brand) -> Portfolio:
    return Portfolio.objects.get()


def url(model: str, what: str, *args: Any) -> str:
    return reverse(f"admin:preferences_{model}_{what}", args=args)


# Access tokens --------------------------------------------------------------------------------------------------------


def give(client: Client, portfolio: Portfolio, **values: str) -> Any:
    form = {"name": "Main", "controller": portfolio.controller_id or "", **values}
    return client.post(url("portfolio", "change", portfolio.pk), form, follow=True)


def kept(portfolio: Portfolio) -> str:
    found = credentials.of_portfolios([portfolio.pk]).get(portfolio.pk)
    return found.access_token if found else ""


def test_it_keeps_a_token_and_never_shows_it(
    staff: Callable[..., Client], portfolio: Portfolio, caplog: pytest.LogCaptureFixture
) -> None:
    client = staff("change_portfolio")

    said = give(client, portfolio, access_token=f" {TOKEN} ").content.decode()
    page = client.get(url("portfolio", "change", portfolio.pk)).content.decode()

    assert "The access token is stored, encrypted." in said
    assert kept(portfolio) == TOKEN
    assert "Stored, encrypted" in page
    assert TOKEN not in said + page + caplog.text
    assert TOKEN not in "".join(LogEntry.objects.values_list("change_message", flat=True))
    assert TOKEN.encode() not in bytes(Portfolio.objects.get().credentials)


def test_it_keeps_the_token_when_nothing_is_typed(staff: Callable[..., Client], portfolio: Portfolio) -> None:
    credentials.give(portfolio.pk, credentials.Credentials(TOKEN))

    give(staff("change_portfolio"), portfolio, access_token="", name="Renamed")

    assert Portfolio.objects.get().name == "Renamed"
    assert kept(portfolio) == TOKEN


def test_it_forgets_a_token(staff: Callable[..., Client], portfolio: Portfolio) -> None:
    credentials.give(portfolio.pk, credentials.Credentials(TOKEN))

    said = give(staff("change_portfolio"), portfolio, forget_token="on").content.decode()

    assert "The access token is forgotten." in said
    assert Portfolio.objects.get().credentials is None


@pytest.mark.parametrize(
    ("values", "setting", "said"),
    [
        ({"access_token": "two words"}, {}, "has no spaces"),
        ({"access_token": "line\nbreak"}, {}, "has no spaces"),
        ({"access_token": TOKEN}, {"DEMO": True}, "The demo keeps no access token"),
        ({"access_token": TOKEN}, {"FIELD_ENCRYPTION_KEYS": []}, "It cannot be kept."),
        ({"access_token": TOKEN, "forget_token": "on"}, {}, "Either give a new token or forget"),
    ],
)
def test_it_says_why_a_token_is_not_taken(
    staff: Callable[..., Client], portfolio: Portfolio, settings: Any, values: Any, setting: Any, said: str
) -> None:
    credentials.give(portfolio.pk, credentials.Credentials("before"))
    for name, value in setting.items():
        setattr(settings, name, value)

    page = give(staff("change_portfolio"), portfolio, **values).content.decode()

    assert said in page
    assert TOKEN not in page
    assert Portfolio.objects.get().name != "Main"


@pytest.mark.parametrize("permissions", [(), ("view_portfolio",), ("change_sender",)])
def test_it_takes_a_token_from_nobody_else(
    staff: Callable[..., Client], portfolio: Portfolio, permissions: tuple[str, ...]
) -> None:
    client = staff(*permissions)

    assert give(client, portfolio, access_token=TOKEN).status_code == 403
    assert Portfolio.objects.get().credentials is None
    assert b"access_token" not in client.get(url("portfolio", "change", portfolio.pk)).content


def test_it_asks_other_providers_for_no_token(staff: Callable[..., Client], db: None) -> None:
    twilio = Portfolio.objects.create(provider=Provider.TWILIO, key="AC1")
    client = staff("change_portfolio", "view_portfolio")

    give(client, twilio, access_token=TOKEN)

    assert Portfolio.objects.get().credentials is None
    assert b"access_token" not in client.get(url("portfolio", "change", twilio.pk)).content


# Templates ------------------------------------------------------------------------------------------------------------


def add(client: Client, brand: Brand, portfolio: Portfolio, **values: str) -> Any:
    form = {"brand": brand.pk, "portfolio": portfolio.pk, **TEMPLATE, **values}
    return client.post(url("utilitytemplate", "add"), form, follow=True)


def test_it_adds_a_template(staff: Callable[..., Client], acme: Brand, portfolio: Portfolio) -> None:
    client = staff("add_utilitytemplate", "view_utilitytemplate")

    page = add(client, acme, portfolio).content.decode()

    template = UtilityTemplate.objects.get()
    assert (template.name, template.language, template.parameters) == (
        "optout_confirmation", "en_GB", ["brand", "scope"],
    )  # fmt: skip
    assert template.state == TemplateState.USABLE
    assert "optout_confirmation (en_GB)" in page


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "Opt Out"}, "Template names are small letters, digits and underscores."),
        ({"language": "English"}, "such as en or pt_BR"),
        ({"parameters": "brand, number"}, "Nothing fills “number”. Choose out of: brand, scope, contact."),
        ({"parameters": "brand,,scope"}, "Nothing fills “”."),
        ({"language": "fil"}, "The desk does not speak “fil”"),
        ({"kind": "campaign"}, "campaign is not one of the available choices"),
    ],
)
def test_it_says_what_is_wrong_with_a_template(
    staff: Callable[..., Client], acme: Brand, portfolio: Portfolio, values: dict[str, str], said: str
) -> None:
    page = add(staff("add_utilitytemplate"), acme, portfolio, **values).content.decode()

    assert said in page
    assert not UtilityTemplate.objects.exists()


def test_it_takes_a_template_without_places(staff: Callable[..., Client], acme: Brand, portfolio: Portfolio) -> None:
    add(staff("add_utilitytemplate"), acme, portfolio, language="fil", parameters="")

    assert UtilityTemplate.objects.get().parameters == []


@pytest.fixture
def stopped(acme: Brand, portfolio: Portfolio) -> UtilityTemplate:
    return UtilityTemplate.objects.create(
        brand=acme, portfolio=portfolio, **TEMPLATE | {"parameters": ["brand", "scope"]},
        state=TemplateState.RECATEGORISED, reason="Category: WhatsApp says MARKETING.", changed_at=SAMPLE_TIME,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "state"),
    [({"name": "optout_2"}, TemplateState.USABLE), ({"parameters": "brand"}, TemplateState.RECATEGORISED)],
)
def test_it_lets_only_another_template_take_the_place_of_a_stopped_one(
    staff: Callable[..., Client], stopped: UtilityTemplate, values: dict[str, str], state: TemplateState
) -> None:
    client = staff("change_utilitytemplate")
    page = url("utilitytemplate", "change", stopped.pk)
    shown = client.get(page).content.decode()
    form = {"brand": stopped.brand_id, "portfolio": stopped.portfolio_id, **TEMPLATE, "state": "usable", **values}

    client.post(page, form)

    assert "No longer a utility template" in shown
    assert "WhatsApp says MARKETING" in shown
    assert 'value="brand, scope"' in shown
    after = UtilityTemplate.objects.get()
    assert after.state == state
    assert (after.changed_at > SAMPLE_TIME, after.reason == "") == (state == TemplateState.USABLE,) * 2


def test_it_takes_a_template_away(staff: Callable[..., Client], stopped: UtilityTemplate) -> None:
    page = url("utilitytemplate", "delete", stopped.pk)

    assert staff("change_utilitytemplate").post(page, {"post": "yes"}).status_code == 403
    assert staff("delete_utilitytemplate", "view_utilitytemplate").post(page, {"post": "yes"}).status_code == 302
    assert not UtilityTemplate.objects.exists()


@pytest.mark.parametrize("permissions", [(), ("view_utilitytemplate",), ("change_brand",)])
def test_it_lets_nobody_else_set_templates(
    staff: Callable[..., Client], acme: Brand, portfolio: Portfolio, stopped: UtilityTemplate, permissions: Any
) -> None:
    client = staff(*permissions)

    assert add(client, acme, portfolio, language="de").status_code == 403
    assert client.post(url("utilitytemplate", "change", stopped.pk), {"name": "x"}).status_code == 403
    assert UtilityTemplate.objects.get().name == "optout_confirmation"


# Account notices ------------------------------------------------------------------------------------------------------


def test_it_lists_what_whatsapp_told_in_a_fixed_number_of_queries(
    staff: Callable[..., Client], portfolio: Portfolio, django_assert_max_num_queries: Any
) -> None:
    AccountNotice.objects.bulk_create(
        AccountNotice(
            provider=Provider.WHATSAPP, portfolio=portfolio, kind="account_update/RESTRICTED", subject=f"account {number}",
            text="WhatsApp restricted it.", severity="critical", at=SAMPLE_TIME - dt.timedelta(minutes=number),
            is_over=number == 1, digest=bytes([number]) * 32,
        )
        for number in range(30)
    )  # fmt: skip
    client = staff("view_accountnotice")

    with django_assert_max_num_queries(8):
        page = client.get(url("accountnotice", "changelist")).content.decode()

    assert page.index("account 0") < page.index("account 29")
    assert "Urgent" in page
    assert "Over</span>" in page
    assert page.count("data-row") == 30
    warnings = client.get(url("accountnotice", "changelist"), {"severity": "warning"}).content.decode()
    assert warnings.count("data-row") == 0
    one = client.get(url("accountnotice", "change", AccountNotice.objects.latest("at").pk)).content.decode()
    assert "account_update/RESTRICTED" in one
