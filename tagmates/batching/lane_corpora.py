"""The corpora of several lanes laid end to end, from which batches are gathered."""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tagmates.batching.corpus import Corpus


@dataclass(frozen=True, slots=True)
class LaneCorpora:
    """Corpora end to end, one per lane, made once for as long as the lanes stay the same.

    Sentences, tasks, tokens, forms and spellings are numbered across all lanes; words, characters and labels keep the
    numbers of each lane's vocabulary. Tensors that decide the shapes of a batch are on the CPU, those that fill it on
    the device.
    """

    corpora: tuple[Corpus, ...]
    # on the CPU
    sentences: Int[Tensor, " lanes"]  # the number of sentences in the lanes before each lane
    tasks: Int[Tensor, " lanes"]  # the number of tasks in the lanes before each lane
    forms: tuple[int, ...]  # the number of forms in the lanes before each lane
    tokens: tuple[int, ...]  # the number of tokens in the lanes before each lane
    starts: Int[Tensor, " sentences"]
    lengths: Int[Tensor, " sentences"]
    partial: Bool[Tensor, " sentences"]
    decoder: Int[Tensor, " tasks"]  # the index in ``decoders`` of the task's decoder
    decoders: tuple[tuple[int, int], ...]  # (lane, number in its vocabulary), by number of labels
    sizes: tuple[int, ...]  # the number of labels of each decoder
    # on the device
    form: Int[Tensor, " tokens"]
    tags: Int[Tensor, " tokens"]
    word: Int[Tensor, " forms"]
    spelling_starts: Int[Tensor, " forms"]
    spelling_lengths: Int[Tensor, " forms"]
    characters: Int[Tensor, " characters"]

    @classmethod
    def of(cls, corpora: Sequence[Corpus], device: torch.device | str = "cpu") -> "LaneCorpora":
        """Lay these corpora end to end; the tensors of a single one are not copied."""
        forms = [corpus.forms for corpus in corpora]
        vocabularies = [corpus.vocabulary for corpus in corpora]
        tokens, spelled = _before([c.form for c in corpora]), _before([f.characters for f in forms])
        tasks = _before([v.tasks for v in vocabularies])
        decoders = sorted(
            (len(labels), lane, number)
            for lane, vocabulary in enumerate(vocabularies)
            for number, labels in enumerate(vocabulary.labels.values())
        )
        places = {(lane, vocabularies[lane].decoders[number]): i for i, (_, lane, number) in enumerate(decoders)}
        decoder = [places[lane, v.decoder_of(task)] for lane, v in enumerate(vocabularies) for task in v.tasks]
        return cls(
            corpora=tuple(corpora),
            sentences=torch.tensor(_before([c.lengths for c in corpora])),
            tasks=torch.tensor(tasks),
            forms=tuple(_before([f.word for f in forms])),
            tokens=tuple(tokens),
            starts=_laid([c.starts for c in corpora], tokens),
            lengths=_laid([c.lengths for c in corpora]),
            partial=_laid([c.partial for c in corpora]),
            decoder=torch.tensor(decoder),
            decoders=tuple((lane, number) for _, lane, number in decoders),
            sizes=tuple(size for size, _, _ in decoders),
            form=_laid([c.form.to(device) for c in corpora], _before([f.word for f in forms])),
            tags=_laid([c.tags.to(device) for c in corpora]),
            word=_laid([f.word.to(device) for f in forms]),
            spelling_starts=_laid([f.starts.to(device) for f in forms], spelled),
            spelling_lengths=_laid([f.lengths.to(device) for f in forms]),
            characters=_laid([f.characters.to(device) for f in forms]),
        )

    @property
    def device(self) -> torch.device:
        """The device of the batches."""
        return self.form.device

    def take(self, lanes: Sequence[int]) -> "LaneCorpora":
        """The corpora of only these lanes, in ascending order; the tensors on the device are shared."""
        place = {lane: i for i, lane in enumerate(lanes)}
        index = torch.tensor(lanes)
        return replace(
            self,
            corpora=tuple(self.corpora[lane] for lane in lanes),
            sentences=self.sentences[index],
            tasks=self.tasks[index],
            forms=tuple(self.forms[lane] for lane in lanes),
            tokens=tuple(self.tokens[lane] for lane in lanes),
            decoders=tuple((place.get(lane, -1), number) for lane, number in self.decoders),  # -1: of no lane
        )


def _before(parts: Sequence[Sized]) -> list[int]:
    """The number of items before those of each part, when the parts are laid end to end."""
    return [0, *accumulate(len(part) for part in parts[:-1])]


def _laid(parts: Sequence[Tensor], before: Sequence[int] | None = None) -> Tensor:
    """The parts end to end, with ``before[i]`` added to the values of part i; a single part unchanged."""
    if len(parts) == 1:
        return parts[0]
    return torch.cat([part + n for part, n in zip(parts, before, strict=True)] if before else list(parts))
