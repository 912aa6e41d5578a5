"""Write support messages by a grammar: `python grammar.py` prints a few, `train.py` makes the data of them.

A message greets and then says clauses: small talk, topics that are settled, and complaints. Its class is the topic of
most complaints. They stand anywhere, so a reader that stops early has seen fewer of them. A word alone tells little: a
`parcel` may be late or here.
"""

from __future__ import annotations

import re
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SEED = 0
PARTS = {"train": 6000, "calib": 200, "eval": 1000}
SHORTEST, LONGEST = 20, 160  # tokens of a message
WINDOW = 128  # tokens of a message that are kept

TOPICS = {
    "account": ("password", "login", "profile", "email", "code"),
    "app": ("update", "menu", "widget", "map", "search"),
    "billing": ("invoice", "charge", "price", "tax", "receipt"),
    "delivery": ("parcel", "courier", "address", "label", "tracking"),
    "device": ("screen", "battery", "charger", "button", "speaker"),
    "returns": ("refund", "exchange", "voucher", "pickup", "form"),
}
SLOTS = {
    "bad": ("wrong", "late", "missing", "broken", "slow", "lost", "unclear", "useless", "stuck", "odd"),
    "good": ("right", "fine", "solved", "here", "clear", "quick", "correct", "perfect", "back", "ready"),
    "day": ("monday", "tuesday", "friday", "sunday"),
    "person": ("brother", "sister", "neighbour", "friend", "dog"),
}
GREETINGS = (
    "hello team ,",
    "dear support ,",
    "hi there ,",
    "a nice day to you all ,",
    "hello , it is me again ,",
)
SMALL_TALK = (
    "i wrote to you on {day} .",
    "my {person} says hello by the way .",
    "we are at home until {day} .",
    "it rains and the {person} sleeps .",
    "please read this when you have time .",
    "i bought all of it for my {person} .",
    "you were friendly on the phone .",
    "i hope that you had a good {day} .",
    "my {person} told me to write to you .",
    "on {day} we visit my {person} .",
    "i do not like to write such long messages .",
    "thank you for your time .",
)
STATEMENTS = (  # of a thing that is {state}: a complaint or settled
    "the {thing} is {state} .",
    "i find the {thing} {state} .",
    "the {thing} that you sent me on {day} is {state} .",
    "my {thing} seems {state} today .",
    "{state} as before is my {thing} .",
    "my {person} says that the {thing} is {state} .",
    "about the {thing} i only say that it is {state} .",
)
# How often a clause is what, before messages without one clear topic are drawn again.
SMALL, SETTLED, OTHER = 0.36, 0.20, 0.08  # the rest complains of the message's own topic


class Split(NamedTuple):
    """Token ids (N, 128), int64, padded with 0, and the classes (N,), int64: the place of the topic in `TOPICS`."""

    x: NDArray[np.int64]
    y: NDArray[np.int64]


def pick(rng: Random, choices: Sequence[str]) -> str:
    """Return one of the choices; of the generator only `random` is used, whose numbers Python keeps as they are."""
    return choices[int(rng.random() * len(choices))]


def clause(rng: Random, own: str) -> tuple[str | None, list[str]]:
    """Return the topic that a clause complains of, None without, and its words."""
    kind = rng.random()
    if kind < SMALL:
        return None, filled(rng, pick(rng, SMALL_TALK))
    complaint = kind >= SMALL + SETTLED
    topic = own if kind >= SMALL + SETTLED + OTHER else pick(rng, tuple(TOPICS))
    state = pick(rng, SLOTS["bad" if complaint else "good"])
    words = filled(rng, pick(rng, STATEMENTS), thing=pick(rng, TOPICS[topic]), state=state)
    return (topic if complaint else None), words


def filled(rng: Random, template: str, **given: str) -> list[str]:
    """Return the words of a template; slots that are not given are drawn."""
    return [
        given.get(word[1:-1]) or pick(rng, SLOTS[word[1:-1]]) if word.startswith("{") else word
        for word in template.split()
    ]


def message(rng: Random) -> tuple[list[str], str]:
    """Return a message's words and its topic: the one of most complaints, by one or more."""
    own = pick(rng, tuple(TOPICS))
    wanted = SHORTEST + int(rng.random() * (LONGEST - SHORTEST - 10))
    while True:
        words, complaints = filled(rng, pick(rng, GREETINGS)), Counter[str]()
        while len(words) < wanted:
            topic, more = clause(rng, own)
            words += more
            complaints.update([topic] if topic else [])
        rest = max((count for topic, count in complaints.items() if topic != own), default=0)
        if complaints[own] > rest and len(words) <= LONGEST:
            return words, own


def vocabulary() -> dict[str, int]:
    """Return the number of each word, from 1: 0 is padding."""
    templates = " ".join((*GREETINGS, *SMALL_TALK, *STATEMENTS))
    fixed = re.sub(r"\{\w+\}", "", templates).split()
    slots = [word for words in (*TOPICS.values(), *SLOTS.values()) for word in words]
    return {word: number for number, word in enumerate(sorted({*fixed, *slots}), start=1)}


def make_data() -> dict[str, Split]:
    """Return disjoint parts, train, calib and eval; no message stands twice, compared within the window."""
    rng, numbers = Random(SEED), vocabulary()  # noqa: S311 - nothing secret
    rows: dict[tuple[int, ...], str] = {}
    while len(rows) < sum(PARTS.values()):
        words, topic = message(rng)
        rows.setdefault(tuple(numbers[word] for word in words[:WINDOW]), topic)
    x = np.zeros((len(rows), WINDOW), np.int64)
    for place, tokens in enumerate(rows):
        x[place, : len(tokens)] = tokens
    order = {topic: number for number, topic in enumerate(TOPICS)}
    y = np.array([order[topic] for topic in rows.values()], np.int64)
    ends = np.cumsum(list(PARTS.values()))[:-1]
    return {
        name: Split(tokens, classes)
        for name, tokens, classes in zip(PARTS, np.split(x, ends), np.split(y, ends), strict=True)
    }


def main() -> None:
    """Print a few messages, shortest first."""
    rng = Random(SEED)  # noqa: S311 - nothing secret
    for words, topic in sorted((message(rng) for _ in range(5)), key=lambda each: len(each[0])):
        print(f"[{topic}] {' '.join(words)}\n")


if __name__ == "__main__":
    main()
