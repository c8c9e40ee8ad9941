"""The admin, a file per room. It shows what the product knows and changes consent only through decisions."""

from preferences.admin import access, audit, brands, inbox, ledger, messages, outbox, people, wording

__all__ = ["access", "audit", "brands", "inbox", "ledger", "messages", "outbox", "people", "wording"]
