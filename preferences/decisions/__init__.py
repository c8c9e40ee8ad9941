"""The only door through which consent changes. Everything that opts in or out, holds or corrects comes through here."""

from preferences.decisions import answers
from preferences.decisions.acts import Act, DecisionError, Help, Question, Recorded, StalePersonError
from preferences.decisions.assigning import assign_sender, split
from preferences.decisions.loading import later_holders
from preferences.decisions.people import Change, People, Sighting
from preferences.decisions.policies import Desk, desks_of, ensure_senders
from preferences.decisions.rebuilding import Rebuilt, rebuild
from preferences.decisions.recording import record, record_many

__all__ = [
    "Act",
    "Change",
    "DecisionError",
    "Desk",
    "Help",
    "People",
    "Question",
    "Rebuilt",
    "Recorded",
    "Sighting",
    "StalePersonError",
    "answers",
    "assign_sender",
    "desks_of",
    "ensure_senders",
    "later_holders",
    "rebuild",
    "record",
    "record_many",
    "split",
]
