"""A spaCy component that fills ``Doc`` with the tags of a tagger.

Importing this module registers the factory ``tagmates``; spaCy imports it by the package's entry point.
"""

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span, Token
from spacy.util import from_bytes, to_bytes

from tagmates.data.tokenize import split_sentences
from tagmates.errors import ConfigError, ModelError
from tagmates.model.pretrained import MODEL_FILES
from tagmates.model.tagged import Tagged
from tagmates.model.tagger import Tagger

DEFAULTS = {"pos": "upos", "tag": "xpos", "ents": "ner"}  # attribute of spaCy -> the layer that fills it
# the values that token.pos_ may have
UNIVERSAL_TAGS = {
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "CONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT",
    "SCONJ", "SYM", "VERB", "X",
}  # fmt: skip
Token.set_extension("tagmates", default={}, force=True)


@Language.factory(
    "tagmates",
    assigns=["token.pos", "token.tag", "token.is_sent_start", "doc.ents", "doc.spans", "token._.tagmates"],
    default_config={"model": "en", "device": "cpu", "tasks": None, **DEFAULTS},
)
def make_tagmates(
    nlp: Language,
    name: str,
    model: str,
    device: str,
    tasks: list[str] | None,
    pos: str | None,
    tag: str | None,
    ents: str | None,
) -> "TagmatesComponent":
    """The component for ``nlp.add_pipe("tagmates", config={...})``; its model is loaded on first use."""
    return TagmatesComponent(name, model, device=device, tasks=tasks, pos=pos, tag=tag, ents=ents)


