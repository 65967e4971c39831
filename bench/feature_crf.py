"""How much a linear-chain CRF with hand-made features learns from little data: a second opinion for bench/small.py.

    pip install python-crfsuite
    python bench/feature_crf.py --data "$TAGMATES_DATA" [--tasks chunk,ner,supsense] [--sizes 20,50,100,200,500,1000]

Trains CRFsuite on the first sentences of each train split, as bench/small.py does, and prints the F1 on the whole test
set, by the task's own score. A word has as features itself, the two words on either side, and of itself and its
neighbours the first and last one to three letters and the kind of letters. There are no word vectors, no dev set and
no seeds. L-BFGS, 100 iterations, penalties of 0.05.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pycrfsuite
from rounds import arguments

from tagmates.data.corpora import load_split
from tagmates.data.sentence import Sentence
from tagmates.data.tasks import load_tasks
from tagmates.training.scores import score_sentences

SETTINGS = {"c1": 0.05, "c2": 0.05, "max_iterations": 100, "feature.possible_transitions": True}
KINDS = {"digit": str.isdigit, "capitals": str.isupper, "small": str.islower, "title": str.istitle}


def main() -> None:
    """Print the F1 of every task and number of sentences."""
    options = arguments(__doc__, data="", tasks="chunk,ner,supsense", sizes="20,50,100,200,500,1000")
    tasks = load_tasks(options.data)
    print("task       sentences  test F1")
    for name in options.tasks.split(","):
        task = tasks[name]
        train, test = load_split(task, "train"), load_split(task, "test")
        for size in (int(text) for text in options.sizes.split(",")):
            predicted = tagged(train[:size], test)
            print(f"{name:10} {size:>9}  {score_sentences(test, predicted, task).total.f1:7.2f}", flush=True)


def tagged(train: Sequence[Sentence], test: Sequence[Sentence]) -> list[list[str]]:
    """The tags that a CRF gives ``test`` after it has seen ``train``."""
    trainer = pycrfsuite.Trainer(params=SETTINGS, verbose=False)
    for sentence in train:
        trainer.append(features(sentence.tokens), [str(label) for label in sentence.labels])
    with tempfile.TemporaryDirectory() as folder:
        model = str(Path(folder) / "crf")
        trainer.train(model)
        tagger = pycrfsuite.Tagger()
        tagger.open(model)
        return [tagger.tag(features(sentence.tokens)) for sentence in test]


def features(words: Sequence[str]) -> list[list[str]]:
    """The features of every word."""
    return [list(_features_at(words, place)) for place in range(len(words))]


def _features_at(words: Sequence[str], place: int) -> Iterator[str]:
    for step in range(-2, 3):
        if not 0 <= place + step < len(words):
            yield f"{step} outside"
            continue
        word = words[place + step]
        yield f"{step} word {word.lower()}"
        if abs(step) <= 1:
            yield f"{step} kind {next((kind for kind, is_so in KINDS.items() if is_so(word)), 'other')}"
            for letters in (1, 2, 3):
                yield f"{step} starts {word[:letters].lower()}"
                yield f"{step} ends {word[-letters:].lower()}"


if __name__ == "__main__":
    main()
