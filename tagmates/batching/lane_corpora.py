"""What batches are gathered from: the corpora of several lanes laid end to end."""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tagmates.batching.corpus import Corpus


@dataclass(frozen=True, slots=True)
class LaneCorpora:
    """Corpora end to end, one a lane; made once for as long as the lanes stay the same.

    Sentences, tasks, tokens, forms and characters are numbered through all lanes, but words, characters and labels by
    each lane's own tables. What decides the shapes of a batch stays on the CPU; what fills it lies on the device.
    """

    corpora: tuple[Corpus, ...]
    # on the CPU
    sentences: Int[Tensor, " lanes"]  # how many stand before the lane's
    tasks: Int[Tensor, " lanes"]  # likewise
    forms: tuple[int, ...]  # likewise
    starts: Int[Tensor, " sentences"]
    lengths: Int[Tensor, " sentences"]
    partial: Bool[Tensor, " sentences"]
    decoder: Int[Tensor, " tasks"]  # the place in ``decoders`` of the one that tags the task
    decoders: tuple[tuple[int, int], ...]  # (lane, number in the lane's vocabulary), those of few labels first
    sizes: tuple[int, ...]  # how many labels each of them has
    # on the device
    form: Int[Tensor, " tokens"]
    tags: Int[Tensor, " tokens"]
    word: Int[Tensor, " forms"]
    spelling_starts: Int[Tensor, " forms"]
    spelling_lengths: Int[Tensor, " forms"]
    characters: Int[Tensor, " characters"]

    @classmethod
    def of(cls, corpora: Sequence[Corpus], device: torch.device | str = "cpu") -> "LaneCorpora":
        """Lay these corpora out; one alone on the CPU is not copied."""
        forms = [corpus.forms for corpus in corpora]
        vocabularies = [corpus.vocabulary for corpus in corpora]
        tokens, spelled = _before([c.form for c in corpora]), _before([f.characters for f in forms])
        tasks = _before([v.tasks for v in vocabularies])
        names = sorted(
            (len(labels), lane, number)
            for lane, vocabulary in enumerate(vocabularies)
            for number, labels in enumerate(vocabulary.labels.values())
        )
        places = {(lane, vocabularies[lane].decoders[number]): i for i, (_, lane, number) in enumerate(names)}
        decoder = [places[lane, v.decoder_of(task)] for lane, v in enumerate(vocabularies) for task in v.tasks]
        return cls(
            corpora=tuple(corpora),
            sentences=torch.tensor(_before([c.lengths for c in corpora])),
            tasks=torch.tensor(tasks),
            forms=tuple(_before([f.word for f in forms])),
            starts=_laid([c.starts for c in corpora], tokens),
            lengths=_laid([c.lengths for c in corpora]),
            partial=_laid([c.partial for c in corpora]),
            decoder=torch.tensor(decoder),
            decoders=tuple((lane, number) for _, lane, number in names),
            sizes=tuple(size for size, _, _ in names),
            form=_laid([c.form.to(device) for c in corpora], _before([f.word for f in forms])),
            tags=_laid([c.tags.to(device) for c in corpora]),
            word=_laid([f.word.to(device) for f in forms]),
            spelling_starts=_laid([f.starts.to(device) for f in forms], spelled),
            spelling_lengths=_laid([f.lengths.to(device) for f in forms]),
            characters=_laid([f.characters.to(device) for f in forms]),
        )

    @property
    def device(self) -> torch.device:
        """Where batches are made."""
        return self.form.device

    def take(self, lanes: Sequence[int]) -> "LaneCorpora":
        """The stock of only these lanes, in ascending order; its tensors on the device are the same."""
        place = {lane: i for i, lane in enumerate(lanes)}
        index = torch.tensor(lanes)
        return replace(
            self,
            corpora=tuple(self.corpora[lane] for lane in lanes),
            sentences=self.sentences[index],
            tasks=self.tasks[index],
            forms=tuple(self.forms[lane] for lane in lanes),
            decoders=tuple((place.get(lane, -1), number) for lane, number in self.decoders),  # -1: not taken
        )


def _before(parts: Sequence[Sized]) -> list[int]:
    """How many items stand before each part's when they are laid end to end."""
    return [0, *accumulate(len(part) for part in parts[:-1])]


def _laid(parts: Sequence[Tensor], before: Sequence[int] | None = None) -> Tensor:
    """Parts end to end, each one's values raised by what is counted ``before`` it; a single part as it is."""
    if len(parts) == 1:
        return parts[0]
    return torch.cat([part + n for part, n in zip(parts, before, strict=True)] if before else list(parts))
