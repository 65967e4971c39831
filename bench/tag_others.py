"""Other people's taggers with as many layers, random weights, at the sizes they come with: spaCy's and Stanza's.

spaCy: a tagger for each task on one shared HashEmbedCNN (width 96, depth 4), the default of ``nlp.add_pipe``. Stanza:
its POS tagger (a highway BiLSTM of 200 units over words, 100-dimensional vectors and a character LSTM of 400) with an
output column per task and no CRF. Both get words, as tagmates does, in batches of their own default.
"""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

Words = Sequence[str]
Work = Callable[[], object]  # tags all sentences once
Labels = Mapping[str, Sequence[str]]  # of every task


def spacy_taggers(sentences: Sequence[Words], labels: Labels) -> Work:
    """A spaCy pipeline: tok2vec, then a tagger per task."""
    import spacy  # noqa: PLC0415  (may not be here)
    from spacy.tokens import Doc  # noqa: PLC0415

    nlp = spacy.blank("en")
    tok2vec: Any = nlp.add_pipe("tok2vec")
    width = tok2vec.model.get_dim("nO")
    shared = {
        "@architectures": "spacy.Tagger.v2",
        "tok2vec": {"@architectures": "spacy.Tok2VecListener.v1", "width": width},
    }
    for task, own in labels.items():
        tagger: Any = nlp.add_pipe("tagger", name=task, config={"model": shared, "overwrite": True})
        for label in own:
            tagger.add_label(label)
    nlp.initialize()

    def tag() -> object:
        docs = nlp.pipe(Doc(nlp.vocab, words=list(words)) for words in sentences)
        return [[token.tag_ for token in doc] for doc in docs]

    return tag


def stanza_tagger(sentences: Sequence[Words], labels: Labels) -> Work:
    """Stanza's ``Trainer``, fed as its ``POSProcessor`` does it."""
    import torch  # noqa: PLC0415
    from stanza.models.common.doc import MISC, UPOS, Document  # noqa: PLC0415
    from stanza.models.common.pretrain import PretrainedWordVocab  # noqa: PLC0415
    from stanza.models.pos.data import Dataset  # noqa: PLC0415
    from stanza.models.pos.tag_columns import UPOS_COLUMN, TagColumn, TagKind  # noqa: PLC0415
    from stanza.models.pos.trainer import Trainer  # noqa: PLC0415
    from stanza.models.tagger import parse_args  # noqa: PLC0415

    logging.getLogger("stanza").setLevel(logging.ERROR)
    first, *rest = labels
    columns = (UPOS_COLUMN, *(TagColumn(task, MISC, task, TagKind.WORD, False, ("upos",)) for task in rest))
    arguments = parse_args(["--shorthand", "en_none"]) | {"tag_columns": columns}

    # a sentence that has every word and every label: of such its vocabularies are made
    distinct = sorted({word for words in sentences for word in words})
    rows = [
        {
            "id": number + 1,
            "text": word,
            UPOS: labels[first][number % len(labels[first])],
            MISC: "|".join(f"{task}={labels[task][number % len(labels[task])]}" for task in rest),
        }
        for number, word in enumerate(distinct)
    ]
    vocabulary = Dataset.init_vocab([Document([rows])], arguments | {"word_cutoff": 0}, columns)

    class Vectors:
        vocab = PretrainedWordVocab(sorted({word.lower() for word in distinct}))
        emb = torch.randn(len(vocab), 100)

    trainer = Trainer(arguments, vocabulary, Vectors, device="cpu")

    def tag() -> object:
        document = Document([[{"id": i + 1, "text": word} for i, word in enumerate(words)] for words in sentences])
        data = Dataset(document, arguments, Vectors, vocab=vocabulary, evaluation=True, sort_during_eval=True)
        loader = data.to_length_limited_loader(arguments["batch_size"], arguments["batch_maximum_tokens"])
        with torch.no_grad():
            return [trainer.predict(batch, extra_columns=True) for batch in loader]

    return tag


OTHERS = {"spacy": spacy_taggers, "stanza": stanza_tagger}  # by the package that each needs


def importable() -> dict[str, bool]:
    """Of every other tagger whether its package is here."""
    return {name: find_spec(name) is not None for name in OTHERS}


def quietly(make: Callable[[Sequence[Words], Labels], Work], sentences: Sequence[Words], labels: Labels) -> Work:
    """Make a tagger without what its packages warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(sentences, labels)
