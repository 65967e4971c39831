"""The mistakes of one tagger, or of two side by side, as a page that is one file, and as a CSV table of confusions."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagmates.files import write_text
from tagmates.formatting import EMPTY, plural, points, visible
from tagmates.report.mistakes import KINDS, MistakeComparison, TaggedSentence, TaskMistakes, compare_mistakes
from tagmates.report.templates import render_template
from tagmates.training.evaluation import Evaluation
from tagmates.training.scores import Scores

MAX_WORDS, MAX_SENTENCES = 50, 50  # of a task on the page
FOLDED_ROWS = 15  # a table with more rows is opened on demand


@dataclass(frozen=True, slots=True)
class PlainTable:
    """A table of texts; the first cell of a row is its head."""

    title: str
    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def folded(self) -> bool:
        """Whether it is opened on demand."""
        return len(self.rows) > FOLDED_ROWS


@dataclass(frozen=True, slots=True)
class ShownWord:
    """A token of a shown sentence; ``note`` is empty if its tag is right."""

    token: str
    note: str


@dataclass(frozen=True, slots=True)
class ShownSentence:
    """Where a sentence is, and its words as each tagger tags them."""

    place: str
    sides: Sequence[tuple[str, Sequence[ShownWord]]]


@dataclass(frozen=True, slots=True)
class TaskChapter:
    """A task on the page."""

    task: str
    summary: str
    tables: Sequence[PlainTable]
    sentences_title: str
    sentences: Sequence[ShownSentence]


def write_mistakes(
    folder: Path,
    evaluation: Evaluation,
    found: Mapping[str, TaskMistakes],
    against: tuple[Evaluation, Mapping[str, TaskMistakes]] | None = None,
) -> list[Path]:
    """Write ``mistakes.html`` and ``confusions.csv`` into a folder; returns their paths.

    ``against`` is another evaluation on the same split of the same data, which is set beside the first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page, table = folder / "mistakes.html", folder / "confusions.csv"
    write_text(page, render_mistakes(evaluation, found, against))
    sides = [(str(evaluation.folder), found)]
    sides += [] if against is None else [(str(against[0].folder), against[1])]
    write_text(table, confusions_csv(sides))
    return [page, table]


