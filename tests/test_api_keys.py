"""API keys: who may ask, about which brands, and how a key is made and ends."""

from __future__ import annotations

import re

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from preferences.models import ApiKey, Brand
from tests import bodies
from tests.problems import is_problem

URL = "/api/v1/eligibility/"


@pytest.fixture
def key(db):
    return ApiKey.objects.issue(name="tests", scopes=["eligibility:read"], brands=[])


@pytest.fixture
def api(client, key):
    """Ask a question the API always answers, with this or the right key."""

    def run(*, authorization=f"Api-Key {key}", **question):
        headers = {} if authorization is None else {"Authorization": authorization}
        return client.post(URL, {"recipients": [], **question}, content_type="application/json", headers=headers)

    return run


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda key: None, id="missing"),
        pytest.param(lambda key: "", id="empty"),
        pytest.param(lambda key: "Api-Key", id="no-key"),
        pytest.param(lambda key: "Api-Key nonsense", id="nonsense"),
        pytest.param(lambda key: f"Api-Key {key[:-1]}", id="truncated"),
        pytest.param(lambda key: f"Api-Key {key}x", id="longer"),
        pytest.param(lambda key: f"Api-Key {key.upper()}", id="upper-case"),
        pytest.param(lambda key: f"Api-Key {key.rpartition('_')[0]}_", id="without-secret"),
        pytest.param(lambda key: f"Bearer {key}", id="other-scheme"),
        pytest.param(lambda key: "Api-Key optout_\x00_x", id="nul"),
        pytest.param(lambda key: "Api-Key optout_é_ü", id="not-ascii"),
    ],
)
def test_it_refuses_a_wrong_key(spoil, acme, api, key):
    response = api(authorization=spoil(key))

    assert is_problem(response, 401, "unauthorized")
    assert response["WWW-Authenticate"] == "Api-Key"


@pytest.mark.parametrize("field", ["revoked_at", "expires_at"])
def test_it_refuses_a_key_that_is_no_longer_valid(field, acme, api):
    ApiKey.objects.update(**{field: timezone.now()})

    assert is_problem(api(), 401, "unauthorized")


def test_it_accepts_a_key_until_it_expires(acme, api):
    ApiKey.objects.update(expires_at=timezone.now() + bodies.HOUR)

    assert api().status_code == 200


def test_it_refuses_a_key_without_the_scope(acme, api):
    other = ApiKey.objects.issue(name="other", scopes=["consents:read", "eligibility:write"], brands=[])

    response = api(authorization=f"Api-Key {other}")

    assert is_problem(response, 403, "forbidden")
    assert "eligibility:read" in response.json()["detail"]


def test_it_lets_a_key_ask_about_its_brands_only(acme, api):
    other = Brand.objects.create(controller=acme.controller, slug="other", name="Other")
    key = ApiKey.objects.issue(name="theirs", scopes=["eligibility:read"], brands=[other])

    own, foreign, unknown = (api(brand=slug, authorization=f"Api-Key {key}") for slug in ("other", "acme", "nobody"))

    assert own.status_code == 200
    assert is_problem(foreign, 400, "invalid")
    assert foreign.content == unknown.content


def test_it_notes_when_a_key_was_last_used(acme, api):
    before = timezone.now()

    api()

    assert ApiKey.objects.get().last_used_at >= before


def test_it_prints_a_new_key_alone_on_the_last_line(acme, api, capsys):
    call_command("create_api_key", name="sender", scopes="eligibility:read,consents:read", brands="acme")

    key = capsys.readouterr().out.splitlines()[-1]
    row = ApiKey.objects.get(name="sender")
    assert re.fullmatch(r"optout_[0-9a-f]{8}_[\w-]{43}", key)
    assert api(authorization=f"Api-Key {key}").status_code == 200
    assert key.split("_", 2)[2] not in str(ApiKey.objects.values().get(name="sender"))
    assert (row.scopes, list(row.brands.all())) == (["consents:read", "eligibility:read"], [acme])


@pytest.mark.parametrize(
    "options", [{"scopes": ""}, {"scopes": "eligibility"}, {"scopes": "eligibility:read", "brands": "nobody"}]
)
def test_it_makes_no_key_from_wrong_options(options, acme):
    with pytest.raises(CommandError):
        call_command("create_api_key", name="sender", **options)

    assert not ApiKey.objects.exists()
