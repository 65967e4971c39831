"""The four ways of sharing a tagger: its parameters (protocol section 1)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tagmates.config import ModelSettings, Sharing
from tagmates.data.vectors import Vectors
from tagmates.data.vocabulary import Vocabulary
from tagmates.draws import generator
from tagmates.model.embedding import CharacterEncoder, uniform_table
from tagmates.model.gru import GRULayer


@dataclass(frozen=True, slots=True)
class Tables:
    """The look-up tables of words and characters that a batch's numbers refer to."""

    words: Float[Tensor, "words word_size"]
    characters: Float[Tensor, "characters character_size"]


class Decoder(nn.Module):
    """A projection to label scores, and the scores of a linear-chain CRF."""

    def __init__(self, input_size: int, num_labels: int, draw: torch.Generator) -> None:
        """Projection Xavier-uniform with bias 0, transitions Xavier-normal, start and end standard normal."""
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(num_labels, input_size), generator=draw))
        self.bias = nn.Parameter(torch.zeros(num_labels))
        self.transitions = nn.Parameter(torch.empty(num_labels, num_labels))
        self.start = nn.Parameter(torch.empty(num_labels))
        self.end = nn.Parameter(torch.empty(num_labels))
        if self.weight.is_meta:  # has nothing to draw, and would import torch's compiler for it: two seconds
            return
        with torch.no_grad():
            nn.init.xavier_normal_(self.transitions, generator=draw)
            self.start.normal_(generator=draw)
            self.end.normal_(generator=draw)


class TaggerModule(nn.Module):
    """All parameters of one run.

    ``stl`` and ``multi_dec`` have a decoder per task; ``te_dec`` and ``te_enc`` one for all tasks; only ``te_dec`` has
    task embeddings (``tasks``), which join the encoder's states. ``te_enc`` reads the task as the first token.
    """

    def __init__(
        self, vocabulary: Vocabulary, sharing: Sharing, settings: ModelSettings, seed: int, vectors: Vectors
    ) -> None:
        """Initialise as protocol section 1 says; every draw is a function of ``seed``."""
        super().__init__()
        self.settings, self.sharing = settings, sharing
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
        self.tasks: nn.Parameter | None = None
        if sharing == "te_dec":
            self.tasks = nn.Parameter(
                uniform_table(len(vocabulary.tasks), settings.task_size, generator(seed, "tasks"))
            )
            width += settings.task_size
        self.decoders = nn.ModuleList(
            Decoder(width, len(labels), generator(seed, f"decoder {name}"))
            for name, labels in vocabulary.labels.items()
        )

    def decoder(self, number: int) -> Decoder:
        """The decoder of that number in the vocabulary's order."""
        decoder = self.decoders[number]
        assert isinstance(decoder, Decoder)
        return decoder

    def all_decoders(self) -> list[Decoder]:
        """The decoders in the vocabulary's order."""
        return [self.decoder(number) for number in range(len(self.decoders))]

    def tables(self) -> Tables:
        """The tables as trained."""
        return Tables(self.words, self.characters.table)

    def open_tables(self, num_words: int) -> Tables:
        """The tables with a row more for what training never saw, beside a vocabulary of ``num_words`` words.

        Word ``num_words`` is the trained unknown word or, where there is none, the mean of all words. The last
        character is the mean of all characters.
        """
        words = self.words.detach()
        if len(words) == num_words:
            words = torch.cat([words, words.mean(0, keepdim=True)])
        return Tables(words, self._open_characters())

    def tables_of(
        self, words: Int[Tensor, " forms"], num_words: int, vectors: Float[Tensor, "new word_size"]
    ) -> Tables:
        """Those of ``open_tables`` with only the rows of these words, in their order: a sentence needs few of them.

        Words beyond ``num_words``, the unknown one, are those of ``vectors``.
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


def word_table(vocabulary: Vocabulary, size: int, seed: int, vectors: Vectors) -> Float[Tensor, "words size"]:
    """Pretrained vectors; for words without one, Normal(mean, std) of the entries of those that were found.

    Where none is found, uniform within sqrt(3 / size) of 0. An unknown word, where there is one, is the last row.
    """
    rows = len(vocabulary.words) + vocabulary.unknown
    places, found = vectors.rows(vocabulary.words)
    draw = generator(seed, "words")
    if not len(places):
        return uniform_table(rows, size, draw)
    entries = torch.from_numpy(found)
    table = torch.empty(rows, size).normal_(float(entries.mean()), float(entries.std(correction=0)), generator=draw)
    table[torch.from_numpy(places)] = entries
    return table
