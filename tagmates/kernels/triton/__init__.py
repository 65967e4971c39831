"""The same computations in Triton, on a GPU and in float32. Importing this needs the package ``triton``."""

from tagmates.kernels.triton.adam import adam_step
from tagmates.kernels.triton.crf import TAG_LIMIT, argmax, scaled_log_partition
from tagmates.kernels.triton.dropout import apply_dropout, seeded_dropout
from tagmates.kernels.triton.gru import gru_layer

__all__ = ["TAG_LIMIT", "adam_step", "apply_dropout", "argmax", "gru_layer", "scaled_log_partition", "seeded_dropout"]