class TagmatesComponent(Pipe):
    """Tags spaCy's tokens, sentence by sentence; a token of white space gets no tag.

    ``tasks`` are the layers to tag (None: all). The tags of a layer go to ``token._.tagmates[layer]``, its spans to
    ``doc.spans[layer]``. In addition, the layer ``pos`` goes to ``token.pos_`` (if the tag is a universal one), ``tag``
    to ``token.tag_``, and ``ents`` to ``doc.ents``; None turns each of them off. A doc without sentences is split into
    sentences by tagmates.
    """

    def __init__(
        self,
        name: str,
        model: str,
        *,
        device: str = "cpu",
        tasks: Sequence[str] | None = None,
        pos: str | None = DEFAULTS["pos"],
        tag: str | None = DEFAULTS["tag"],
        ents: str | None = DEFAULTS["ents"],
    ) -> None:
        self.name, self.model, self.device = name, model, device
        self.tasks, self.wanted = tasks, {"pos": pos, "tag": tag, "ents": ents}

    # Not in __init__: spacy.load makes the component before from_disk gives it the model that was saved with the
    # pipeline, and the model that the settings name may be missing.
    @cached_property
    def tagger(self) -> Tagger:
        """The tagger. Raises ModelError if it is not available."""
        return Tagger.from_pretrained(self.model, device=self.device)

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """The layers to tag. Raises ConfigError for a layer that the tagger does not have."""
        if self.tasks is None:
            return self.tagger.tasks
        for task in self.tasks:
            self._check(task, "tasks", self.tagger.tasks)
        return tuple(self.tasks)

    @cached_property
    def targets(self) -> dict[str, str]:
        """The layer for each of ``pos``, ``tag`` and ``ents`` that is filled. Raises ConfigError."""
        chosen = {}
        for key, layer in self.wanted.items():
            if layer is None or (layer == DEFAULTS[key] and layer not in self.layers):
                continue  # a default applies only to taggers that have the layer
            self._check(layer, key, self.layers)
            chosen[key] = layer
        if "pos" in chosen:
            vocabulary = self.tagger.vocabulary
            if UNIVERSAL_TAGS.isdisjoint(vocabulary.labels[vocabulary.decoder_of(chosen["pos"])]):
                raise ConfigError(f"{self.name}: pos: no tag of {chosen['pos']!r} is a universal one; use it as tag")
        return chosen

    def _check(self, layer: str, key: str, known: Sequence[str]) -> None:
        if layer not in known:
            raise ConfigError(f"{self.name}: {key}: there is no layer {layer!r}; choose among {', '.join(known)}")

    def __call__(self, doc: Doc) -> Doc:
        """Fill one doc."""
        self._fill([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Fill docs lazily and in order, ``batch_size`` at a time."""
        remaining = iter(stream)
        while docs := list(islice(remaining, batch_size)):
            try:
                self._fill(docs)
            except Exception as error:  # the pipeline decides how errors are handled
                self.get_error_handler()(self.name, self, docs, error)
            else:
                yield from docs

    def _fill(self, docs: Sequence[Doc]) -> None:
        sentences = [sentences_in(doc) for doc in docs]
        words = ([token.text for token in tokens] for own in sentences for tokens in own)
        tagged = self.tagger.stream(words, self.layers)
        for doc, own in zip(docs, sentences, strict=True):
            self._annotate(doc, [(tokens, next(tagged)) for tokens in own])

    def _annotate(self, doc: Doc, sentences: Iterable[tuple[list[Token], Tagged]]) -> None:
        spans: dict[str, list[Span]] = {layer: [] for layer in self.layers}
        pos, tag = self.targets.get("pos"), self.targets.get("tag")
        for tokens, sentence in sentences:
            for token, *tags in zip(tokens, *(sentence.tags[layer] for layer in self.layers), strict=True):
                own = dict(zip(self.layers, tags, strict=True))
                token._.tagmates = {**token._.tagmates, **own}  # another tagger may have filled it before
                if pos and own[pos] in UNIVERSAL_TAGS:
                    token.pos_ = own[pos]
                if tag:
                    token.tag_ = own[tag]
            for layer, found in spans.items():
                for span in self.tagger.spans(sentence, layer):
                    # spaCy ignores an entity without a label
                    found.append(Span(doc, tokens[span.start].i, tokens[span.end - 1].i + 1, span.label or layer))
        for layer, found in spans.items():
            doc.spans[layer] = found
        if "ents" in self.targets:
            doc.set_ents(spans[self.targets["ents"]])

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the model into the folder ``path``, with all its vectors, since they may be missing elsewhere."""
        self.tagger.save_pretrained(path, vectors=len(self.tagger.vectors.index))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "TagmatesComponent":
        """Load the model from the folder ``path``."""
        return self._take(Tagger.from_pretrained(path, device=self.device))

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The files of the model."""
        with TemporaryDirectory() as folder:
            self.to_disk(folder)
            return to_bytes({path.name: path.read_bytes for path in Path(folder).iterdir()}, ())

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "TagmatesComponent":
        """Load the model from what ``to_bytes`` returned. Raises ModelError."""
        with TemporaryDirectory() as folder:
            try:
                from_bytes(data, {name: (Path(folder) / name).write_bytes for name in MODEL_FILES}, ())
            except (ValueError, TypeError, AttributeError):
                advice = "give those that to_bytes returned"
                raise ModelError(f"{self.name}: these are not the bytes of a tagmates model; {advice}") from None
            return self.from_disk(folder)

    def _take(self, tagger: Tagger) -> "TagmatesComponent":
        for known in ("tagger", "layers", "targets"):
            self.__dict__.pop(known, None)
        self.tagger = tagger
        return self


def sentences_in(doc: Doc) -> list[list[Token]]:
    """The tokens of each sentence, without tokens of white space. If the doc has no sentences, they are set.

    They are then the same as in ``Tagger.tag``, because a tagger has learned from single sentences.
    """
    if not doc.has_annotation("SENT_START"):
        starts = [start for start, _ in split_sentences(doc.text)]
        previous = 0
        for token in doc:
            number = max(bisect(starts, token.idx), 1)  # white space before the first sentence belongs to it
            token.is_sent_start = number > previous
            previous = number
    sentences = ([token for token in sentence if not token.is_space] for sentence in doc.sents)
    return [tokens for tokens in sentences if tokens]
