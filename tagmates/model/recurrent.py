"""The tagger of the paper: words and characters as vectors, read by a bidirectional GRU (protocol section 1)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tagmates.batching.batches import Batch
from tagmates.batching.vectors import Vectors
from tagmates.batching.vocabulary import Vocabulary
from tagmates.config import ModelSettings, Sharing
from tagmates.model.dropout import Dropout
from tagmates.model.embedding import CharacterEncoder, Tables, encode_forms, look_up, word_table
from tagmates.model.gru import GRULayer, stack_layers
from tagmates.model.network import TaggerModule
from tagmates.seeding import generator


class RecurrentTagger(TaggerModule):
    """A tagger whose encoder reads a word table and a character GRU by GRU layers."""

    def __init__(
        self, vocabulary: Vocabulary, sharing: Sharing, settings: ModelSettings, seed: int, vectors: Vectors
    ) -> None:
        """Initialise as in protocol section 1; all random draws are functions of ``seed``."""
        super().__init__(sharing, settings)
        self.words = nn.Parameter(word_table(vocabulary, settings.word_size, seed, vectors))
        self.characters = CharacterEncoder(
            num_characters=len(vocabulary.characters),
            size=settings.character_size,
            hidden_size=settings.character_hidden_size,
            layers=settings.character_layers,
            draw=generator(seed, "characters"),
        )
        draw = generator(seed, "encoder")
        width = 2 * settings.hidden_size
        embedded = settings.word_size + 2 * settings.character_hidden_size
        self.encoder = nn.ModuleList(
            GRULayer(embedded if layer == 0 else width, settings.hidden_size, draw) for layer in range(settings.layers)
        )
        self.add_decoders(vocabulary, width, seed)

    @staticmethod
    def encode(
        models: Sequence[TaggerModule],
        batch: Batch,
        draws: Sequence[torch.Generator] | None,
        tables: Sequence[Tables | None] | None,
    ) -> Float[Tensor, "lanes positions states"]:
        """The states of the word GRU at every position."""
        taggers = [model for model in models if isinstance(model, RecurrentTagger)]
        found = [table for table in tables or [] if table is not None] or [tagger.tables() for tagger in taggers]
        settings = [tagger.settings for tagger in taggers]
        forms = encode_forms(
            [tagger.characters for tagger in taggers],
            [table.characters for table in found],
            batch.spelling,
            batch.characters,
            Dropout([s.character_dropout for s in settings], draws),
        )
        # a token's input: the states of its form's characters ++ its word's vector
        spelled = look_up(list(forms), batch.form)
        words = look_up([table.words for table in found], batch.word)
        values = torch.cat([spelled, words], -1)
        dropout = Dropout([s.dropout for s in settings], draws)
        return stack_layers(values, batch.packed, [list(tagger.encoder) for tagger in taggers], dropout)

    def tables(self) -> Tables:
        """The trained look-up tables."""
        return Tables(self.words, self.characters.table)

    def open_tables(self, num_words: int) -> Tables:
        """The look-up tables with one more row each, for words and characters outside the vocabulary.

        Row ``num_words``, the number of its words, is the trained unknown word or, if there is none, the mean of all
        words. The last character is the mean of all characters.
        """
        words = self.words.detach()
        if len(words) == num_words:
            words = torch.cat([words, words.mean(0, keepdim=True)])
        return Tables(words, self._open_characters())

    def tables_of(
        self, words: Int[Tensor, " forms"], num_words: int, vectors: Float[Tensor, "new word_size"]
    ) -> Tables:
        """The tables of ``open_tables``, but with a word table of only these words, in their order.

        Numbers above ``num_words``, which is the unknown word, stand for the rows of ``vectors``.
        """
        table = self.words.detach()
        words = words.to(table.device)
        rows = table.index_select(0, words.clamp(max=len(table) - 1))
        if len(table) == num_words and bool((unknown := words == num_words).any()):
            rows[unknown] = table.mean(0)
        new = words > num_words
        rows[new] = vectors.to(rows)[words[new] - num_words - 1]
        return Tables(rows, self._open_characters())

    def _open_characters(self) -> Float[Tensor, "characters character_size"]:
        characters = self.characters.table.detach()
        return torch.cat([characters, characters.mean(0, keepdim=True)])
