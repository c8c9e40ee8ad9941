"""The security suite every door in must pass; a provider's test file subclasses it and says how its door is knocked at."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from preferences import inbox
from preferences.models import Consent, ConsentEvent, InboxEntry


class DoorSecurity:
    """Subclasses give `url`, `body`, `header`, the `sign` of their provider and the secrets the tests are configured with.

    `body` must be an opt-out, so that a replay that did harm would show.
    """

    url: str
    header: str
    body: bytes
    secrets: tuple[str, ...]
    wrong_secret = "somebody-elses-secret"

    def sign(self, body: bytes, secret: str) -> str:
        raise NotImplementedError

    def knock(self, client: Client, signature: str | None, body: bytes | None = None) -> Any:
        headers = {} if signature is None else {self.header: signature}
        return client.post(self.url, body or self.body, content_type="application/json", headers=headers)

    def good(self) -> str:
        return self.sign(self.body, self.secrets[0])

    def test_it_stores_what_is_rightly_signed(self, client, db):
        response = self.knock(client, self.good())

        assert response.status_code == 200
        assert InboxEntry.objects.count() == 1

    def test_it_accepts_every_configured_secret(self, client, db):
        answers = [self.knock(client, self.sign(self.body, secret)).status_code for secret in self.secrets]

        assert len(self.secrets) > 1
        assert answers == [200] * len(self.secrets)

    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda good: None, id="missing"),
            pytest.param(lambda good: "", id="empty"),
            pytest.param(lambda good: good[:-1], id="truncated"),
            pytest.param(lambda good: good[:-1] + ("0" if good[-1] != "0" else "1"), id="last-digit"),
            pytest.param(lambda good: good + "0", id="longer"),
            pytest.param(lambda good: good.upper(), id="upper-case"),
            pytest.param(lambda good: good.partition("=")[2], id="without-prefix"),
            pytest.param(lambda good: good.partition("=")[0].upper() + "=" + good.partition("=")[2], id="upper-prefix"),
            pytest.param(lambda good: good.partition("=")[0] + "=", id="prefix-only"),
            pytest.param(lambda good: f"{good},{good}", id="twice"),
            pytest.param(lambda good: "é" * 71, id="not-ascii"),
        ],
    )
    def test_it_refuses_a_spoiled_signature_and_stores_nothing(self, spoil, client, db):
        response = self.knock(client, spoil(self.good()))

        assert response.status_code == 403
        assert not InboxEntry.objects.exists()

    def test_it_refuses_a_signature_by_another_secret(self, client, db):
        response = self.knock(client, self.sign(self.body, self.wrong_secret))

        assert response.status_code == 403
        assert not InboxEntry.objects.exists()

    def test_it_refuses_a_signature_made_with_no_secret(self, client, db):
        response = self.knock(client, self.sign(self.body, ""))

        assert response.status_code == 403
        assert not InboxEntry.objects.exists()

    def test_it_refuses_a_changed_body(self, client, db):
        response = self.knock(client, self.good(), self.body + b" ")

        assert response.status_code == 403
        assert not InboxEntry.objects.exists()

    def test_it_tells_a_stranger_nothing_of_the_secret(self, client, db):
        response = self.knock(client, "sha256=00")

        assert not any(secret in response.content.decode() for secret in self.secrets)
        assert self.good() not in response.content.decode()

    def test_it_stores_a_replay_again_and_it_does_no_harm(self, client, acme):
        for _ in range(2):
            self.knock(client, self.good())
        inbox.process()
        self.knock(client, self.good())
        inbox.process()

        assert InboxEntry.objects.count() == 3
        assert ConsentEvent.objects.count() == 1
        assert Consent.objects.count() == 1

    def test_it_asks_for_neither_login_nor_csrf_token(self, db):
        response = self.knock(Client(enforce_csrf_checks=True), self.good())

        assert response.status_code == 200
        assert not response.cookies
