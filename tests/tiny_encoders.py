"""Tiny pretrained encoders with random parameters, made on the fly in the layout of Hugging Face ``transformers``."""

import json
import string
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModel,
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

LENGTH = 16  # sub-words that a tiny encoder reads at a time, special tokens counted
LETTERS = string.ascii_letters + string.digits + "äÖß<>_.,!'"


def tiny_bert(folder: Path, seed: int = 1, **sizes: int) -> Path:
    """A BERT whose sub-words are single characters, lower-cased; control characters are dropped."""
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = sorted({letter.lower() for letter in LETTERS})
    vocabulary = {piece: i for i, piece in enumerate([*marks, *pieces, *(f"##{piece}" for piece in pieces)])}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.enable_truncation(5)  # as in the files of many encoders; it must not cut anything here
    tokenizer.enable_padding()
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), marks, strict=True))
    sizes = {"hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20, **sizes}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=LENGTH, **sizes))
    return _save(folder, model, PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names))


def tiny_roberta(folder: Path, seed: int = 1) -> Path:
    """A RoBERTa whose sub-words are bytes, with a mark for the space before a word."""
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: i for i, piece in enumerate([*marks, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), marks, strict=True))
    sizes = {"hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        places = {"max_position_embeddings": LENGTH + 2, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
        model = RobertaModel(RobertaConfig(vocab_size=len(vocabulary), **places, **sizes))
    return _save(folder, model, PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names))


def tiny_unigram(folder: Path) -> Path:
    """A tokenizer as that of XLM-R, with a mark for the space before a word; it needs ``with_model``."""
    marks, letters = ["<s>", "<pad>", "</s>", "<unk>"], sorted(set(LETTERS))
    pieces = [(mark, 0.0) for mark in marks] + [("\u2581", -2.0)]
    pieces += [(start + letter, -3.0) for letter in letters for start in ("", "\u2581")]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    ends = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), marks, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return folder


def with_model(folder: Path, kind: str, values: dict[str, Any]) -> Path:
    """The folder with a random model of this kind (``model_type``) in place of its own."""
    numbers = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    sizes = {"hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20}
    known = {"vocab_size": len(numbers), "max_position_embeddings": LENGTH, **(sizes if "dim" not in values else {})}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        AutoModel.from_config(AutoConfig.for_model(kind, **{**known, **values})).save_pretrained(folder)
    return folder


def _save(folder: Path, model: BertModel | RobertaModel, tokenizer: PreTrainedTokenizerFast) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    # the class of tokenizer that such encoders name
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder
