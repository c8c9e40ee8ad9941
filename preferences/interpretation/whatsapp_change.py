"""One change of a WhatsApp webhook while it is read: the sender it is about, the people it names, what was found.

Only for the WhatsApp readers beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from preferences import identifiers
from preferences.interpretation import json_text
from preferences.interpretation.observations import (
    AccountEvent,
    Observation,
    Person,
    Reading,
    SenderRef,
    SentWords,
    TemplateWords,
)

NOBODY = Person()

_LONGEST_USER_ID = 160
_LONGEST_LABEL = 60
_NOT_IN_LABELS = re.compile(r"[^a-z0-9_:.]+")


@dataclass(slots=True)
class Findings:
    """What a whole body said so far."""

    observations: list[Observation] = field(default_factory=list)
    unknown: dict[str, None] = field(default_factory=dict)
    has_messages: bool = False
    account_events: dict[AccountEvent, None] = field(default_factory=dict)
    sent_words: list[SentWords] = field(default_factory=list)
    template_words: list[TemplateWords] = field(default_factory=list)

    def note(self, label: str) -> None:
        """Remember that something was not understood, once per label; labels must hold no content of people."""
        self.unknown[_NOT_IN_LABELS.sub("_", label.lower())[:_LONGEST_LABEL]] = None

    def note_word(self, kind: str, word: object) -> None:
        """Remember a word of the provider's vocabulary that we do not know (`message_type:poll`)."""
        known_shape = word if isinstance(word, str) and word else "missing" if not word else "malformed"
        self.note(f"{kind}:{known_shape}")

    def reading(self) -> Reading:
        return Reading(
            tuple(self.observations),
            tuple(self.unknown),
            self.has_messages,
            tuple(self.account_events),
            tuple(self.sent_words),
            tuple(self.template_words),
        )


class Contacts:
    """The people listed beside messages and statuses, found by id and never by position."""

    __slots__ = ("_by_phone", "_by_user_id", "_only", "_usernames")

    def __init__(self, contacts: object, *, is_about_one: bool) -> None:
        """`is_about_one`: the value holds a single message or status, so a single contact can only be its person."""
        self._by_user_id: dict[str, Person | None] = {}
        self._by_phone: dict[str, Person | None] = {}
        self._only: Person | None = None
        self._usernames: dict[Person, str] = {}
        people = []
        for contact in contacts if isinstance(contacts, list) else ():
            named = json_text.mapping(contact)
            person = person_of(named.get("wa_id"), named.get("user_id"), named.get("parent_user_id"))
            if person == NOBODY:
                continue
            people.append(person)
            if username := _username(json_text.mapping(named.get("profile")).get("username")):
                self._usernames[person] = username
        if len(people) == 1 and is_about_one:
            self._only = people[0]
            return
        for person in people:
            _index(self._by_user_id, person.bsuid, person)
            _index(self._by_phone, person.phone, person)

    def complete(self, phone: str | None, bsuid: str | None, parent: str | None) -> Person | None:
        """Return the person with these identifiers and those of the matching contact, or None if nobody is named."""
        contact = self._find(phone, bsuid)
        if contact is None or _differ(contact, phone, bsuid, parent):
            contact = NOBODY
        if contact.phone == phone and contact.bsuid == bsuid and parent in {None, contact.parent_bsuid}:
            return contact if contact is not NOBODY else None
        return Person(phone or contact.phone, bsuid or contact.bsuid, parent or contact.parent_bsuid)

    def username_of(self, person: Person) -> str:
        """Return the username listed for this person, "" if there is none or if it may be somebody else's."""
        if not self._usernames:
            return ""
        contact = self._find(person.phone, person.bsuid)
        if contact is None or _differ(contact, person.phone, person.bsuid, person.parent_bsuid):
            return ""
        return self._usernames.get(contact, "")

    def _find(self, phone: str | None, bsuid: str | None) -> Person | None:
        if bsuid in self._by_user_id:
            return self._by_user_id[bsuid]
        if phone in self._by_phone:
            return self._by_phone[phone]
        return self._only


@dataclass(slots=True)
class Change:
    """One `changes[]` item: readers add what they understand to `findings` and complete people from `contacts`."""

    findings: Findings
    sender: SenderRef
    contacts: Contacts
    is_standby: bool = False

    @property
    def own_phone(self) -> str | None:
        """The sender's number as Meta displays it, in E.164; None if that is not given."""
        return _own_phone(self.sender.display)

    def person(self, phone: object, user_id: object, parent_user_id: object) -> Person | None:
        """Return who is meant by these raw values and the contacts, or None if nobody is."""
        return self.contacts.complete(_phone(phone), _user_id(user_id), _user_id(parent_user_id))

    def id_of(self, item: dict[str, object], *, label: str) -> str:
        """Return the provider's id of `item`, or a derived one (and the label) so that nothing is lost without it."""
        own = item.get("id")
        if isinstance(own, str) and own:
            return own
        self.findings.note(label)
        return json_text.derived_id(item)


@lru_cache(maxsize=1024)
def _own_phone(display: str) -> str | None:
    # A business has a few numbers, and each of its webhooks repeats one of them.
    parsed = identifiers.parse_recipient(display)
    return parsed.value if parsed else None


def person_of(phone: object, user_id: object, parent_user_id: object) -> Person:
    """Return the person named by raw values alone; NOBODY if none of them is usable."""
    return Person(_phone(phone), _user_id(user_id), _user_id(parent_user_id))


def _phone(value: object) -> str | None:
    return identifiers.phone_from_wa_id(value) if isinstance(value, str) else None


def _user_id(value: object) -> str | None:
    # The documented alphabet is not enforced: an opt-out must not fall because Meta widened an opaque id.
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_USER_ID else None


def _username(value: object) -> str:
    """3 to 35 characters (BSUID page, 2026-06-29); older copies of that page wrote a leading @."""
    name = json_text.string(value).removeprefix("@").lower()
    return name if 3 <= len(name) <= 35 and name.isprintable() and " " not in name else ""


def _index(index: dict[str, Person | None], key: str | None, person: Person) -> None:
    """File a contact; two different contacts with one id identify nobody."""
    if key is not None:
        index[key] = person if index.get(key, person) == person else None


def _differ(contact: Person, phone: str | None, bsuid: str | None, parent: str | None) -> bool:
    """Whether a contact contradicts an identifier that the message itself gives."""
    return (
        (bool(bsuid and contact.bsuid) and bsuid != contact.bsuid)
        or (bool(phone and contact.phone) and phone != contact.phone)
        or (bool(parent and contact.parent_bsuid) and parent != contact.parent_bsuid)
    )
