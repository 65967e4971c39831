"""The model card of a run, ``README.md`` in its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tagmates.installed import VERSION
from tagmates.training.run import Run

EPOCH_TEXTS = {
    "last": "the last epoch",
    "best": "the best epoch",
    "best_per_task": "the best epoch; each score is that of the task's own best epoch, whose weights are kept too",
}


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


def model_card(run: Run, result: Mapping[str, Any]) -> str:
    """A model card in Markdown: the tasks, how the tagger was trained, its scores, and how to use it."""
    split = "test" if "test" in result else "dev"
    rows = "\n".join(
        f"| {task} | {s['precision']:.2f} | {s['recall']:.2f} | {s['f1']:.2f} |" for task, s in result[split].items()
    )
    signatures = "\n".join(f"- `{text}`" for text in result["signature"][split].values())
    return f"""# A tagmates tagger: {", ".join(run.config.all_tasks)}

Sharing `{run.config.sharing}`, seed {run.config.seed}, run `{run.id}`, {result["parameters"]:,} parameters.
{_start(run)}Trained for {run.epoch} epochs ({run.updates} updates), stopped by {result["stopped"]}.
Best epoch {result["best_epoch"]}; the weights kept are those of {EPOCH_TEXTS[run.config.training.weights]}.

| task | precision | recall | F1 ({split}) |
| --- | --- | --- | --- |
{rows}

{signatures}

```python
import tagmates

tagger = tagmates.Tagger.from_pretrained("this folder")
tagger.tag(["A sentence ."])
```

Made by tagmates {VERSION}. The corpora it learned from keep their own licences.
"""
