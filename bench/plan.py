"""How far the estimate of ``study plan`` is from the truth: before the first run, with cold and with warm caches.

    python bench/plan.py [--data DIR] [--tasks com,mwe,supsense,upos] [--updates 150] [--study FILE] [--workers 2]
        [--busy 0]

Plans a small study (the tasks alone and in pairs by MULTI-DEC and TE-ENC) twice, first with an empty cache, then trains
it, and prints both estimates over the time that it really took. All runs make equally many updates, so that no number
of epochs is guessed. ``--study`` plans and trains the study of a file instead, such as studies/starter.toml, whose runs
end by patience. ``--busy`` is the number of other processes that keep a core busy all the time.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rounds import arguments

STUDY = """
tasks = {tasks}
sharing = ["multi_dec", "te_enc"]
regimes = ["single", "pair"]
seeds = [1]
preset = "paper"
[training]
max_updates = {updates}
epoch_updates = {epoch}
"""


def main() -> None:
    """Plan, plan again, train, and print."""
    options = arguments(
        __doc__, data="starter", tasks="com,mwe,supsense,upos", updates=150, study="", workers=2, busy=0, epochs=3
    )
    others = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(options.busy)]
    for other in others:
        other.start()
    with tempfile.TemporaryDirectory() as place:
        os.environ["TAGMATES_CACHE"] = f"{place}/cache"
        file = Path(place) / "study.toml"
        epoch = max(options.updates // options.epochs, 1)
        made = STUDY.format(tasks=json.dumps(options.tasks.split(",")), updates=options.updates, epoch=epoch)
        file.write_text(Path(options.study).read_text() if options.study else made)
        common = (file, "--data", options.data, "--output-dir", f"{place}/run", "--workers", options.workers)
        estimates = {name: json.loads(_tagmates("plan", *common, "--json"))["cost"] for name in ("cold", "warm")}
        began = time.monotonic()
        _tagmates("run", *common, "--quiet")
        truth = time.monotonic() - began
    for name, cost in estimates.items():
        inside = "inside" if cost["low"] <= truth <= cost["high"] else "outside"
        print(
            f"{name}: {cost['seconds']:.0f} s ({cost['low']:.0f} to {cost['high']:.0f}), truth {truth:.0f} s: "
            f"{cost['seconds'] / truth:.2f} times the truth, {inside} the range"
        )


def _tagmates(*command: object) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "tagmates", "study", *map(str, command)], check=True, stdout=subprocess.PIPE, text=True
    )
    return ended.stdout


def _spin() -> None:
    while True:
        pass


if __name__ == "__main__":
    main()
