"""A trained tagger: load it, save it, tag text with every task in one pass."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch

from tagmates.config import VECTORS, RunConfig, parse
from tagmates.data.batches import Selection, collate
from tagmates.data.coding import CodedSplit
from tagmates.data.encoding import Corpus, Forms, encode
from tagmates.data.sentence import Sentence
from tagmates.data.stock import Stock
from tagmates.data.tokenize import sentences_of
from tagmates.data.vectors import NO_VECTORS, Vectors, load_vectors
from tagmates.data.vocabulary import OUTSIDE, SHARED, Vocabulary, task_token
from tagmates.errors import ConfigError, ModelError
from tagmates.files import read_json, read_tensors, write_json, write_tensors
from tagmates.model.module import Tables, TaggerModule
from tagmates.model.network import decode

log = logging.getLogger("tagmates")
BATCH_TOKENS = 4000  # how many tokens are tagged side by side


@dataclass(frozen=True, slots=True)
class Tagged:
    """A sentence's tokens and, per task, a tag for each."""

    tokens: tuple[str, ...]
    tags: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Tagger:
    """A module with the vocabulary that its numbers refer to, and vectors for words that it never saw."""

    config: RunConfig
    vocabulary: Vocabulary
    module: TaggerModule
    vectors: Vectors = NO_VECTORS

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that the tagger knows, in its own order."""
        return self.vocabulary.tasks

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, device: str = "cpu", vectors: str | None = None) -> "Tagger":
        """Load the tagger in a run folder.

        ``vectors`` (default: those it was trained with, if they are here) serve words that training never saw.
        Raises ModelError for a folder that is missing, truncated or foreign.
        """
        path = Path(folder)
        if not path.is_dir():
            raise ModelError(f"{path}: no such folder; give the folder of a tagmates run")
        settings = read_json(path / "config.json")
        try:
            config = parse(RunConfig, settings, str(path / "config.json"))
        except ConfigError as error:
            raise ModelError(f"{error}; give the folder of a tagmates run") from None
        if not (path / "model.safetensors").exists() and (path / "metrics.jsonl").exists():
            raise ModelError(
                f"{path}: its training has not finished (no model.safetensors); go on with tagmates train ... --resume"
            )
        vocabulary = Vocabulary.from_json(read_json(path / "vocabulary.json"), str(path / "vocabulary.json"))
        _check_fit(config, vocabulary, path)
        with torch.device("meta"):
            module = TaggerModule(vocabulary, config.sharing, config.model, config.seed, NO_VECTORS)
        tensors, _ = read_tensors(path / "model.safetensors")
        load_parameters(module, tensors, path / "model.safetensors")
        module.to(device)
        if vectors is not None:
            found = load_vectors(vectors)
            found.check_size(config.model.word_size)
            return cls(config, vocabulary, module, found)
        # what it was trained with may not be here; then new words do without
        here = config.vectors in VECTORS or Path(config.vectors).expanduser().is_file()
        found = load_vectors(config.vectors) if here else NO_VECTORS
        if found is NO_VECTORS and config.vectors != "random":
            log.warning("%s: its vectors (%s) are not here: new words go without", path, config.vectors)
        return cls(config, vocabulary, module, found)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json``, ``vocabulary.json`` and ``model.safetensors`` into ``folder``, made if need be."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / "config.json", self.config.model_dump(mode="json"))
        write_json(path / "vocabulary.json", self.vocabulary.to_json())
        write_tensors(path / "model.safetensors", dict(self.module.named_parameters()))

    def tag(self, texts: Iterable[str | Sequence[str]], tasks: Sequence[str] | None = None) -> list[Tagged]:
        """Tag raw text (split into sentences and words) or sentences that are already lists of words.

        Returns one ``Tagged`` per sentence found, with all tasks or only the named ones.
        """
        return list(self.tag_sentences(_split(texts), tasks))

    def tag_sentences(self, sentences: Iterable[Sequence[str]], tasks: Sequence[str] | None = None) -> Iterator[Tagged]:
        """Tag lists of words, lazily and in order, in bounded memory."""
        wanted = tuple(tasks or self.tasks)
        for task in wanted:
            if task not in self.tasks:
                raise ConfigError(f"the tagger has no task {task!r}; it has {', '.join(self.tasks)}")
        for chunk in _chunks(sentences):
            full = [tokens for tokens in chunk if tokens]
            found = iter(self._tag_chunk(full, wanted))
            for tokens in chunk:
                yield next(found) if tokens else Tagged((), dict.fromkeys(wanted, ()))

    def _tag_chunk(self, sentences: list[tuple[str, ...]], wanted: tuple[str, ...]) -> list[Tagged]:
        if not sentences:
            return []
        token = self.module.sharing == "te_enc"
        # te_enc reads the task with the sentence; the others encode a sentence once for all tasks
        coded = CodedSplit.of([Sentence(s) for s in sentences])
        corpus, tables = self.encode([(task, coded) for task in (wanted if token else self.tasks[:1])])
        everything = torch.arange(len(corpus.lengths))
        if token:
            selection = Selection.own_tasks(corpus, everything.reshape(len(wanted), -1).T.flatten())
        else:
            numbers = torch.tensor([self.tasks.index(task) for task in wanted])
            selection = Selection.by_tasks(corpus, everything, numbers)
        lengths = corpus.lengths[selection.sentences[selection.request]]
        stock = Stock.of([corpus], self.module.words.device)
        starts = (lengths.cumsum(0) - lengths).to(stock.device)
        found, places = decode([self.module], collate([selection], stock), starts.unsqueeze(0), [tables])
        best = torch.empty_like(found).scatter_(0, places, found).tolist()
        labels = [self.vocabulary.labels[self.vocabulary.decoder_of(task)] for task in wanted]
        first = iter(starts.tolist())  # sentence by sentence, task by task
        tagged = []
        for tokens in sentences:
            tags = {}
            for task, own in zip(wanted, labels, strict=True):
                start = next(first) + token
                tags[task] = tuple(own[k] for k in best[start : start + len(tokens)])
            tagged.append(Tagged(tokens, tags))
        return tagged

    def encode(self, parts: Sequence[tuple[str, CodedSplit]]) -> tuple[Corpus, Tables]:
        """Number the sentences of tasks; words and characters that training never saw get new rows in the tables.

        A word without a vector is the trained unknown word or, where there is none, the mean of all words; a
        character is the mean of all characters.
        """
        vocabulary, token = self.vocabulary, self.module.sharing == "te_enc"
        tokens = chain.from_iterable(coded.forms for _, coded in parts)
        words = set().union(*(coded.words for _, coded in parts))
        new = sorted(words - vocabulary.word_index.keys())
        size = self.module.settings.word_size
        usable = self.vectors if self.vectors.size == size else NO_VECTORS
        places, found = usable.rows(new)
        tables = self.module.open_tables(len(vocabulary.words), torch.from_numpy(found).reshape(-1, size))
        # a word without a vector is number len(words): the unknown word
        numbers = {new[place]: len(vocabulary.words) + 1 + i for i, place in enumerate(places.tolist())}
        forms = Forms.of(chain(map(task_token, self.tasks), tokens) if token else tokens, vocabulary, numbers)
        return encode(parts, vocabulary, forms, token=token), tables


def _check_fit(config: RunConfig, vocabulary: Vocabulary, folder: Path) -> None:
    """Raise ModelError where the vocabulary is not that of the configuration."""
    shared = config.sharing in ("te_dec", "te_enc")
    fits = vocabulary.tasks == config.tasks and (SHARED in vocabulary.labels) == shared
    if config.sharing == "te_enc":
        fits = fits and OUTSIDE in vocabulary.labels[SHARED]
    if not fits or vocabulary.unknown != (config.training.unknown_rate > 0):
        raise ModelError(
            f"{folder / 'config.json'}: its tasks, sharing or unknown_rate are not those of vocabulary.json; "
            "restore the run's own files"
        )


def load_parameters(module: TaggerModule, tensors: Mapping[str, torch.Tensor], source: Path) -> None:
    """Give the module these tensors as its parameters; ModelError unless names and shapes are exactly its own."""
    expected = {name: tuple(p.shape) for name, p in module.named_parameters()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wrong = sorted(name for name in expected.keys() | given.keys() if expected.get(name) != given.get(name))
    if wrong:
        name = wrong[0]
        raise ModelError(
            f"{source}: parameter {name} has shape {given.get(name, 'none')} where the configuration and vocabulary "
            f"ask for {expected.get(name, 'none')}; restore the run folder's own files"
        )
    module.load_state_dict({name: t.to(torch.float32) for name, t in tensors.items()}, assign=True)
    for parameter in module.parameters():
        parameter.requires_grad_(True)


def _split(texts: Iterable[str | Sequence[str]]) -> Iterator[tuple[str, ...]]:
    for text in texts:
        if isinstance(text, str):
            yield from (tuple(token.text for token in sentence) for sentence in sentences_of(text))
        else:
            yield tuple(text)


def _chunks(sentences: Iterable[Sequence[str]]) -> Iterator[list[tuple[str, ...]]]:
    """Consecutive sentences of about BATCH_TOKENS tokens together."""
    chunk: list[tuple[str, ...]] = []
    tokens = 0
    for sentence in sentences:
        chunk.append(tuple(sentence))
        tokens += len(chunk[-1])
        if tokens >= BATCH_TOKENS:
            yield chunk
            chunk, tokens = [], 0
    if chunk:
        yield chunk
