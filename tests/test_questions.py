"""START and YES: which YES answers our question, and what is remembered of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests import bodies
from tests.conftest import SAMPLE_TIME

NOON = SAMPLE_TIME


def says(text: str, *, second: int = 0, **extra: Any) -> dict[str, Any]:
    """Alice, who is in the US and is asked for YES, writes something."""
    return bodies.message(text, at=NOON + second * bodies.SECOND, phone=bodies.ALICE, **extra)


@pytest.mark.parametrize("order", [("start", "yes", "again"), ("yes", "start", "again"), ("again", "yes", "start")])
def test_it_takes_no_yes_said_in_a_group(order, acme, receive, ask):
    spoken = {"start": says("START"), "yes": says("YES", second=1, group_id="120363000000000001")}
    spoken["again"] = says("START", second=2)

    for one in order:
        receive(spoken[one], now=NOON + bodies.HOUR)

    assert ask(bodies.ALICE)["reason"] == "no_consent"
