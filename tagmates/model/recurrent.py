"""The tagger of the paper: words and characters as vectors, read by a bidirectional GRU (protocol section 1)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tagmates.batching.batches import Batch
from tagmates.batching.token_states import TokenStates
from tagmates.batching.vectors import Vectors
from tagmates.batching.vocabulary import Vocabulary
from tagmates.config import ModelSettings, Sharing
from tagmates.data.indexing import IndexedSplit
from tagmates.data.sentence import task_token
from tagmates.model.dropout import Dropout
from tagmates.model.embedding import CharacterEncoder, Tables, encode_forms, look_up, word_table
from tagmates.model.frozen import FrozenEncoder
from tagmates.model.gru import GRULayer, stack_layers
from tagmates.model.network import TaggerModule
from tagmates.model.parameter_stacking import with_gradient
from tagmates.model.window_reader import WindowReader
from tagmates.seeding import generator


class RecurrentTagger(TaggerModule):
    """A tagger whose encoder reads a word table and a character GRU by GRU layers."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        sharing: Sharing,
        settings: ModelSettings,
        seed: int,
        vectors: Vectors,
        frozen: FrozenEncoder | None = None,
    ) -> None:
        """Initialise as in protocol section 1; all random draws are functions of ``seed``.

        If there is a ``frozen`` encoder, its states take the place of the word vectors, and the word table holds only
        the task tokens of ``te_enc``.
        """
        super().__init__(sharing, settings)
        self.frozen = frozen
        size = settings.word_size if frozen is None else frozen.size
        known = vocabulary if frozen is None else replace(vocabulary, unknown=False)  # no token is an unknown word
        self.words = nn.Parameter(word_table(known, size, seed, vectors))
        self.characters = CharacterEncoder(
            num_characters=len(vocabulary.characters),
            size=settings.character_size,
            hidden_size=settings.character_hidden_size,
            layers=settings.character_layers,
            draw=generator(seed, "characters"),
        )
        draw = generator(seed, "encoder")
        width = 2 * settings.hidden_size
        embedded = size + 2 * settings.character_hidden_size
        self.encoder = nn.ModuleList(
            GRULayer(embedded if layer == 0 else width, settings.hidden_size, draw) for layer in range(settings.layers)
        )
        self.add_decoders(vocabulary, width, seed)

    @staticmethod
    def encode(
        modules: Sequence[TaggerModule],
        batch: Batch,
        draws: Sequence[torch.Generator] | None,
        tables: Sequence[Tables | None] | None,
    ) -> Float[Tensor, "lanes positions states"]:
        """The states of the word GRU at every position."""
        taggers = [module for module in modules if isinstance(module, RecurrentTagger)]
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
        if batch.states is None:
            words = look_up([table.words for table in found], batch.word)
        elif taggers[0].sharing == "te_enc":  # every token is a task, which has no state, or has the last row, zeros
            words = look_up([_with_zeros(table.words) for table in found], batch.word) + batch.states
        else:
            words = batch.states
        values = torch.cat([spelled, words], -1)
        dropout = Dropout([s.dropout for s in settings], draws)
        return stack_layers(values, batch.packed, [list(tagger.encoder) for tagger in taggers], dropout)

    @property
    def reader(self) -> WindowReader | None:
        """The frozen encoder with its sub-words."""
        return None if self.frozen is None else self.frozen.reader

    def tensors(self) -> dict[str, Tensor]:
        """All numbers of the trained tagger by name, those of the frozen encoder too."""
        own = super().tensors()
        if self.frozen is not None:
            own |= {f"frozen.{name}": value for name, value in self.frozen.transformer.named_parameters()}
        return own

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over these numbers, those of the frozen encoder too."""
        super().load_tensors({name: value for name, value in tensors.items() if not name.startswith("frozen.")})
        if self.frozen is not None:
            own = {name.removeprefix("frozen."): tensors[name] for name in tensors if name.startswith("frozen.")}
            self.frozen.transformer.load_state_dict(own, strict=False, assign=True)

    def corpus_states(self, parts: Sequence[IndexedSplit], *, cached: bool) -> TokenStates | None:
        """The states of the tokens of these splits in the frozen encoder."""
        if self.frozen is None:
            return None
        states = [self.frozen.states(part, cached=cached) for part in parts]
        return TokenStates.of(parts, states, token=self.sharing == "te_enc")

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "RecurrentTagger":
        """Move the frozen encoder to another device together with the parameters."""
        if self.frozen is not None:
            self.frozen.transformer._apply(fn, recurse)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def tables(self) -> Tables:
        """The trained look-up tables."""
        return Tables(self.words, self.characters.table)

    def task_token_rows(self, parameters: Mapping[str, Tensor], vocabulary: Vocabulary) -> Float[Tensor, "tasks size"]:
        """The word vectors of the task tokens."""
        rows = [vocabulary.word_index[task_token(task).lower()] for task in vocabulary.tasks]
        return parameters["words"][rows]

    def open_tables(self, num_words: int) -> Tables:
        """The look-up tables with one more row each, for words and characters outside the vocabulary.

        Row ``num_words``, the number of its words, is the trained unknown word or, if there is none, the mean of all
        words. The last character is the mean of all characters.
        """
        words = self.words.detach()
        if len(words) == num_words and self.frozen is None:
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
        if self.frozen is not None:
            return Tables(_with_zeros(table).index_select(0, words), self._open_characters())
        rows = table.index_select(0, words.clamp(max=len(table) - 1))
        if len(table) == num_words and bool((unknown := words == num_words).any()):
            rows[unknown] = table.mean(0)
        new = words > num_words
        rows[new] = vectors.to(rows)[words[new] - num_words - 1]
        return Tables(rows, self._open_characters())

    def _open_characters(self) -> Float[Tensor, "characters character_size"]:
        characters = self.characters.table.detach()
        return torch.cat([characters, characters.mean(0, keepdim=True)])


def _with_zeros(table: Float[Tensor, "rows size"]) -> Float[Tensor, "more_rows size"]:
    """The table with a last row of zeros."""
    return torch.cat([with_gradient(table), table.new_zeros(1, table.shape[1])])
