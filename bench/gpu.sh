#!/usr/bin/env bash
# Within ten minutes of a GPU: are its numbers right, how fast is it, and as much of a study as fits into the rest.
#
#     bash bench/gpu.sh PACK OUT [MINUTES]          (4 or more; default 10)
#
# PACK is made elsewhere: tagmates study pack studies/paper.toml --data DIR --output PACK. OUT gets losses.txt,
# lanes.jsonl (the table, a row a line), lanes-torch.jsonl (without kernels), and rows.tar.gz: of every finished training
# its configuration, scores, metrics and per-sentence counts; no text of corpora, no models, no name of this machine's
# folders. `tar xzf OUT/rows.tar.gz -C docs/runs/paper`, then `make reproduction`, puts the rows into the report.
#
# The environment may set PYTHON (python3), DEVICE (cuda), LANES (of the table), CASES, TABLE_SECONDS (of a row: 2) and
# PLAIN_LANES (64). Exit codes: 1, the losses are not those of a CPU, and nothing else was done; 2, wrong arguments;
# 4, a part of the table failed; else that of the study.
set -uo pipefail
began=$SECONDS
minutes=${3:-10}
if [ $# -lt 2 ] || [ ! -f "$1" ] || ! [[ $minutes =~ ^[0-9]+$ ]] || [ "$minutes" -lt 4 ]; then
    echo "usage: bash bench/gpu.sh PACK OUT [MINUTES]: a file that exists, a folder, a whole number from 4" >&2
    exit 2
fi
pack=$(realpath "$1")
mkdir -p "$2" && out=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
python=${PYTHON:-python3}
export PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
device=${DEVICE:-cuda}

echo "== losses against those saved on a CPU"
if ! timeout $((minutes * 15)) "$python" "$here/losses.py" --check "$here/losses.json" --device "$device" 2>&1 |
    tee "$out/losses.txt"; then
    echo "the losses are not those of a CPU, or were not there in time: nothing else is done" >&2
    exit 1
fi

table() { # NAME SECONDS: the rest are options
    local name=$1 seconds=$2
    shift 2
    timeout "$seconds" "$python" "$here/lanes.py" --device "$device" --data "$pack" --layouts "" \
        --seconds "${TABLE_SECONDS:-2}" --json "$@" | tee "$out/$name"
    local status=$?
    [ $status = 0 ] || [ $status = 124 ] || failed=1 # out of time: what is measured is kept
}
failed=0
echo "== side by side"
table lanes.jsonl $((minutes * 15)) --lanes "${LANES:-1,4,16,64,128}" --cases "${CASES:-pairs,te_pairs,all}"
echo "== the same by torch alone"
TAGMATES_NATIVE=0 table lanes-torch.jsonl $((minutes * 5)) --lanes "${PLAIN_LANES:-64}" --cases pairs

left=$((minutes * 60 - (SECONDS - began) - 30))
echo "== the study, for $left seconds"
"$python" -m tagmates.apps.cli study run --packed "$pack" --device "$device" --output-dir "$out/study" --time-limit "${left}s"
status=$?
cd "$out/study" || exit 4
rows=$(mktemp -d)
find runs -name result.json -printf '%h\n' | while read -r run; do
    mkdir -p "$rows/$run"
    cp "$run"/{config.json,environment.json,metrics.jsonl,result.json,counts.npz} "$rows/$run"
    sed -i -E 's/"data": "[^"]*"/"data": ""/' "$rows/$run/environment.json"
done
tar czf "$out/rows.tar.gz" -C "$rows" .
rm -r "$rows"
echo "rows of $(tar tzf "$out/rows.tar.gz" | grep -c result.json) runs: $out/rows.tar.gz, after $((SECONDS - began)) seconds"
[ $failed = 0 ] || exit 4
exit $status
