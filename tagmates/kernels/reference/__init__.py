"""The definition, in torch, of all that has a faster version in C or in Triton."""

from tagmates.kernels.reference.adam import adam_step
from tagmates.kernels.reference.crf import argmax, exact_log_partition, log_partition, scaled_log_partition, score
from tagmates.kernels.reference.dropout import apply_dropout
from tagmates.kernels.reference.gru import gru_layer

__all__ = [
    "adam_step",
    "apply_dropout",
    "argmax",
    "exact_log_partition",
    "gru_layer",
    "log_partition",
    "scaled_log_partition",
    "score",
]
