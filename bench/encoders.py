"""Pretrained encoders: fine-tuning against a plain loop, a frozen encoder against GloVe, and tagging, in tokens/s.

    python bench/encoders.py --encoder FOLDER [--data DIR] [--parts finetune,profile,frozen,tag] [--tasks supsense,upos]
                             [--seconds 10] [--rounds 3] [--flair PYTHON] [--json]

finetune: tagmates against a loop as it is usually written with ``transformers``: random batches, padded to the longest
sentence, ``AutoModelForTokenClassification`` (a linear layer in place of the CRF) and AdamW. Both take turns in one
process of one thread; with ``--flair``, Flair's tagger takes turns with them in a process of that Python, which has
Flair installed (``flair_updates.py``). profile: where the time of an update goes. frozen: seconds to read all corpora
once, their size on disk, and updates with the states of the encoder beside those with GloVe. tag: words per second of a
tagger with a decoder per task on the encoder, beside the model ``en``, in one process of two threads and in two of one
thread.
"""

import json
import os
import random
import re
import subprocess
import tempfile
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from rounds import alternate, arguments, show, summary
from torch.profiler import ProfilerActivity, profile
from train import MATRIX_PRODUCTS, for_a_while
from transformers import AutoModelForTokenClassification, AutoTokenizer
from workers import Side, Workers

import tagmates
from tagmates.config import RunConfig
from tagmates.data.indexing import IndexedSplit
from tagmates.data.sentence import Sentence
from tagmates.data.tasks import load_tasks
from tagmates.model.frozen import FrozenEncoder
from tagmates.model.pretrained_encoder import load_encoder
from tagmates.model.window_reader import GROUP_COST
from tagmates.model.windows import groups_of_similar_length
from tagmates.private_folders import cache_folder
from tagmates.settings_parsing import resolve
from tagmates.study.task_cache import indexed_task, prepare
from tagmates.training.loop import Updated, train_side_by_side

FLOP_PER_SUBWORD = 64e6  # of all-MiniLM-L6: 10.6 million weights in products, twice forward and four times backward
BATCH = 32


def main() -> None:
    """Measure the parts that are asked for, and print."""
    options = arguments(
        __doc__,
        encoder="",
        data="starter",
        parts="finetune,profile,frozen,tag",
        tasks="supsense,upos",
        seconds=10,
        flair="",
    )
    parts, tasks = options.parts.split(","), options.tasks.split(",")
    torch.set_num_threads(1)
    for task in tasks:
        if "finetune" in parts:
            show({f"{task}, fine-tuning, tokens/s": finetuning(task, options)}, as_json=options.json)
        if "profile" in parts:
            show({f"{task}, where an update's time goes": where_time_goes(task, options)}, as_json=options.json)
    if "frozen" in parts:
        show({"all corpora, read once": read_once(options.encoder, options.data)}, as_json=options.json)
        for task in tasks:
            show({f"{task}, updates/s": frozen_updates(task, options)}, as_json=options.json)
    if "tag" in parts:
        show(tagging(options), as_json=options.json)


def config_of(task: str, encoder: str, preset: str, *more: str) -> RunConfig:
    """A run of one task; with an empty ``encoder`` the GRU of the paper with GloVe."""
    return resolve(preset, None, [f"model.encoder={encoder}", *more], {"tasks": (task,), "sharing": "stl"})


def updates(config: RunConfig, data: str) -> Iterator[int]:
    """Train without end; the tokens of every update."""
    while True:
        for event in train_side_by_side([prepare(config, data, "cpu")]):
            if isinstance(event, Updated):
                yield event.tokens


def finetuning(task: str, options: Namespace) -> dict[str, dict[str, float]]:
    """Tokens per second of both loops."""
    config = config_of(task, options.encoder, "pretrained")
    data, seconds = options.data, options.seconds
    ours = updates(config, data)
    theirs = plain_updates(options.encoder, task, data)
    sides: dict[str, Callable[[], float]] = {
        "plain loop": partial(rate, seconds, lambda: next(theirs)),
        "tagmates": partial(rate, seconds, lambda: next(ours)),
    }
    split = indexed_task(data, task).splits["train"]
    with tempfile.TemporaryDirectory() as place:
        if options.flair:
            sides["Flair"] = flair_side(options.flair, options.encoder, split, Path(place), seconds)
        found = summary(alternate(sides, options.rounds), "plain loop")
    spell = load_encoder(options.encoder).subwords.spell
    counts = [len(spell(form)) for form in split.forms]
    subwords = sum(counts[form] for form in split.form.tolist()) / len(split.form)
    found["tagmates"]["padding, percent"] = round(padding(config, data), 1)
    sentences = [[counts[form] for form in part] for part in split_forms(split)]
    draw = random.Random(1)
    drawn = [[sum(sentence) for sentence in draw.sample(sentences, BATCH)] for _ in range(200)]
    found["plain loop"]["padding, percent"] = round(100 * wasted(drawn), 1)
    product = median(product_speed() for _ in range(5))
    bound = product * 1e9 / FLOP_PER_SUBWORD / subwords
    found["roofline"] = {
        "sub-words per token": round(subwords, 2),
        "a product alone, GFLOP/s": round(product, 1),
        "tokens/s at that speed": round(bound),
        "share reached": round(found["tagmates"]["median"] / bound, 2),
    }
    return found


