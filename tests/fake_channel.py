"""A door out that sends nothing and does what a test says; put into `channels._CHANNELS`."""

from __future__ import annotations

from preferences.channels import ChannelError, OutgoingMessage, Receipt
from preferences.models import DeliveryState


class FakeChannel:
    """Remembers what it was given; does what the test says."""

    sent: list[OutgoingMessage]
    does = staticmethod(lambda message: Receipt(DeliveryState.SENT, "wamid.fake", "ok"))

    def send(self, message: OutgoingMessage) -> Receipt:
        type(self).sent.append(message)
        return type(self).does(message)


def refuse(*, is_permanent: bool) -> staticmethod:
    def does(message: OutgoingMessage) -> Receipt:
        raise ChannelError("refused", is_permanent=is_permanent)

    return staticmethod(does)
