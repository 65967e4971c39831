"""Check whether the settings of a task fit its tags; if not, its scores mislead."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tagmates.data.checking.problems import Kind, Problem
from tagmates.data.corpora import location, path_of
from tagmates.data.formats.conll2012 import are_brackets
from tagmates.data.formats.records import NO_LABEL
from tagmates.data.notation import (
    OUTSIDE_NAMES,
    NotationEstimate,
    estimate_notation,
    lenient_score,
    placeholders_in,
    slips_in,
    unread_spans_in,
)
from tagmates.data.schemes import split_tag
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.formatting import shown

_NO_LABEL = str(NO_LABEL)
_PLACEHOLDER = re.compile(r"label\d+")
_OUTSIDE_SHARE = 0.9  # if this share of the words has one tag, it is probably the outside tag


def check_layer(task: Task, splits: Mapping[str, Sequence[Sentence]]) -> Iterator[Problem]:
    """Yield a warning for each sign that the settings of the task do not fit its tags."""
    split = next((name for name in ("train", *splits) if splits.get(name)), None)
    if split is not None:
        if task.outside not in ("", "O") and not any(task.outside in sentence.labels for sentence in splits[split]):
            text = f"outside = {shown(task.outside)} of {task.name} is not the tag of any word; correct it"
            yield Problem.of("warning", "outside", task, split, f"{path_of(task, split)}: {text}")
        yield from _slips(task, splits)
        for kind, text in layer_remarks(task, splits[split]):
            yield Problem.of("warning", kind, task, split, f"{path_of(task, split)}: {text}")


def _last_sign(counts: Counter[str]) -> str:
    """The sign with which all tags end, if they are several; "" if there is none. A stop may end abbreviations."""
    ends = {tag[-1:] for tag in counts}
    sign = ends.pop() if len(ends) == 1 and len(counts) > 1 else ""
    return sign if sign and not sign.isalnum() and sign not in ".*" else ""


def _slips(task: Task, splits: Mapping[str, Sequence[Sentence]]) -> Iterator[Problem]:
    """Yield a warning for the first word of each label that is probably a slip."""
    counts = Counter(tag for own in splits.values() for each in own for tag in each.labels if tag is not None)
    slips = slips_in(counts, task.notation)
    for label, likely in slips.items():
        there = (
            (split, each, at)
            for split, own in splits.items()
            for each in own
            for at, tag in enumerate(each.labels)
            if tag is not None and (tag == label or (split_tag(tag, task.mark) or ("", ""))[1] == label)
        )
        split, sentence, index = next(there)
        text = (
            f"the label {shown(label)} of {task.name} is rare and may be a slip for {shown(likely)}; correct it if so"
        )
        yield Problem.of("warning", "similar-tag", task, split, f"{location(task, split, sentence, index)}: {text}")


def layer_remarks(task: Task, sentences: Sequence[Sentence]) -> Iterator[tuple[Kind, str]]:
    """Yield remarks on the task's scheme, outside tag and labels, judged by sentences with the tags of the file."""
    counts = Counter(tag for sentence in sentences for tag in sentence.labels if tag is not None)
    yield from _on_names(task, counts)
    bare = {tag for tag in counts if tag in ("B", "I", "E", "S")}
    if bare and task.score == "prefix" and task.trained_scheme != "plain":
        yield (
            "plain-spans",
            f"{shown(min(bare))} is a tag of {task.name} without a label, which the score prefix counts word by word; "
            'leave score out, or set it to "spans"',
        )
    if counts and task.scheme == "plain" and task.trained_scheme == "plain":
        yield from _on_plain(task, counts, sentences)


