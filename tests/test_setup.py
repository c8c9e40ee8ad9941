"""The set-up page: one link, one owner."""

from __future__ import annotations

import stat

import pytest

from optout_admin import first_start
from preferences.models import User

PASSWORD = "four quiet otters swim"


@pytest.fixture
def link(db, settings):
    settings.EMBEDDED = True
    return f"/setup/{first_start.setup_token()}/"


def _answers(password: str = PASSWORD) -> dict[str, str]:
    return {"username": "owner", "password1": password, "password2": password}


def test_it_asks_for_a_name_and_a_password(client, link):
    response = client.get(link)

    assert response.status_code == 200
    assert '<label for="id_username">' in response.text
    assert "no-store" in response["Cache-Control"]


def test_it_makes_the_owner_and_then_never_again(client, link):
    response = client.post(link, _answers())

    assert (response.status_code, response["Location"]) == (302, "/admin/")
    owner = User.objects.get()
    assert owner.is_superuser
    assert owner.check_password(PASSWORD)
    assert client.get(link).status_code == 404
    assert client.post(link, _answers() | {"username": "second"}).status_code == 404
    assert User.objects.count() == 1


@pytest.mark.parametrize("password", ["short", "password1234", "123456789012345"])
def test_it_refuses_a_weak_password(client, link, password):
    response = client.post(link, _answers(password))

    assert response.status_code == 400
    assert 'role="alert"' in response.text
    assert not User.objects.exists()


def test_it_refuses_a_token_that_is_not_ours(client, link):
    assert client.get("/setup/made-up/").status_code == 404
    assert client.get(f"{link[:-3]}xx/").status_code == 404


def test_it_refuses_a_token_after_a_day(client, link, monkeypatch):
    monkeypatch.setattr(first_start, "LINK_SECONDS", -1)

    response = client.get(link)

    assert response.status_code == 404
    assert "This link does not work any more" in response.text


def test_it_is_not_there_in_production(client, link, settings):
    settings.EMBEDDED = False

    assert client.get(link).status_code == 404


def test_it_obeys_the_strict_policy(client, link):
    """No script, no inline handler, and the only style carries the nonce."""
    text = client.get(link).text

    assert "<script" not in text
    assert " style=" not in text
    assert text.count("<style") == text.count('<style nonce="') == 1
    assert 'nonce=""' not in text


def test_it_makes_the_demo_login_once(db, tmp_path):
    path = tmp_path / "demo-login.txt"

    first = first_start.demo_password(path)

    assert first == first_start.demo_password(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert User.objects.get(username="admin").check_password(first)


def test_it_knows_no_password_it_did_not_make(db, tmp_path):
    User.objects.create_superuser("somebody", password=PASSWORD)

    assert first_start.demo_password(tmp_path / "demo-login.txt") is None
    assert User.objects.count() == 1
