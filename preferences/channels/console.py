"""The channel that sends nothing: it records what would have been said. Its outcome is `recorded`, never `sent`."""

from __future__ import annotations

from preferences.channels.base import OutgoingMessage, Receipt
from preferences.models import DeliveryState


class ConsoleChannel:
    def send(self, message: OutgoingMessage) -> Receipt:
        return Receipt(DeliveryState.RECORDED, excerpt=message.text)
