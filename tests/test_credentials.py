"""Access tokens: sealed, never shown, and never those of another portfolio."""

from __future__ import annotations

import pytest

from preferences import credentials
from preferences.credentials import Credentials
from preferences.encryption import seal
from preferences.models import Portfolio, Provider

pytestmark = pytest.mark.django_db
TOKEN = "fictional-access-token"


@pytest.fixture
def portfolios():
    """Three WhatsApp portfolios behind one of another provider."""
    Portfolio.objects.create(provider=Provider.TWILIO, key="AC1")
    return [Portfolio.objects.create(provider=Provider.WHATSAPP, key=f"waba:{number}").pk for number in (1, 2, 3)]


def tokens(portfolios):
    return {pk: one.access_token for pk, one in credentials.of_portfolios(portfolios).items()}


def test_it_has_none_until_somebody_gives_one(portfolios):
    assert tokens(portfolios) == {}


def test_it_keeps_a_portfolios_own_encrypted(portfolios):
    credentials.give(portfolios[1], Credentials(TOKEN))

    assert tokens(portfolios) == {portfolios[1]: TOKEN}
    assert TOKEN.encode() not in bytes(Portfolio.objects.get(pk=portfolios[1]).credentials)


def test_it_takes_them_away_again(portfolios):
    credentials.give(portfolios[1], Credentials(TOKEN))
    credentials.give(portfolios[1], None)

    assert tokens(portfolios) == {}


def test_it_serves_the_first_whatsapp_portfolio_from_the_environment(portfolios, settings):
    settings.WHATSAPP_ACCESS_TOKEN = TOKEN

    assert tokens(portfolios) == {portfolios[0]: TOKEN}
    assert tokens(portfolios[1:]) == {}
    assert credentials.are_set_for(portfolios) == {portfolios[0]}
    assert credentials.are_set_for(portfolios[1:]) == set()


def test_it_prefers_a_portfolios_own(portfolios, settings):
    settings.WHATSAPP_ACCESS_TOKEN = TOKEN
    credentials.give(portfolios[0], Credentials("own"))

    assert tokens(portfolios) == {portfolios[0]: "own", portfolios[1]: TOKEN}


@pytest.mark.parametrize(
    "sealed", [lambda: b"", lambda: b"not sealed", lambda: seal("another purpose", b'{"access_token":"x"}')]
)
def test_it_never_falls_back_to_another_token_when_its_own_does_not_open(sealed, portfolios, settings):
    settings.WHATSAPP_ACCESS_TOKEN = TOKEN
    Portfolio.objects.filter(pk=portfolios[0]).update(credentials=sealed())

    assert portfolios[0] not in tokens(portfolios)
    assert credentials.are_set_for(portfolios) == {portfolios[0], portfolios[1]}


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"access_token":""}', b'{"access_token":7}'])
def test_it_finds_no_token_in_something_else(content):
    assert credentials.unseal_credentials(seal("portfolio credentials", content)) is None


def test_it_never_shows_a_token():
    assert TOKEN not in repr(Credentials(TOKEN))


def test_it_asks_once(portfolios, django_assert_num_queries):
    with django_assert_num_queries(1):
        credentials.of_portfolios(portfolios)
