"""The other side of ``bench/encoders.py --flair PYTHON``: updates of Flair's tagger in an environment of its own.

    python -m venv flair && flair/bin/pip install torch==2.13.0 flair

Reads a JSON file with ``folder`` (the encoder) and ``sentences`` (tokens and tags), then answers each line of stdin, a
number of seconds, with the tokens of as many updates as last so long and the seconds that they took. The tagger is one
as Flair's documentation fine-tunes it: the first sub-word of the last layer, a linear layer, no CRF, random batches of
32 sentences.
"""

import json
import random
import sys
import time
from pathlib import Path

import flair
import torch
from flair.data import Dictionary, Sentence
from flair.embeddings import TransformerWordEmbeddings
from flair.models import SequenceTagger

BATCH = 32


def main() -> None:
    """Prepare, say that it is ready, and answer."""
    torch.set_num_threads(1)
    flair.device = torch.device("cpu")
    flair.set_seed(1)
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sentences = []
    labels = Dictionary(add_unk=False)
    for tokens, tags in given["sentences"]:
        sentence = Sentence(tokens, use_tokenizer=False)
        for token, tag in zip(sentence, tags, strict=True):
            token.set_label("tag", tag)
            labels.add_item(tag)
        sentences.append(sentence)
    embeddings = TransformerWordEmbeddings(
        given["folder"], layers="-1", subtoken_pooling="first", fine_tune=True, use_context=False
    )
    tagger = SequenceTagger(
        embeddings, labels, "tag", tag_format="BIO", use_rnn=False, use_crf=False, reproject_embeddings=False
    )
    optimizer = torch.optim.AdamW(tagger.parameters(), lr=1e-4)
    tagger.train()
    draw = random.Random(1)
    print("ready", flush=True)
    for line in sys.stdin:
        tokens, began = 0, time.perf_counter()
        while time.perf_counter() - began < float(line):
            batch = draw.sample(sentences, BATCH)
            optimizer.zero_grad()
            loss, _ = tagger.forward_loss(batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(tagger.parameters(), 5.0)
            optimizer.step()
            tokens += sum(map(len, batch))
            for sentence in batch:
                sentence.clear_embeddings()
        print(tokens, time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
