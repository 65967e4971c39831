"""spaCy's .spacy files (``DocBin``) → ``Sentence``.

The layers are ``ent``, ``tag``, ``pos``, ``dep``, ``lemma``, ``morph``, and ``spans:KEY`` for a group of spans. A
document without sentence boundaries is one sentence. Tokens of white space are left out. A token has no label if its
entity annotation is missing or its tag is empty. Reading needs the package spaCy.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagmates.data.formats.decompression import ALWAYS_ALLOWED, MAX_EXPANSION
from tagmates.data.formats.standoff import Annotation, Document, Words, remarks_on, tag_words
from tagmates.data.formats.token_lines import require_sentences
from tagmates.data.schemes import Scheme
from tagmates.data.sentence import Sentence
from tagmates.data.tokenize import Token
from tagmates.errors import ConfigError, DataError
from tagmates.failures import first_line

if TYPE_CHECKING:
    from spacy.tokens import Doc

LAYERS = ("ent", "tag", "pos", "dep", "lemma", "morph")
_ATTRIBUTES = {"tag": "tag_", "pos": "pos_", "dep": "dep_", "lemma": "lemma_", "morph": "morph"}


def read_docbin(path: Path, *, column: str = "ent", scheme: Scheme = "iob2") -> list[Sentence]:
    """Read a file; a sentence's ``line`` is its number. ``ent`` and ``spans:KEY`` become tags of ``scheme``.

    Raises ConfigError if spaCy is not installed or there is no such layer, DataError for a file that is missing,
    damaged, or without a sentence.
    """
    docbin_column(column)
    sentences: list[Sentence] = []
    for doc in docs_in(path):
        for tokens, tags in _tagged(doc, column, scheme, path):
            sentences.append(Sentence(tokens, tags, len(sentences) + 1))
    return require_sentences(sentences, path, "give a file of documents with text")


def docbin_remarks(path: Path, *, column: str) -> Iterator[str]:
    """Yield a remark for each span of a group that tags cannot express exactly."""
    if column.startswith("spans:"):
        for doc in docs_in(path):
            yield from remarks_on(_document(doc, column, path), ())


def docbin_column(column: str) -> None:
    """Raise ConfigError for a layer that .spacy files do not have."""
    name, _, key = column.partition(":")
    if column not in LAYERS and not (name == "spans" and key):
        raise ConfigError(f"no layer of .spacy files is called {column!r}; name one of {', '.join(LAYERS)}, spans:KEY")


def layers_in(doc: "Doc") -> list[str]:
    """The layers of a document that have any value, except lemmas and morphology."""
    found = [name for name in ("tag", "pos", "dep") if any(getattr(token, _ATTRIBUTES[name]) for token in doc)]
    return [*(["ent"] if doc.ents else []), *(f"spans:{key}" for key, group in doc.spans.items() if len(group)), *found]


def docs_in(path: Path) -> "Iterator[Doc]":
    """Yield the documents of a file."""
    try:
        from spacy.tokens import DocBin  # noqa: PLC0415  (an extra)
        from spacy.vocab import Vocab  # noqa: PLC0415
    except ImportError:
        raise ConfigError("format = \"spacy\" needs the package spacy: pip install 'tagmates[spacy]'") from None
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read ({reason}); check the path and its permissions") from error
    try:
        most = max(ALWAYS_ALLOWED, MAX_EXPANSION * len(data))
        if len(zlib.decompressobj().decompress(data, most + 1)) > most:
            raise DataError(f"{path}: claims to hold more than {most:,} bytes; it is damaged or meant to harm")
        docs = list(DocBin().from_bytes(data).get_docs(Vocab()))
    except DataError:
        raise
    except Exception as error:  # a damaged file causes errors of zlib, msgpack, numpy or spaCy
        raise DataError(f"{path}: cannot be read as a .spacy file ({first_line(error)}); write it again") from None
    yield from docs


def _tagged(
    doc: "Doc", column: str, scheme: Scheme, path: Path
) -> Iterator[tuple[tuple[str, ...], tuple[str | None, ...]]]:
    if column == "ent" or column.startswith("spans:"):
        document = _document(doc, column, path)
        tokens = [token for token in doc if token.text.strip()]
        known = [column != "ent" or token.ent_iob != 0 for token in tokens]
        for at, words, tags in tag_words(document, (), scheme):
            yield words, tuple(tag if known[at + i] else None for i, tag in enumerate(tags))
        return
    for sentence in _sentences(doc):
        values = [str(getattr(token, _ATTRIBUTES[column])) or None for token in sentence]
        if sentence:
            yield tuple(token.text for token in sentence), tuple(values)


def _document(doc: "Doc", column: str, path: Path) -> Document:
    words = Words.given(doc_sentences(doc))
    key = column.partition(":")[2]
    if key and key not in doc.spans:
        there = ", ".join(f"spans:{name}" for name in doc.spans) or "none"
        raise DataError(f"{path}: a document has no spans called {key!r}; there are {there}")
    annotations = []
    for span in doc.spans[key] if key else doc.ents:
        name = f"{span.label_!r} at {span.start_char}-{span.end_char}"
        first, last = words.under(span.start_char, span.end_char, f"{path}: {name}")
        annotations.append(Annotation(name, span.label_, ((span.start_char, span.end_char),), first, last, str(path)))
    return Document(doc.text, words, annotations, [])


def doc_sentences(doc: "Doc") -> list[list[Token]]:
    """The words of each sentence, without tokens of white space, and their places in the text."""
    return [[Token(token.text, token.idx, token.idx + len(token.text)) for token in part] for part in _sentences(doc)]


def _sentences(doc: "Doc") -> list[list[Any]]:
    """The tokens of each sentence, without tokens of white space."""
    parts = doc.sents if doc.has_annotation("SENT_START") else [doc]
    found = [[token for token in part if token.text.strip()] for part in parts]
    return [part for part in found if part]