def flair_side(python: str, encoder: str, split: IndexedSplit, place: Path, seconds: float) -> Callable[[], float]:
    """Tokens per second of Flair's updates, in a process of the Python that has Flair."""
    folder = str(load_encoder(encoder).folder)
    sentences = [[list(sentence.tokens), [tag or "O" for tag in sentence.labels]] for sentence in split.sentences]
    (place / "given.json").write_text(json.dumps({"folder": folder, "sentences": sentences}), encoding="utf-8")
    command = [python, str(Path(__file__).parent / "flair_updates.py"), str(place / "given.json")]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    assert process.stdin is not None and process.stdout is not None
    answers, questions = process.stdout, process.stdin
    while answers.readline().strip() != "ready":
        if process.poll() is not None:
            raise SystemExit(f"{python}: cannot run bench/flair_updates.py; is Flair installed there?")

    def work() -> float:
        print(seconds, file=questions, flush=True)
        tokens, spent = map(float, answers.readline().split())
        return tokens / spent

    return work


def split_forms(split: IndexedSplit) -> Iterator[list[int]]:
    """The numbers of the forms of each sentence."""
    ends = split.lengths.cumsum()
    for start, end in zip(ends - split.lengths, ends, strict=True):
        yield split.form[start:end].tolist()


def padding(config: RunConfig, data: str) -> float:
    """Percent of the sub-words that tagmates reads which are padding, over the batches of an epoch."""
    run = prepare(config, data, "cpu")
    run.begin_epoch()
    corpus = run.corpora["train"]
    forms = list(corpus.forms.index)
    spelled = [len(run.module.spell(form) or ()) for form in forms]
    groups = []
    for batch in run.batches:
        lengths = torch.tensor(
            [
                sum(spelled[form] for form in corpus.form[start : start + length].tolist())
                for start, length in zip(corpus.starts[batch].tolist(), corpus.lengths[batch].tolist(), strict=True)
            ]
        )
        groups += [lengths[group].tolist() for group in groups_of_similar_length(lengths, GROUP_COST)]
    return 100 * wasted(groups)


def wasted(groups: Sequence[Sequence[int]]) -> float:
    """The share of padding among the sub-words of groups of sentences of these lengths, two special tokens counted."""
    read = sum(len(group) * (max(group) + 2) for group in groups)
    return 1 - sum(sum(group) + 2 * len(group) for group in groups) / read


def rate(seconds: float, update: Callable[[], int]) -> float:
    """Tokens per second of as many updates as last so long."""
    tokens, spent = for_a_while(seconds, update)
    return tokens / spent


def product_speed(rows: int = 900, inner: int = 384, columns: int = 1536) -> float:
    """GFLOP/s of a matrix product of the size of an encoder's feed-forward layer."""
    left, right = torch.rand(rows, inner), torch.rand(inner, columns)
    began, number = time.perf_counter(), 0
    while time.perf_counter() - began < 0.3:
        left @ right
        number += 1
    return 2 * rows * inner * columns * number / (time.perf_counter() - began) / 1e9


def plain_updates(encoder: str, task: str, data: str) -> Iterator[int]:
    """A loop as it is usually written; the tokens of every update."""
    folder = load_encoder(encoder).folder
    tokenizer = AutoTokenizer.from_pretrained(folder, add_prefix_space=True)
    split = indexed_task(data, task).splits["train"]
    numbers = {tag: i for i, tag in enumerate(split.tags)}
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=len(numbers))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    sentences = list(split.sentences)
    draw = random.Random(1)
    model.train()
    while True:
        chosen = draw.sample(sentences, BATCH)
        yield _plain_update(model, tokenizer, optimizer, chosen, numbers)


