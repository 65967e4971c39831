"""The same computations in C, on a CPU and in float32: the sources, and the functions that call them."""

from tagmates.kernels.c.crf import argmax, scaled_log_partition, score
from tagmates.kernels.c.gru import gru_layer

__all__ = ["argmax", "gru_layer", "scaled_log_partition", "score"]
