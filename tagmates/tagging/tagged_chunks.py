"""Tag one chunk of input, and write its sentences in the format of the output."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import StringIO

from tagmates.data.schemes import OUTSIDE, Notation, spans_of
from tagmates.data.sentence import Span
from tagmates.errors import DataError
from tagmates.formatting import shown
from tagmates.model.tagged import Tagged
from tagmates.model.tagger import Tagger
from tagmates.tagging.added_keys import TaggedInput
from tagmates.tagging.appending import appended
from tagmates.tagging.chunks import Chunk
from tagmates.tagging.input_sentences import InputSentence
from tagmates.tagging.read_options import ReadOptions
from tagmates.tagging.reading import lines_of, sentences_of_lines
from tagmates.tagging.writing import conll_heading, write_conll, write_json_lines


@dataclass(frozen=True, slots=True)
class TaggingJob:
    """How chunks are tagged: the model, the tasks, and the formats of input and output."""

    model: str
    device: str
    vectors: str | None
    tasks: tuple[str, ...]
    input: ReadOptions
    output: str  # conll or json
    probabilities: bool = False

    @property
    def heading(self) -> str:
        """The first line of the output, or ""."""
        if self.output != "conll" or self.input.append:
            return ""
        return conll_heading(self.tasks, probabilities=self.probabilities)


@dataclass(frozen=True, slots=True)
class TaggedChunk:
    """The output of a chunk. With an ``error``, the output up to it."""

    chunk: Chunk
    text: str
    sentences: int
    tokens: int
    error: DataError | None = None

    @property
    def data(self) -> bytes:
        """The text as UTF-8, or with ``--append`` in the encoding of the input."""
        encoding = self.chunk.options.encoding if self.chunk.options.append else ""
        return (self.chunk.before + self.text if self.text else "").encode(encoding or "utf-8")


def tag_chunk(tagger: Tagger, job: TaggingJob, chunk: Chunk) -> TaggedChunk:
    """Tag a chunk by itself, so that the result does not depend on other chunks."""
    words: list[InputSentence] = []
    lines: list[str] = []
    error = None
    try:
        lines, broken = lines_of(chunk)
        words.extend(sentences_of_lines(chunk, lines, broken))
    except DataError as wrong:
        error = wrong
    text = StringIO()
    tagged = tagger.stream((sentence.tokens for sentence in words), job.tasks, probabilities=job.probabilities)
    known = (replace(sentence, offsets=own.offsets) for sentence, own in zip(tagged, words, strict=True))
    try:
        if chunk.options.append:
            text.write(
                _appended(tagger, chunk, lines, list(zip(words, known, strict=True)), job.tasks, whole=not error)
            )
        elif job.output == "conll":
            write_conll(known, job.tasks, text)
        else:
            write_json_lines(known, job.tasks, text, partial(_spans, tagger))
    except DataError as wrong:
        if chunk.options.append:
            place, way = f"{chunk.name}:{chunk.line}: from here on", "--output json, without --append,"
        else:
            written = text.getvalue().count("\n\n")
            place, way = _place(chunk, lines, words[written]), "--output json"
        error = DataError(f"{place}: {wrong}; {way} can hold every word and tag")
    return TaggedChunk(chunk, text.getvalue(), len(words), sum(len(own.tokens) for own in words), error)


def _place(chunk: Chunk, lines: Sequence[str], sentence: InputSentence) -> str:
    """The place of a sentence in the input: its file and line, or in a JSON list its record."""
    if chunk.options.kind == "json":
        return f"{chunk.name}: record {chunk.record + sentence.lines[0] // 2}"
    if sentence.lines:
        return f"{chunk.name}:{chunk.line + sentence.lines[0]}"
    start = sentence.offsets[0][0] if sentence.offsets else chunk.characters
    before = "".join(lines)[: start - chunk.characters]
    return f"{chunk.name}:{chunk.line + before.count(chr(10))}"


def _appended(
    tagger: Tagger,
    chunk: Chunk,
    lines: list[str],
    tagged: list[tuple[InputSentence, Tagged]],
    tasks: Sequence[str],
    *,
    whole: bool,
) -> str:
    """The lines of a chunk with tags added; if it could not be read to its end, up to the last complete sentence."""
    if not whole:
        del lines[max((line for words, _ in tagged for line in words.lines), default=-1) + 1 :]
        lines += ["\n"] if lines and chunk.options.kind in ("columns", "conllu", "conll2012", "webanno") else []
    found = []
    for words, sentence in tagged:
        spans = {}
        if chunk.options.kind == "webanno":
            spans = {task: _exact_spans(tagger, sentence, task) for task in tasks}
        elif words.in_text:
            spans = {task: tagger.spans(sentence, task) for task in tasks}
        found.append(TaggedInput(words, sentence.tags, spans))
    text = appended(lines, chunk.options, chunk.line, found, tasks)
    try:
        text.encode(chunk.options.encoding or "utf-8")
    except UnicodeEncodeError as wrong:
        raise DataError(
            f"{chunk.options.encoding} cannot encode {shown(wrong.object[wrong.start])}, which a tag contains"
        ) from None
    return text


def _exact_spans(tagger: Tagger, sentence: Tagged, task: str) -> list[Span]:
    """The spans of a task, from which all its tags can be told: where no span is, the tag is O."""
    if tagger.schemes[task] != "plain" or tagger.outside[task] == OUTSIDE:
        return tagger.spans(sentence, task)
    return spans_of(sentence.tags[task], Notation("plain", outside=""))


def _spans(tagger: Tagger, sentence: Tagged) -> dict[str, list[Span]]:
    """The spans of all tasks that are not plain."""
    return {task: tagger.spans(sentence, task) for task in sentence.tags if tagger.schemes[task] != "plain"}