def _plain_update(
    model: Any, tokenizer: Any, optimizer: Any, chosen: list[Sentence], numbers: dict[str | None, int]
) -> int:
    words = [list(sentence.tokens) for sentence in chosen]
    batch = tokenizer(
        words, is_split_into_words=True, truncation=True, max_length=512, padding=True, return_tensors="pt"
    )
    labels = torch.full_like(batch["input_ids"], -100)
    for row, sentence in enumerate(chosen):
        before = None
        for place, word in enumerate(batch.word_ids(row)):
            if word is not None and word != before:
                labels[row, place] = numbers[sentence.labels[word]]
            before = word
    optimizer.zero_grad()
    loss = model(**batch, labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    loss.item()
    return sum(map(len, words))


def where_time_goes(task: str, options: Namespace, number: int = 10) -> dict[str, dict[str, float]]:
    """Percent of an update by kind of work, and the share of sub-words that are padding."""
    stream = updates(config_of(task, options.encoder, "pretrained"), options.data)
    for _ in range(3):
        next(stream)
    spent: Counter[str] = Counter()
    for _ in range(number):
        with profile(activities=[ProfilerActivity.CPU]) as prof:
            next(stream)
        for event in prof.key_averages():
            spent[_kind_of(event.key)] += event.self_cpu_time_total / 1e6
    total = sum(spent.values())
    return {kind: {"percent": round(100 * seconds / total, 1)} for kind, seconds in spent.most_common(8)}


def _kind_of(operation: str) -> str:
    if operation in MATRIX_PRODUCTS:
        return "matrix products"
    if "attention" in operation:
        return "attention"
    if "adamw" in operation.lower() or "linalg_vector_norm" in operation or "Optimizer" in operation:
        return "clipping and AdamW"
    return operation


def read_once(encoder: str, data: str) -> dict[str, dict[str, float]]:
    """Seconds to read all splits of all tasks with a frozen encoder, and the bytes of their states."""
    found = load_encoder(encoder)
    with tempfile.TemporaryDirectory() as place, _cache_in(place):
        frozen = FrozenEncoder(found.parameters(), found.subwords, "first")
        seconds, tokens, subwords = 0.0, 0, 0
        for task in load_tasks(data):
            for split in indexed_task(data, task).splits.values():
                counts = [len(found.subwords.spell(form)) for form in split.forms]
                subwords += sum(counts[form] for form in split.form.tolist())
                tokens += len(split.form)
                began = time.perf_counter()
                frozen.states(split)
                seconds += time.perf_counter() - began
        size = sum(path.stat().st_size for path in (cache_folder() / "states").glob("*.npy"))
    return {
        "states": {
            "tokens": tokens,
            "sub-words": subwords,
            "seconds": round(seconds, 1),
            "sub-words/s": round(subwords / seconds),
            "GFLOP/s": round(subwords * FLOP_PER_SUBWORD / 3 / seconds / 1e9, 1),
            "MB on disk": round(size / 1e6),
        }
    }


def _cache_in(place: str) -> Any:
    return patch.dict("os.environ", TAGMATES_CACHE=place)


def frozen_updates(task: str, options: Namespace) -> dict[str, dict[str, float]]:
    """Updates per second with the states of the encoder, and with GloVe."""
    data, seconds = options.data, options.seconds
    streams = {
        "GloVe": updates(config_of(task, "", "practical"), data),
        "frozen": updates(config_of(task, options.encoder, "practical", "model.finetune=false"), data),
    }

    def speed(name: str) -> float:
        began, number = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            next(streams[name])
            number += 1
        return number / (time.perf_counter() - began)

    return summary(alternate({name: partial(speed, name) for name in streams}, options.rounds), "GloVe")


def tagging(options: Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Words per second of a tagger with a decoder per task on the encoder, beside the model ``en``."""
    results = {}
    data = options.data
    with tempfile.TemporaryDirectory() as place:
        config = resolve(
            "pretrained",
            None,
            [f"model.encoder={options.encoder}"],
            {"tasks": tuple(load_tasks(data)), "sharing": "multi_dec"},
        )
        prepare(config, data, "cpu").tagger.save_pretrained(place)
        for layout, (processes, threads) in {"1 x 2": (1, 2), "2 x 1": (2, 1)}.items():
            calls = [(place, data, options.seconds, ("en", "encoder"))] * processes
            workers = Workers(threads, tagging_sides, calls)
            both = {name: lambda n=name, w=workers: w.rate(n) for name in ("en", "encoder")}
            results[f"tagging, words/s, processes x threads {layout}"] = summary(alternate(both, options.rounds), "en")
            workers.close()
        peaks: dict[str, dict[str, float]] = {}
        for name in ("en", "encoder"):
            workers = Workers(1, tagging_sides, [(place, data, options.seconds, (name,))])
            workers.rate(name)
            peaks[name] = {"MB": round(workers.rate("peak"))}
            workers.close()
    results["most memory of a process, data included"] = peaks
    return results


def tagging_sides(model: str, data: str, seconds: float, names: Sequence[str]) -> dict[str, Side]:
    """Taggers on the same sentences, and as ``peak`` the most memory that this process has had, in MB."""
    split: IndexedSplit = indexed_task(data, next(iter(load_tasks(data)))).splits["dev"]
    texts = [list(sentence.tokens) for sentence in split.sentences]
    taggers = {name: tagmates.Tagger.from_pretrained("en" if name == "en" else Path(model)) for name in names}

    def tag(name: str) -> tuple[int, float]:
        began, words = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            some = texts[words % 50 :][:200]
            taggers[name].tag(some)
            words += sum(map(len, some))
        return words, time.perf_counter() - began

    def peak() -> tuple[int, float]:
        status = Path("/proc/self/status").read_text()  # getrusage also counts the process that started this one
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024, 1.0  # type: ignore[index]

    return {**{name: partial(tag, name) for name in taggers}, "peak": peak}


if __name__ == "__main__":
    main()
