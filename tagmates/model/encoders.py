"""The choice of the encoder of a tagger: the paper's GRU, with or without a frozen encoder's states, or a transformer.

This is the only place that knows all of them; everything else calls the methods of ``TaggerModule``.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from tagmates.batching.vectors import NO_VECTORS, Vectors
from tagmates.batching.vocabulary import Vocabulary
from tagmates.config import RunConfig
from tagmates.data.sentence import task_token
from tagmates.errors import ModelError
from tagmates.model.extension import take_over
from tagmates.model.frozen import FrozenEncoder
from tagmates.model.network import TaggerModule
from tagmates.model.pretrained_encoder import PretrainedEncoder, encoder_values, make_encoder, table_size
from tagmates.model.recurrent import RecurrentTagger
from tagmates.model.subwords import Subwords
from tagmates.model.transformer import TransformerTagger, add_task_subwords, arrange_task_subwords


def make_module(
    config: RunConfig, vocabulary: Vocabulary, vectors: Vectors, encoder: PretrainedEncoder | None
) -> TaggerModule:
    """The module of a run before its first update; ``encoder`` is the one that the configuration names."""
    if encoder is None:
        return RecurrentTagger(vocabulary, config.sharing, config.model, config.seed, vectors)
    transformer = encoder.parameters()
    encoder.subwords.check_size(table_size(transformer), encoder.source)
    if config.model.is_frozen:
        frozen = FrozenEncoder(transformer, encoder.subwords, config.model.pooling)
        return RecurrentTagger(vocabulary, config.sharing, config.model, config.seed, NO_VECTORS, frozen)
    if config.sharing == "te_enc":
        add_task_subwords(transformer, vocabulary, config.seed)
    return TransformerTagger(vocabulary, config.sharing, config.model, config.seed, transformer, encoder.subwords)


def extend_module(
    config: RunConfig, vocabulary: Vocabulary, vectors: Vectors, base: TaggerModule, known: Vocabulary
) -> TaggerModule:
    """The module of a run that goes on from a trained one, whose vocabulary is ``known``, before its first update.

    ``base`` stays as it is. A frozen encoder, which no run changes, is that of ``base``; one that is fine-tuned is a
    copy.
    """
    if isinstance(base, TransformerTagger):
        transformer = deepcopy(base.transformer)
        if config.sharing == "te_enc":
            arrange_task_subwords(transformer, vocabulary, known, config.seed)
        parts = (transformer, base.subwords)
        module: TaggerModule = TransformerTagger(vocabulary, config.sharing, config.model, config.seed, *parts)
    else:
        frozen = base.frozen if isinstance(base, RecurrentTagger) else None
        module = RecurrentTagger(vocabulary, config.sharing, config.model, config.seed, vectors, frozen)
    take_over(module, vocabulary, base, known, vectors)
    return module


def encoder_vocabulary(config: RunConfig, vocabulary: Vocabulary) -> Vocabulary:
    """The vocabulary without what a pretrained encoder replaces: words, and characters if the encoder is fine-tuned."""
    if not config.model.encoder:
        return vocabulary
    tasks = tuple(sorted(task_token(task).lower() for task in vocabulary.tasks)) if config.model.is_frozen else ()
    words = tasks if config.sharing == "te_enc" else ()
    return replace(vocabulary, words=words, characters=vocabulary.characters if config.model.is_frozen else ())


def read_module(
    config: RunConfig, vocabulary: Vocabulary, encoder: Mapping[str, Any] | None, tokenizer: str, where: str
) -> TaggerModule:
    """A module of these settings whose parameters are still to be loaded.

    ``encoder`` and ``tokenizer`` are the content of ``encoder.json`` and ``tokenizer.json`` if the model has a
    pretrained encoder; ``where`` is the path of the former, which the errors name.
    """
    arguments = (vocabulary, config.sharing, config.model, config.seed)
    if encoder is None:
        return RecurrentTagger(*arguments, NO_VECTORS)
    subwords = Subwords.from_json(encoder, tokenizer, where)
    values = encoder.get("config")
    if not isinstance(values, dict):
        raise ModelError(f"{where}: has no configuration of an encoder; restore the run folder's own file")
    transformer = make_encoder(values)
    subwords.check_size(table_size(transformer), where)
    if config.model.is_frozen:
        frozen = FrozenEncoder(transformer, subwords, config.model.pooling)
        return RecurrentTagger(*arguments, NO_VECTORS, frozen)
    return TransformerTagger(*arguments, transformer, subwords)


def encoder_files(module: TaggerModule) -> tuple[dict[str, Any], str] | None:
    """The content of ``encoder.json`` and of ``tokenizer.json``; None if the module has no pretrained encoder."""
    reader = module.reader
    if reader is None:
        return None
    values = {"config": encoder_values(reader.transformer), **reader.subwords.to_json()}
    return values, reader.subwords.tokenizer
