"""One thread for torch, and shape checks of the tensor functions' own annotations, before anything imports tagmates."""

import torch
from jaxtyping import install_import_hook

# Not the records without tensors: beartype checks a random item of a tuple, and hypothesis forbids strategies to draw
# from the random module.
CHECKED = ("tagmates.data.packing", "tagmates.data.stock", "tagmates.data.batches", "tagmates.model")

torch.set_num_threads(1)
install_import_hook(list(CHECKED), "beartype.beartype")
