"""A pretrained encoder that reads the windows of a batch's sentences and gives the states of their sub-words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tagmates.model.pretrained_encoder import max_length
from tagmates.model.subwords import Subwords
from tagmates.model.windows import SubwordSequence, Windows, groups_of_similar_length, windows_of

MAX_READ = 2**15  # sub-words that the encoder reads at a time, so that a text of long words needs no absurd memory
GROUP_COST = 64  # sub-words: what one more call of the encoder costs beside the sub-words that it reads
UNPADDED_KINDS = ("convbert", "fnet", "mobilebert", "yoso")  # they read the padding beside a sentence, too
Pooling = Literal["first", "mean"]


@dataclass(frozen=True)
class WindowReader:
    """A module of Hugging Face ``transformers``, and the sub-words that it reads.

    With ``task_first``, the first sub-word of every sentence is its task. It is then repeated at the beginning of every
    window of the sentence. A state is the mean of those of the last ``layers`` layers.
    """

    transformer: Any
    subwords: Subwords
    task_first: bool = False
    layers: int = 1

    def tokens(self, sequence: SubwordSequence, pooling: Pooling) -> Float[Tensor, "tokens states"]:
        """The state of every token: that of its first sub-word, or the mean of its sub-words' states."""
        states = self.read(sequence)
        if pooling == "first":
            return states.index_select(0, sequence.first)
        total = states.new_zeros(len(sequence.first), states.shape[1]).index_add(0, sequence.token, states)
        return total / sequence.token.bincount(minlength=len(sequence.first)).unsqueeze(1)

    def read(self, sequence: SubwordSequence) -> Float[Tensor, "subwords states"]:
        """The state of every sub-word, read in windows of at most the encoder's length."""
        starts = sequence.lengths.cumsum(0) - sequence.lengths
        is_content = torch.ones_like(sequence.numbers, dtype=torch.bool)
        heads = sequence.numbers.new_empty(len(starts), int(self.task_first))
        if self.task_first:
            is_content[starts] = False
            heads = sequence.numbers.index_select(0, starts).unsqueeze(1)
        special = len(self.subwords.before) + len(self.subwords.after) + int(self.task_first)
        longest = max(max_length(self.transformer) - special, 1)
        windows = windows_of(sequence.lengths - int(self.task_first), longest)
        content = sequence.numbers[is_content]
        flat, base = [], torch.empty_like(windows.start)  # the states, and where those of each window begin among them
        size = 0
        lengths = windows.length.cpu()
        cost = 0 if self.transformer.config.model_type in UNPADDED_KINDS else GROUP_COST
        groups = groups_of_similar_length(lengths, cost)  # in each, the longest window is the first
        for group in (
            part for each in groups for part in each.split(max(MAX_READ // max(int(lengths[each[0]]), 1), 1))
        ):
            own = group.to(base.device)
            states = self._read_group(content, windows, own, heads)
            rows, width = states.shape[:2]
            base[own] = size + width * torch.arange(rows, device=base.device)
            size += rows * width
            flat.append(states.flatten(0, 1))
        index = torch.empty_like(sequence.numbers)
        index[is_content] = base[windows.window] + windows.place + int(self.task_first)
        if self.task_first:
            index[starts] = base[torch.searchsorted(windows.sentence, torch.arange(len(starts), device=base.device))]
        return torch.cat(flat).index_select(0, index)

    def _read_group(
        self,
        content: Int[Tensor, " subwords"],
        windows: Windows,
        group: Int[Tensor, " windows"],
        heads: Int[Tensor, "sentences heads"],
    ) -> Float[Tensor, "windows width states"]:
        """The states of these windows, padded to the longest: heads and content, without the special tokens."""
        length = windows.length[group].unsqueeze(1)
        step = torch.arange(int(length.max()), device=content.device)
        chosen = content[(windows.start[group].unsqueeze(1) + step).clamp_max(len(content) - 1)]
        before = content.new_tensor(self.subwords.before).expand(len(group), -1)
        after = content.new_tensor(self.subwords.after).expand(len(group), -1)
        padding = content.new_tensor(self.subwords.padding)
        given = torch.cat(
            [before, heads[windows.sentence[group]], torch.where(step < length, chosen, padding), padding + 0 * after],
            1,
        )
        end = length + before.shape[1] + heads.shape[1]
        given = given.scatter(1, end + torch.arange(after.shape[1], device=given.device), after)
        mask = torch.arange(given.shape[1], device=given.device) < end + after.shape[1]
        with torch.autocast(given.device.type, torch.bfloat16, enabled=given.device.type == "cuda"):
            found = self.transformer(input_ids=given, attention_mask=mask.long(), output_hidden_states=self.layers > 1)
        states: Tensor = found.last_hidden_state.float()
        if self.layers > 1:
            states = torch.stack(found.hidden_states[1:][-self.layers :]).float().mean(0)  # the first are embeddings
        return states[:, before.shape[1] : given.shape[1] - after.shape[1]]


def sequence_of(spelled: Sequence[Sequence[Sequence[int]]], device: torch.device) -> SubwordSequence:
    """The sequence of sentences whose words are spelled already: sentence → word → numbers of sub-words."""
    words = [word for sentence in spelled for word in sentence]
    counts = torch.tensor([len(word) for word in words])
    numbers = torch.tensor([number for word in words for number in word])
    lengths = torch.tensor([sum(map(len, sentence)) for sentence in spelled])
    first = counts.cumsum(0) - counts
    parts = (numbers, torch.repeat_interleave(counts), lengths, first)
    return SubwordSequence(*(part.to(device) for part in parts))
