"""One thread for torch, and shape checks of the package's own annotations, before anything imports tagmates."""

import torch
from jaxtyping import install_import_hook

# Not tagmates.config (beartype cannot check Self in a pydantic validator), and not yet model.gru, model.embedding and
# model.network: their annotations name sizes such as "2*hidden" that no argument before them binds.
CHECKED = ("tagmates.data", "tagmates.model.crf", "tagmates.model.module", "tagmates.model.tagger", "tagmates.training")

torch.set_num_threads(1)
install_import_hook(list(CHECKED), "beartype.beartype")
