"""Records of annotation tools in which a value is of another type: an error with a line, and never a traceback."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tagmates.data.checking.check import check_tasks
from tagmates.data.describing.proposal import propose
from tagmates.data.tasks import load_tasks
from tagmates.errors import TagmatesError

WORDS = [{"text": "Ada", "start": 0, "end": 3, "id": 0}, {"text": "naps", "start": 4, "end": 8, "id": 1}]
RECORDS: dict[str, Any] = {
    "lists": {"tokens": ["Ada", "naps"], "ner_tags": [1, 0]},
    "doccano": {"id": 1, "text": "Ada naps", "label": [[0, 3, "PER"]]},
    "prodigy": {"text": "Ada naps", "tokens": WORDS, "spans": [{"start": 0, "end": 3, "label": "PER"}]},
    "automl": {
        "text_snippet": {"content": "Ada naps"},
        "annotations": [{"display_name": "PER", "text_extraction": {"text_segment": {"end_offset": 3}}}],
    },
    "dataturks": {
        "content": "Ada naps",
        "annotation": [{"label": ["PER"], "points": [{"start": 0, "end": 2, "text": "Ada"}]}],
    },
    "cluener": {"text": "Ada naps", "label": {"PER": {"Ada": [[0, 2]]}}},
    "label studio": {
        "data": {"text": "Ada naps"},
        "annotations": [
            {"result": [{"type": "labels", "value": {"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}}]}
        ],
    },
    "words with spans": {"tokenized_text": ["Ada", "naps"], "ner": [[0, 0, "PER"]]},
    "sentences": {"sentences": [["Ada", "naps"], ["Una"]], "ner": [[[0, 0, "PER"]], []]},
}
Place = tuple[str | int, ...]
VALUES = st.sampled_from(
    [None, True, -1, 5, 2**70, 1.5, "", "x", "\n", "\ud800", [], {}, [[]], [None], ["a"], {"a": 1}]
)


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    """The way to each value inside a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


PLACES = [(name, place) for name, record in RECORDS.items() for place in places(record)]


@given(where=st.sampled_from(PLACES), value=VALUES, every=st.booleans(), first=st.booleans())
@example(("automl", ("annotations", 0, "text_extraction", "text_segment")), True, True, True)
@example(("prodigy", ("tokens", 1)), ["a"], False, True)
@example(("prodigy", ("tokens", 1, "text")), 1.5, False, True)
@example(("sentences", ("ner",)), True, False, True)
@example(("lists", ("ner_tags", 0)), 2**70, False, False)
def test_a_value_of_another_type(where: tuple[str, Place], value: Any, every: bool, first: bool) -> None:
    name, place = where
    whole = json.dumps(RECORDS[name])
    broken = json.loads(whole)
    inner = broken
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    lines = [json.dumps(broken) if every or at == (0 if first else 7) else whole for at in range(20)]
    with TemporaryDirectory() as folder:
        for split in ("train", "dev"):
            Path(folder, f"{split}.jsonl").write_text("\n".join(lines))
        try:
            text = propose(Path(folder), "").text
            Path(folder, "tasks.toml").write_text(text)
            problems = check_tasks(load_tasks(folder))
        except TagmatesError as error:
            assert "jsonl" in str(error)
            return
        assert len(text) < 10_000
        assert all(problem.line is None or 1 <= problem.line <= 20 for problem in problems)
