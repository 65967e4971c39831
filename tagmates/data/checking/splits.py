"""Check the splits of a task against each other: shared sentences, unseen tags, sizes, distributions of tags."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tagmates.data.checking.problems import Kind, Problem
from tagmates.data.corpora import location, path_in, path_of
from tagmates.data.formats.records import NO_LABEL
from tagmates.data.overlap import MIN_SHARED_WORDS
from tagmates.data.sentence import Sentence
from tagmates.data.task import RECORD_FORMATS, Task
from tagmates.formatting import listing, plural, shown

MIN_SPLIT_SENTENCES = 20  # with fewer sentences in dev or test, a score says little
MAX_TAG_SHIFT = 0.1  # share of tokens whose tag would have to change, beyond chance; a larger one is reported

Splits = Mapping[str, Sequence[Sentence]]
_Tokens = tuple[str, ...]
_Labels = Sequence[str | None]
_Place = tuple[str, Sentence]  # a split and a sentence of it


def check_splits(task: Task, splits: Splits) -> Iterator[Problem]:
    """Yield warnings: tags that train lacks; shared, repeated and contradictory sentences; splits that look wrong."""
    if "train" in splits:
        yield from _unseen_tags(task, splits)
    yield from _conflicts(task, splits)
    yield from _shared(task, splits)
    yield from _duplicates(task, splits.get("train", ()))
    yield from _sizes(task, splits)
    yield from _missing_labels(task, splits)
    yield from _distributions(task, splits)


def check_leaks(tasks: Mapping[str, Task], splits: Mapping[str, Splits]) -> Iterator[Problem]:
    """Yield a warning for each test sentence of a task that is in train of other tasks, but not in its own train."""
    trained: dict[_Tokens, list[str]] = {}
    for name, own in splits.items():
        for tokens in {sentence.tokens for sentence in own.get("train", ())}:
            trained.setdefault(tokens, []).append(name)
    for name, own in splits.items():
        for sentence in own.get("test", ()):
            names = trained.get(sentence.tokens, [])
            if names and name not in names and len(sentence) >= MIN_SHARED_WORDS:
                text = f"the test sentence of {name} is in train of {listing(names)}; joint training would see it"
                yield _problem(tasks[name], "test", sentence, "leak", text)


def _unseen_tags(task: Task, splits: Splits) -> Iterator[Problem]:
    known = {tag for sentence in splits["train"] for tag in sentence.labels}
    for split in ("dev", "test"):
        said: set[str] = set()
        for sentence in splits.get(split, ()):
            for index, tag in enumerate(sentence.labels):
                if tag is not None and tag not in known and tag not in said:
                    said.add(tag)
                    text = f"tag {shown(tag)} of {task.name} {split} is not in train, so it cannot be learnt"
                    yield _problem(task, split, sentence, "unseen-tag", text, index)


def _conflicts(task: Task, splits: Splits) -> Iterator[Problem]:
    """Yield, for each sequence of words, the first sentence whose tags contradict those of its first occurrence."""
    first: dict[_Tokens, _Place | None] = {}  # None: already reported
    for split, sentences in splits.items():
        for sentence in sentences:
            before = first.setdefault(sentence.tokens, (split, sentence))
            if before is not None and before[1].tags != sentence.tags:
                index = _first_contradiction(sentence.labels, before[1].labels)
                if index is not None:
                    first[sentence.tokens] = None
                    yield _conflict(task, split, sentence, before, index)


def _first_contradiction(tags: _Labels, others: _Labels) -> int | None:
    pairs = enumerate(zip(tags, others, strict=True))
    return next((i for i, (tag, other) in pairs if tag != other and tag is not None and other is not None), None)


def _conflict(task: Task, split: str, sentence: Sentence, before: _Place, index: int) -> Problem:
    token, tag, other = (shown(str(texts[index])) for texts in (sentence.tokens, sentence.labels, before[1].labels))
    text = (
        f"{token} has the tag {tag} of {task.name}, but {other} in the same sentence at "
        f"{_other(task, *before, (split, sentence), index)}; decide which is right"
    )
    return _problem(task, split, sentence, "conflict", text, index)


def _shared(task: Task, splits: Splits) -> Iterator[Problem]:
    pairs: tuple[tuple[str, Kind, Sequence[str]], ...] = (
        ("train", "in-train", ("dev", "test")),
        ("dev", "in-dev", ("test",)),
    )
    for source, kind, copies in pairs:
        known = {sentence.tokens: sentence for sentence in reversed(splits.get(source, ()))}
        for split in copies:
            for sentence in splits.get(split, ()):
                if len(sentence) >= MIN_SHARED_WORDS and sentence.tokens in known:
                    other = _other(task, source, known[sentence.tokens], (split, sentence))
                    text = f"the {split} sentence is also in {source} ({other})"
                    yield _problem(task, split, sentence, kind, text)


def _duplicates(task: Task, train: Iterable[Sentence]) -> Iterator[Problem]:
    first: dict[_Tokens, Sentence] = {}
    for sentence in train:
        before = first.setdefault(sentence.tokens, sentence)
        if before is not sentence:
            text = f"the train sentence repeats the one at {_other(task, 'train', before, ('train', sentence))}"
            yield _problem(task, "train", sentence, "duplicate", text)


def _sizes(task: Task, splits: Splits) -> Iterator[Problem]:
    for split in ("dev", "test"):
        size, train = len(splits.get(split, ())), len(splits.get("train", ()))
        if 0 < size < MIN_SPLIT_SENTENCES:
            text = f"{split} has only {plural(size, 'sentence')}, too few for a score to say much"
            yield Problem.of("warning", "small-split", task, split, f"{path_of(task, split)}: {text}")
        if size > train > 0:
            text = f"{split} has {size:,} sentences, more than train with {train:,}; are they swapped?"
            yield Problem.of("warning", "large-split", task, split, f"{path_of(task, split)}: {text}")


def _missing_labels(task: Task, splits: Splits) -> Iterator[Problem]:
    """Yield the number of tokens without a label, since a tag could be mistaken for "no label"."""
    for split, sentences in splits.items():
        missing = sum(sentence.labels.count(None) for sentence in sentences)
        if missing:
            total = sum(map(len, sentences))
            signs = ["null", str(NO_LABEL)] if task.format in RECORD_FORMATS else []
            text = f"{missing:,} of {total:,} tokens of {task.name} {split} have no label"
            if task.no_label:
                signs.append(repr(task.no_label))
                text += f' ({", ".join(signs)}); if {signs[-1]} is a tag of yours, set unlabelled = ""'
            yield Problem.of("warning", "no-label", task, split, f"{path_of(task, split)}: {text}")


def _distributions(task: Task, splits: Splits) -> Iterator[Problem]:
    counts = {split: Counter(tag for s in sentences for tag in s.labels if tag) for split, sentences in splits.items()}
    for split, tags in counts.items():
        if len(tags) == 1:
            text = f"all {tags.total():,} tags of {task.name} {split} are {shown(next(iter(tags)))}"
            yield Problem.of("warning", "one-tag", task, split, f"{path_of(task, split)}: {text}")
        elif split != "train" and tags and counts.get("train"):
            shares, train = _shares(tags), _shares(counts["train"])
            if distance(shares, train) > MAX_TAG_SHIFT + expected_distance(train, tags.total()):
                most = max(sorted(shares | train), key=lambda tag: abs(shares.get(tag, 0) - train.get(tag, 0)))
                text = (
                    f"the tags of {task.name} {split} are distributed differently from those of train: "
                    f"{distance(shares, train):.0%} of its tokens would need another tag; {shown(most)} has "
                    f"{shares.get(most, 0):.0%}, in train {train.get(most, 0):.0%}"
                )
                yield Problem.of("warning", "tag-shift", task, split, f"{path_of(task, split)}: {text}")


def distance(shares: Mapping[str, float], others: Mapping[str, float]) -> float:
    """The total variation distance: the share of tokens that would have to change so that both are equal."""
    return sum(abs(shares.get(tag, 0) - others.get(tag, 0)) for tag in {**shares, **others}) / 2


def expected_distance(shares: Mapping[str, float], tokens: int) -> float:
    """The approximate expected distance of ``tokens`` tokens that are drawn independently from these shares."""
    return sum(math.sqrt(2 * share * (1 - share) / (math.pi * tokens)) for share in shares.values()) / 2


def _shares(counts: Counter[str]) -> dict[str, float]:
    return {tag: count / counts.total() for tag, count in counts.items()}


def _problem(task: Task, split: str, sentence: Sentence, kind: Kind, text: str, index: int = 0) -> Problem:
    return Problem.of("warning", kind, task, split, f"{location(task, split, sentence, index)}: {text}")


def _other(task: Task, split: str, sentence: Sentence, problem: _Place, index: int = 0) -> str:
    """The place of a token, without its folder if that is the folder of the problem."""
    place, folder = location(task, split, sentence, index), path_in(task, split, sentence).parent
    return place.removeprefix(f"{folder}/") if folder == path_in(task, *problem).parent else place
