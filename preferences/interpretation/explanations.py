"""What staff read about a judgement of sentences, in words they understand."""

from __future__ import annotations

from preferences.interpretation.lexicon import LEXICON
from preferences.interpretation.sentences import Finding

#: What a pattern of `sentences` says, and what made it doubtful.
SAYS = {
    "asks": "Asks for the end of messages",
    "do_not_send": "Asks not to be sent anything",
    "stop_sending": "Asks to stop sending",
    "stop_messages": "Asks to stop the messages",
    "no_more_messages": "Asks for no more messages",
    "no_messages": "Asks for no messages",
    "unwanted_messages": "Does not want messages",
    "remove_from_list": "Asks to be taken off the list",
    "remove_me": "Asks to be removed",
    "unsubscribe": "Asks to be unsubscribed",
    "plain_stop": "Asks to stop",
    "stop_unwanted": "Asks to stop and does not want it",
    "wrong_person_stop": "The messages reach somebody else, who asks for an end",
    "wrong_person": "The messages may reach somebody else",
    "complaint": "Complains about messages",
    "unclear": "May ask for the end of messages",
    "unwanted": "Does not want something",
    "keep_going": "Says the opposite of stop",
}
DOUBTS = {
    "question": "But it stands in a question.",
    "of_what": "But of what is not clear.",
    "condition": "But it stands under a condition.",
    "limits": "But only at times, or for now.",
    "keep_going": "But the message also says the opposite.",
    "wants": "But the message also asks for messages.",
}
#: What the same message says in another language it may be in.
SAYS_ELSEWHERE = {
    "question": "it is a question",
    "of_what": "of what is not clear",
    "condition": "it stands under a condition",
    "limits": "it is meant only at times, or for now",
    "keep_going": "it says the opposite",
    "wants": "it also asks for messages",
    "business": "it speaks of something else, or asks how things work",
}


def of_finding(finding: Finding) -> str:
    """For example: Asks to be removed (Spanish): “borrame”. But it stands in a question."""
    pattern, _, doubt = finding.pattern.partition("/")
    explanation = f"{SAYS[pattern]} ({LEXICON.names[finding.language]}): “{finding.quoted}”."
    if finding.sister:
        return f"{explanation} But if it is {LEXICON.names[finding.sister]}, {SAYS_ELSEWHERE[finding.reason]}."
    return f"{explanation} {DOUBTS[doubt]}" if doubt else explanation
