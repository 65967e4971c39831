"""The words, characters and labels of a run, with their numbers (protocol section 2)."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_args

from tagmates.config import Sharing
from tagmates.data.indexing import IndexedSplit
from tagmates.data.schemes import OUTSIDE, Scheme, scheme_of_labels
from tagmates.data.sentence import task_token
from tagmates.data.task import SHARED
from tagmates.errors import ModelError


@dataclass(frozen=True)
class Vocabulary:
    """Sorted words (lower-cased), characters (cased) and, per decoder, labels; a number is an index into its list.

    ``labels`` has one entry per task, or the single entry ``*`` if the tasks share a decoder. With ``unknown``, the
    word table has one more row after those of ``words``: a trained vector for words outside the vocabulary.
    ``own_schemes`` holds the schemes of tasks that share a decoder; those of other tasks follow from their labels.
    ``own_outside`` holds the tag outside all spans ("" if there is none) of tasks in which it is not ``O``.
    """

    tasks: tuple[str, ...]
    words: tuple[str, ...] = field(repr=False)
    characters: tuple[str, ...] = field(repr=False)
    labels: Mapping[str, tuple[str, ...]] = field(repr=False)
    unknown: bool
    own_schemes: Mapping[str, Scheme] = field(default_factory=dict)
    own_outside: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def word_index(self) -> dict[str, int]:
        """The number of each word."""
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def character_index(self) -> dict[str, int]:
        """The number of each character."""
        return {character: i for i, character in enumerate(self.characters)}

    @cached_property
    def label_index(self) -> dict[str, dict[str, int]]:
        """The number of each label, per decoder."""
        return {name: {label: i for i, label in enumerate(labels)} for name, labels in self.labels.items()}

    @property
    def decoders(self) -> tuple[str, ...]:
        """The names of the decoders, in the model's order."""
        return tuple(self.labels)

    def decoder_of(self, task: str) -> str:
        """The name of the decoder that tags this task."""
        return SHARED if SHARED in self.labels else task

    @cached_property
    def schemes(self) -> dict[str, Scheme]:
        """The scheme of each task, which says how its tags mark spans; plain if it is not known."""
        shared = SHARED in self.labels
        return {
            task: self.own_schemes.get(task, "plain")
            if shared or task in self.own_outside  # the tags of spans have O outside
            else scheme_of_labels(self.labels[task])
            for task in self.tasks
        }

    @cached_property
    def outside(self) -> dict[str, str]:
        """The tag of each task for tokens outside all spans; "" if it has none."""
        return {task: self.own_outside.get(task, OUTSIDE) for task in self.tasks}

    def to_json(self) -> dict[str, Any]:
        """The vocabulary as a JSON object, which ``from_json`` reads."""
        return {
            "tasks": self.tasks,
            "words": self.words,
            "characters": self.characters,
            "labels": self.labels,
            "unknown": self.unknown,
            **({"schemes": self.own_schemes} if self.own_schemes else {}),
            **({"outside": self.own_outside} if self.own_outside else {}),
        }

    @classmethod
    def from_json(cls, value: Any, where: str = "vocabulary.json") -> "Vocabulary":
        """The vocabulary in a JSON object of ``to_json``; ModelError, which names ``where``, if it is none."""
        try:
            lists = {key: _distinct_texts(value[key]) for key in ("tasks", "words", "characters")}
            labels = {name: _distinct_texts(labels) for name, labels in value["labels"].items()}
            if labels.keys() not in ({SHARED}, set(lists["tasks"])) or not isinstance(value["unknown"], bool):
                raise TypeError
            schemes = dict(value.get("schemes", {}))
            if not set(lists["tasks"]).issuperset(schemes) or not set(get_args(Scheme)).issuperset(schemes.values()):
                raise TypeError
            outside = dict(value.get("outside", {}))
            if not set(lists["tasks"]).issuperset(outside) or not all(isinstance(tag, str) for tag in outside.values()):
                raise TypeError
            return cls(**lists, labels=labels, unknown=value["unknown"], own_schemes=schemes, own_outside=outside)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ModelError(f"{where}: is not a tagmates vocabulary; take the file from the trained run") from None


def _distinct_texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise TypeError
    if len(set(value)) < len(value):
        raise TypeError
    return tuple(value)


def build_vocabulary(
    splits: Mapping[str, Mapping[str, IndexedSplit]],
    sharing: Sharing,
    *,
    unknown: bool,
    has_vector: Container[str] = (),
    outside: Mapping[str, str] | None = None,
) -> Vocabulary:
    """The vocabulary of train, dev and test of the tasks of a run (task -> split -> sentences).

    With ``unknown`` (preset ``practical``), characters and labels are those of train, and a word that is only in dev or
    test gets a row only if it is in ``has_vector``, just as a trained tagger treats a new word. ``outside`` holds the
    outside tag of tasks in which it is not ``O``.
    """
    words: set[str] = set()
    held_out: set[str] = set()
    characters: set[str] = set()
    tags: dict[str, set[str]] = {task: set() for task in splits}
    for task, by_split in splits.items():
        for name, split in by_split.items():
            known = name == "train" or not unknown
            (words if known else held_out).update(split.words)
            if known:
                characters.update(split.characters)
                tags[task].update(tag for tag in split.tags if tag is not None)
    words.update(word for word in held_out - words if word in has_vector)
    if sharing == "te_enc":
        for task in splits:
            words.add(task_token(task).lower())
            characters.update(task_token(task))
    own = {task: tag for task, tag in (outside or {}).items() if tag != OUTSIDE}
    schemes: dict[str, Scheme]
    if sharing in ("te_dec", "te_enc"):
        union = set().union(*tags.values()) | ({OUTSIDE} if sharing == "te_enc" else set())
        labels = {SHARED: tuple(sorted(union))}
        schemes = {task: "plain" if task in own else scheme_of_labels(tags[task]) for task in splits}
    else:
        labels, schemes = {task: tuple(sorted(tags[task])) for task in splits}, {}
    return Vocabulary(tuple(splits), tuple(sorted(words)), tuple(sorted(characters)), labels, unknown, schemes, own)


def singletons(splits: Iterable[IndexedSplit]) -> set[str]:
    """The lower-cased words that occur exactly once in all splits together."""
    once: set[str] = set()
    seen: set[str] = set()
    for split in splits:
        once = (once - split.words) | (split.singletons - seen)
        seen |= split.words
    return once
