"""The stage that tells the world: what is due, whether it is still true, in which words, and what became of it."""

from preferences.outbox.processing import LEASE, deliver, process_again, settle_lost
from preferences.outbox.saying import TEMPLATE_PLACES

__all__ = ["LEASE", "TEMPLATE_PLACES", "deliver", "process_again", "settle_lost"]