def _on_names(task: Task, counts: Counter[str]) -> Iterator[tuple[Kind, str]]:
    """Yield remarks on tags that are no names, or that mean that a word has no label."""
    placeholders = [label for label in task.labels if _PLACEHOLDER.fullmatch(label)]
    if placeholders:
        yield (
            "placeholder",
            f"{shown(placeholders[0])} is a name that `tagmates data init` made up; write into labels of {task.name} "
            "what the integers stand for, and name the scheme of these tags",
        )
    # the values of a feature such as feats:Person are numbers
    numbers = "" if placeholders or task.is_feature else placeholders_in(counts, task.outside)
    if numbers:
        yield (
            "placeholder",
            f"{numbers}; write the names of {task.name}'s tags into the file, and name the scheme if they mark spans",
        )
    if sign := _last_sign(counts):
        yield (
            "odd-tags",
            f"every tag of {task.name} ends with {shown(sign)}, such as {shown(next(iter(counts)))}; take it away if "
            "it belongs to the format of the file",
        )
    if counts[_NO_LABEL] and task.no_label != _NO_LABEL:
        yield (
            "no-label",
            f"{_NO_LABEL} is the tag of {counts[_NO_LABEL]:,} of {counts.total():,} words of {task.name}; if it means "
            f'that they have no label, as in training code with subwords, set unlabelled = "{_NO_LABEL}"',
        )


def _on_plain(task: Task, counts: Counter[str], sentences: Sequence[Sentence]) -> Iterator[tuple[Kind, str]]:
    """Yield remarks on tags of the scheme plain that look like spans or like the outside tag."""
    if are_brackets(counts):
        yield (
            "plain-spans",
            f"the tags of {task.name} are brackets of spans, such as (PERSON*, but its scheme is plain, so that every "
            'word counts by itself; set format = "conll2012" and scheme = "iob2"',
        )
        return
    found = estimate_notation(sentences)
    if found.notation.scheme != "plain":
        yield from _spans(task, counts, found)
        return
    unread = unread_spans_in(counts, found.notation.outside)
    if unread:
        yield "plain-spans", f"of {task.name}, {unread}"
        return
    if found.advice_on_plain:
        yield "plain-spans", f"of {task.name}, {found.advice_on_plain}"
        return
    yield from _outside(task, counts, found)
    if task.score == "plain" and task.outside == found.notation.outside and found.looks_like_io:
        yield (
            "plain-spans",
            f"{found.repeated:,} of the {found.tagged:,} tagged words of {task.name} have the same tag as the word "
            'before, but the scheme plain scores every word by itself; if such words form one span, set scheme = "io"',
        )


def _spans(task: Task, counts: Counter[str], found: NotationEstimate) -> Iterator[tuple[Kind, str]]:
    notation = found.notation
    if task.score != "plain" and lenient_score(notation) in ("prefix", task.score):
        return  # this score reads spans too
    marked = sum(count for tag, count in counts.items() if split_tag(tag, notation.mark) is not None)
    keys = [f'scheme = "{notation.scheme}"']
    keys += [f'mark = "{notation.mark}"'] if notation.mark != "B-" else []
    keys += [f'outside = "{notation.outside}"'] if notation.outside != task.outside else []
    lenient = (
        f', or score = "{found.lenient}" alone, which reads ill-formed tags too, as conlleval does'
        if found.lenient
        else ""
    )
    yield (
        "plain-spans",
        f"{marked:,} of {found.tagged:,} tags of {task.name} mark spans, but its scheme is plain, so that single words "
        f"are scored and not spans; set {' and '.join(keys)}{lenient}",
    )


def _outside(task: Task, counts: Counter[str], found: NotationEstimate) -> Iterator[tuple[Kind, str]]:
    (tag, most), total = counts.most_common(1)[0], counts.total()
    if task.outside == "O" and found.notation.outside == "" and counts["O"]:
        yield (
            "outside",
            f"O looks like a label of {task.name}, but the {counts['O']:,} of {total:,} words that have it are not "
            'scored; if it is one, set outside = ""',
        )
    elif task.is_feature and counts["_"] and task.outside != "_":
        yield "outside", _counted(task, "_", counts["_"], total)
    elif tag != task.outside and not (task.outside and counts[task.outside]):
        fills = tag.lower() in OUTSIDE_NAMES and (2 * most >= total or found.notation.outside == tag)
        if fills or most >= _OUTSIDE_SHARE * total:
            yield "outside", _counted(task, tag, most, total)


def _counted(task: Task, tag: str, count: int, total: int) -> str:
    return (
        f"{shown(tag)} is the tag of {count:,} of {total:,} words of {task.name} and is scored like any other tag; if "
        f'it means that a word is outside of all spans, set outside = "{tag}"'
    )
