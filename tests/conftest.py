"""One thread for torch, and shape checks of the tensor functions' own annotations, before anything imports tagmates."""

import torch
from jaxtyping import install_import_hook

# Not yet model.gru, model.embedding and model.network: their annotations name sizes such as "2*hidden" that no argument
# before them binds. Not the records without tensors either: beartype checks a random item of a tuple, and hypothesis
# forbids strategies to draw from the random module.
CHECKED = ("tagmates.data.packing", "tagmates.data.batches", "tagmates.model.crf", "tagmates.model.module")

torch.set_num_threads(1)
install_import_hook(list(CHECKED), "beartype.beartype")
