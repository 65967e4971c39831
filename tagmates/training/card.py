"""The model card of a run, ``README.md`` in its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tagmates.formatting import plural
from tagmates.installed import VERSION
from tagmates.training.run import Run

EPOCH_TEXTS = {
    "last": "the last epoch",
    "best": "the best epoch",
    "best_per_task": "the best epoch; each score is that of the task's own best epoch, whose weights are kept too",
}
_NO_SCORES = "It has no score: it was trained on train and dev together, and the data have no test split."


def _start(run: Run) -> str:
    encoder = run.start.encoder
    if run.start.base is not None:
        return (
            f"Goes on from the tagger {Path(run.config.base).name}, whose licence holds for this model too "
            f"({run.start.name}).\n"
        )
    if encoder is None:
        return ""
    use = "fine-tuned" if run.config.model.finetune else "not trained"
    return (
        f"With the pretrained encoder {Path(encoder.source).name}, {use}, whose licence holds for this model too "
        f"({encoder.name}).\n"
    )


def _scores(scores: Mapping[str, Any], signatures: Mapping[str, str], split: str) -> str:
    rows = "\n".join(
        f"| {task} | {own['precision']:.2f} | {own['recall']:.2f} | {own['f1']:.2f} |" for task, own in scores.items()
    )
    below = "\n".join(f"- `{text}`" for text in signatures.values())
    return f"| task | precision | recall | F1 ({split}) |\n| --- | --- | --- | --- |\n{rows}\n\n{below}"


def model_card(run: Run, result: Mapping[str, Any]) -> str:
    """A model card in Markdown: the tasks, how the tagger was trained, its scores, and how to use it."""
    split = next((split for split in ("test", "dev") if split in result), "")
    scores = _scores(result[split], result["signature"][split], split) if split else _NO_SCORES
    return f"""# A tagmates tagger: {", ".join(run.config.all_tasks)}

Sharing `{run.config.sharing}`, seed {run.config.seed}, run `{run.id}`, {result["parameters"]:,} parameters.
{_start(run)}Trained for {plural(run.epoch, "epoch")} ({plural(run.updates, "update")}), stopped by {result["stopped"]}.
Best epoch {result["best_epoch"]}; the weights kept are those of {EPOCH_TEXTS[run.config.training.weights]}.

{scores}

```python
import tagmates

tagger = tagmates.Tagger.from_pretrained("this folder")
tagger.tag(["A sentence ."])
```

Made by tagmates {VERSION}. The corpora it learned from keep their own licences.
"""
