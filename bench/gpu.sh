#!/usr/bin/env bash
# Within ten minutes of a GPU: are its numbers right, how fast is it, and as much of a study as fits into the rest.
#
#     bash bench/gpu.sh PACK OUT [MINUTES]
#
# PACK is made elsewhere: tagmates study pack studies/paper.toml --data DIR --output PACK. OUT gets losses.txt, lanes.jsonl,
# lanes-torch.jsonl and rows.tar.gz: of every finished training its configuration, scores, metrics and per-sentence counts; no text of
# corpora, no models. `tar xzf OUT/rows.tar.gz -C docs/runs/paper` puts the rows where the report is made from.
# PYTHON names the interpreter (default python3), TABLE_SECONDS the seconds of a cell of the table (default 2).
set -uo pipefail
began=$SECONDS
pack=$(realpath "$1")
mkdir -p "$2" && out=$(realpath "$2")
minutes=${3:-10}
here=$(dirname "$(realpath "$0")")
python=${PYTHON:-python3}
export PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
device=${DEVICE:-cuda}

echo "== losses against those saved on a CPU"
"$python" "$here/losses.py" --check "$here/losses.json" --device "$device" 2>&1 | tee "$out/losses.txt"
right=${PIPESTATUS[0]}

echo "== side by side"
timeout $((minutes * 20)) "$python" "$here/lanes.py" --device "$device" --data "$pack" --layouts "" \
    --seconds "${TABLE_SECONDS:-2}" --lanes "${LANES:-1,4,16,64,128}" --cases "${CASES:-pairs,te_pairs,all}" --json >"$out/lanes.jsonl"
cat "$out/lanes.jsonl"
echo "== the same by torch alone"
TAGMATES_NATIVE=0 timeout $((minutes * 6)) "$python" "$here/lanes.py" --device "$device" --data "$pack" --layouts "" \
    --seconds "${TABLE_SECONDS:-2}" --lanes "${PLAIN_LANES:-64}" --cases pairs --json >"$out/lanes-torch.jsonl"
cat "$out/lanes-torch.jsonl"

if [ "$right" != 0 ]; then
    echo "the losses are not those of a CPU: no study is trained" >&2
    exit 1
fi
left=$((minutes * 60 - (SECONDS - began) - 30))
echo "== the study, for $left seconds"
"$python" -m tagmates.apps.cli study run --packed "$pack" --device "$device" --output-dir "$out/study" --time-limit "${left}s"
status=$?
(cd "$out/study" && find runs -name result.json -printf '%h\n' | sort |
    while read -r run; do
        for file in config.json environment.json metrics.jsonl result.json counts.npz; do echo "$run/$file"; done
    done | tar czf "$out/rows.tar.gz" -T -)
echo "rows of $(tar tzf "$out/rows.tar.gz" | grep -c result.json) trainings: $out/rows.tar.gz, after $((SECONDS - began)) seconds"
exit $status
