"""Asks the opt-out desk whom a sender may message. Fails closed: whatever goes wrong, nobody may be messaged.

Standard library only; copy it into the sender. Usage:

    desk = Desk("https://desk.example", api_key)
    for recipient in desk.sendable(recipients, brand="acme"):
        send(recipient)

    OPTOUT_API_KEY=… python eligibility_client.py https://desk.example --brand acme < recipients.txt > sendable.txt
"""

from __future__ import annotations

import argparse
import datetime as dt
import http.client
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence

#: The desk takes no more at once.
MOST_RECIPIENTS = 10_000
#: An answer that leaves out webhooks older than this is too old to send by.
MOST_LAG = dt.timedelta(minutes=5)
#: How far the clocks of sender and desk may be apart.
CLOCKS_APART = dt.timedelta(minutes=1)
_LONGEST_ANSWER = 20_000_000
_MAY_BE_MESSAGED = {"opted_in", "no_objection"}


class NotAnsweredError(Exception):
    """The desk gave no answer to send by; the message says why. Holds no recipient."""


class Desk:
    """One desk and a key with the scope `eligibility:read`."""

    def __init__(self, address: str, api_key: str, *, timeout: float = 10.0) -> None:
        self._url = address.rstrip("/") + "/api/v1/eligibility/"
        self._api_key = api_key
        self._timeout = timeout
        # Redirects are not followed: the key would go along.
        self._opener = urllib.request.build_opener(_NoRedirects)

    def sendable(
        self,
        recipients: Sequence[str],
        *,
        brand: str | None = None,
        channel: str = "whatsapp",
        topic: str = "marketing",
    ) -> list[str]:
        """Who of `recipients` may be messaged now, in their order. Nobody when anything is amiss.

        All or nothing: when one request of many fails, nobody of them is returned.
        """
        try:
            return self.check(recipients, brand=brand, channel=channel, topic=topic)
        except NotAnsweredError as error:
            print(f"Nobody may be messaged: {error}", file=sys.stderr)
            return []

    def check(
        self,
        recipients: Sequence[str],
        *,
        brand: str | None = None,
        channel: str = "whatsapp",
        topic: str = "marketing",
    ) -> list[str]:
        """Like `sendable`, but raises NotAnsweredError, for those who want to try again later."""
        if isinstance(recipients, str):
            raise NotAnsweredError("give a list of recipients, not one string")
        sendable: list[str] = []
        for start in range(0, len(recipients), MOST_RECIPIENTS):
            asked = list(recipients[start : start + MOST_RECIPIENTS])
            question: dict[str, object] = {"recipients": asked, "channel": channel, "topic": topic}
            if brand is not None:
                question["brand"] = brand
            sendable += _allowed(asked, self._ask(question), now=dt.datetime.now(dt.UTC))
        return sendable

    def _ask(self, question: dict[str, object]) -> object:
        headers = {"Authorization": f"Api-Key {self._api_key}", "Content-Type": "application/json"}
        if not self._url.startswith(("https://", "http://")):
            raise NotAnsweredError("the address of the desk is no https:// address")
        try:
            request = urllib.request.Request(self._url, json.dumps(question).encode(), headers)  # noqa: S310 (checked above)
            with self._opener.open(request, timeout=self._timeout) as response:
                if response.status != http.HTTPStatus.OK:
                    raise NotAnsweredError(f"the desk answered {response.status}")
                content = response.read(_LONGEST_ANSWER)
                if response.length or response.read(1):
                    raise NotAnsweredError("the answer broke off or is too long")
            return json.loads(content)
        except urllib.error.HTTPError as error:
            raise NotAnsweredError(f"the desk answered {error.code} ({_code_of(error)})") from None
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            raise NotAnsweredError(f"the desk cannot be reached or understood ({type(error).__name__})") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def _code_of(error: urllib.error.HTTPError) -> str:
    """The code of a problem document, such as `lagging`."""
    try:
        return str(json.loads(error.read(100_000))["code"])[:40]
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, RecursionError):
        return "no reason given"


def _allowed(asked: list[str], answer: object, *, now: dt.datetime) -> list[str]:
    """Whom the answer allows. Raises NotAnsweredError unless it is whole, new, and about exactly those who were asked."""
    if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        raise NotAnsweredError("the answer is not in the agreed form")
    complete_until = _time(answer.get("complete_until"))
    if not now - MOST_LAG <= complete_until <= now + CLOCKS_APART:
        raise NotAnsweredError("the answer does not know what came in during the last minutes")
    results = answer["results"]
    if not all(isinstance(one, dict) for one in results) or [one.get("recipient") for one in results] != asked:
        raise NotAnsweredError("the answer is not about those who were asked")
    # Both must say yes: a reason this program does not know is no permission.
    return [
        recipient
        for recipient, one in zip(asked, results, strict=True)
        if one.get("allowed") is True and one.get("reason") in _MAY_BE_MESSAGED
    ]


def _time(text: object) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(str(text))
    except ValueError:
        raise NotAnsweredError("the answer does not say how new it is") from None
    if at.tzinfo is None:
        raise NotAnsweredError("the answer does not say how new it is")
    return at


def main() -> int:
    parser = argparse.ArgumentParser(description="Copies to the output those lines of the input that may be messaged.")
    parser.add_argument("address", help="such as https://desk.example")
    parser.add_argument("--brand", default=None)
    parser.add_argument("--channel", default="whatsapp")
    parser.add_argument("--topic", default="marketing")
    options = parser.parse_args()
    recipients = [line.strip() for line in sys.stdin if line.strip()]
    desk = Desk(options.address, os.environ.get("OPTOUT_API_KEY", ""))
    try:
        sendable = desk.check(recipients, brand=options.brand, channel=options.channel, topic=options.topic)
    except NotAnsweredError as error:
        print(f"Nobody may be messaged: {error}", file=sys.stderr)
        return 1
    print(*sendable, sep="\n", end="\n" if sendable else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