def confusions_csv(sides: Sequence[tuple[str, Mapping[str, TaskMistakes]]]) -> str:
    """Every confusion of every task and model with its kind and count."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["model", "task", "kind", "gold", "predicted", "count"])
    for model, found in sides:
        for task, own in found.items():
            writer.writerows([model, task, kind, gold, guess, count] for gold, guess, kind, count in own.confusions)
    return out.getvalue()


def render_mistakes(
    evaluation: Evaluation,
    found: Mapping[str, TaskMistakes],
    against: tuple[Evaluation, Mapping[str, TaskMistakes]] | None = None,
) -> str:
    """The page as HTML."""
    first = "Model" if against is None else "Model A"
    lead = f"{first}: {evaluation.folder}. Split: {evaluation.split}."
    lead += "" if against is None else f" Model B: {against[0].folder}."
    chapters = [
        _chapter(own, against[1][task] if against is not None and task in against[1] else None)
        for task, own in found.items()
    ]
    title = "What is wrong" if against is None else "What is wrong in two models"
    return render_template("mistakes.html.j2", title=title, lead=lead, chapters=chapters)


def _chapter(own: TaskMistakes, other: TaskMistakes | None) -> TaskChapter:
    comparison = None if other is None else compare_mistakes(own, other)
    sides = [own] if other is None else [own, other]
    tables = [_kinds(sides), *_seen(sides), _tags(sides), _confusions(sides), *map(_words, sides)]
    if other is not None:
        tables[-2:] = [
            PlainTable(f"{table.title} of model {name}", table.caption, table.heads, table.rows)
            for name, table in zip("AB", tables[-2:], strict=True)
        ]
    tables = [table for table in tables if table.rows]
    if comparison is None:
        wrong = own.worst
        shown = [_sentence([("", each)]) for each in wrong[:MAX_SENTENCES]]
        title = f"Sentences with most mistakes ({min(len(wrong), MAX_SENTENCES)} of {len(wrong):,})"
    else:
        pairs = comparison.differing
        shown = [_sentence([("A", first), ("B", second)]) for first, second in pairs[:MAX_SENTENCES]]
        title = f"Sentences with other mistakes ({min(len(pairs), MAX_SENTENCES)} of {len(pairs):,}), A's gains first"
    return TaskChapter(own.task, _summary(own, other, comparison), tables, title, shown)


def _summary(own: TaskMistakes, other: TaskMistakes | None, comparison: MistakeComparison | None) -> str:
    if other is None or comparison is None:
        return (
            f"F1 {own.total.f1:.2f}; {plural(own.total.support, 'gold unit')}, {plural(len(own.mistakes), 'mistake')}."
        )
    difference = points(other.total.f1 - own.total.f1, signed=True)
    both, first, second, neither = comparison.both, comparison.only_first, comparison.only_second, comparison.neither
    return (
        f"F1 {own.total.f1:.2f} (A) and {other.total.f1:.2f} (B, {difference}). "
        f"Of {plural(own.total.support, 'gold unit')}, "
        f"both find {both:,}, only A {first:,}, only B {second:,}, and neither {neither:,}."
    )


def _heads(names: Sequence[str], sides: Sequence[TaskMistakes]) -> list[str]:
    """The heads, or each of them for both models."""
    return list(names) if len(sides) == 1 else [f"{name} {side}" for name in names for side in "AB"]


def _kinds(sides: Sequence[TaskMistakes]) -> PlainTable:
    counts = [side.kinds for side in sides]
    rows = [[kind, *(f"{each[kind]:,}" for each in counts), meaning] for kind, meaning in KINDS.items()]
    return PlainTable(
        "Kinds of mistakes", "Every gold unit is paired with at most one predicted unit that overlaps it.",
        ["kind", *_heads(["number"], sides), "meaning"], [row for row in rows if any(each[row[0]] for each in counts)],  # type: ignore[index]
    )  # fmt: skip


def _seen(sides: Sequence[TaskMistakes]) -> list[PlainTable]:
    if sides[0].seen is None or sides[0].unseen is None:
        return []
    rows = []
    for name, shares in (("seen", [s.seen for s in sides]), ("unseen", [s.unseen for s in sides])):
        known = [share for share in shares if share is not None]
        rows.append([name, f"{known[0].count:,}", *(points(share.percent) for share in known)])
    caption = "Recall of the gold units whose words all occur in train (seen), and of those with a word that does not."
    return [PlainTable("Words of training", caption, ["words", "gold units", *_heads(["recall"], sides)], rows)]


def _tags(sides: Sequence[TaskMistakes]) -> PlainTable:
    labels = sorted(
        set().union(*(side.by_type for side in sides)),
        key=lambda label: (-max(side.by_type[label].support for side in sides if label in side.by_type), label),
    )
    rows = []
    for label in labels:
        own = [side.by_type.get(label) for side in sides]
        support = max(each.support for each in own if each is not None)
        measures = [
            points(None if each is None else value)
            for values in zip(*(_measures(each) for each in own), strict=True)
            for each, value in zip(own, values, strict=True)
        ]
        rows.append([visible(label) or "span", f"{support:,}", *measures])
    return PlainTable(
        "Scores by tag", "In percent; the most frequent first.",
        ["tag", "gold units", *_heads(["precision", "recall", "F1"], sides)], rows,
    )  # fmt: skip


def _measures(scores: Scores | None) -> tuple[float, float, float]:
    return (0.0, 0.0, 0.0) if scores is None else (scores.precision, scores.recall, scores.f1)


def _confusions(sides: Sequence[TaskMistakes]) -> PlainTable:
    counts = [{row[:3]: row[3] for row in side.confusions} for side in sides]
    keys = sorted(set().union(*counts), key=lambda key: (-sum(each.get(key, 0) for each in counts), key))
    rows = [
        [
            visible(gold) or EMPTY,
            visible(guess) or EMPTY,
            kind,
            *(f"{each.get((gold, guess, kind), 0):,}" for each in counts),
        ]
        for gold, guess, kind in keys
    ]
    caption = f"A gold unit that is missed has {EMPTY} as its predicted label, and a spurious one as its gold label."
    return PlainTable("Confusions", caption, ["gold", "predicted", "kind", *_heads(["number"], sides)], rows)


def _words(side: TaskMistakes) -> PlainTable:
    found = side.words
    rows = [
        [
            visible(each.word),
            f"{each.wrong:,}",
            f"{each.count:,}",
            f"{visible(each.gold)} → {visible(each.predicted)} ({each.times:,})",
        ]
        for each in found[:MAX_WORDS]
    ]
    caption = f"The {min(len(found), MAX_WORDS)} words with most wrong tags, of {len(found):,}."
    return PlainTable("Wrong words", caption, ["word", "wrong", "of", "most often (gold → predicted)"], rows)


def _sentence(sides: Sequence[tuple[str, TaggedSentence]]) -> ShownSentence:
    first = sides[0][1]
    line = f"{first.sentence.file}:{first.sentence.line}" if first.sentence.file else f"line {first.sentence.line}"
    place = f"{first.number}" + (f", {line}" if first.sentence.line else "")
    return ShownSentence(place, [(name, _shown_words(own)) for name, own in sides])


def _shown_words(own: TaggedSentence) -> list[ShownWord]:
    wrong = set(own.wrong)
    return [
        ShownWord(visible(token), f"{visible(own.gold[i] or '')} → {visible(own.predicted[i])}" if i in wrong else "")
        for i, token in enumerate(own.sentence.tokens)
    ]
