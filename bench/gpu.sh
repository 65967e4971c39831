#!/usr/bin/env bash
# A quarter of an hour of a GPU, on a machine without network: is it right, how fast is it, and as many runs as fit.
#
#     bash bench/gpu.sh prepare KIT DATA          here: the packed study, its finished runs, and wheels for Python 3.12
#     bash bench/gpu.sh measure KIT OUT           there, at most 4 minutes: losses, updates per second, parts of an update
#     bash bench/gpu.sh train KIT OUT MINUTES     there: runs of the study until so many minutes have passed
#
# The machine needs this clone, KIT, and a python3 with a CUDA build of torch, NumPy and SciPy.
#
# `measure` writes losses.txt (those of bench/losses.json, which are a CPU's), lanes.jsonl (1, 16, 64 and 128 runs side
# by side, and one of torch.nn.GRU with pytorch-crf), parts.txt (bench/update_parts.py), blocks.txt (bench/gru_blocks.py)
# and kernels.tar.gz, the compiled kernels. Copied into KIT, the last saves `train` their compilation.
#
# `train` continues the finished runs of KIT and writes rows.jsonl.xz, the table of docs/runs with all that is finished
# now: no text of corpora, no taggers, no name of this machine's folders. Each line of KIT/selections.txt has the options
# of one `tagmates study run`; they run at the same time. Without this file one trains all runs in order.
#
# The environment may set PYTHON (python3), DEVICE (cuda), LANES, TABLE_SECONDS (of a row of the table: 2) and TIME_FACTOR
# (1; by which the time limits of the parts are multiplied, for a slow or busy CPU).
# Exit codes: 1, the losses are not those of a CPU; 2, wrong arguments; 4, a part failed; else that of the study.
set -uo pipefail
usage() {
    sed -n '/^#     /s/^# *//p' "$0" >&2
    exit 2
}
[ $# -ge 3 ] || usage
began=$SECONDS
here=$(dirname "$(realpath "$0")")
root=$(dirname "$here")
python=${PYTHON:-python3}
device=${DEVICE:-cuda}
failed=0

prepare() { # KIT DATA
    mkdir -p "$1" && kit=$(realpath "$1")
    (cd "$root" && "$python" -m tagmates study pack studies/paper.toml --data "$2" --output "$kit/study.pack" --force) || exit 4
    cp "$root/docs/runs/paper.jsonl.xz" "$kit/finished.jsonl.xz"
    "$python" -m pip wheel -q --no-deps -w "$kit/wheels" "$root" || exit 4 # for the version; the code is the clone's
    "$python" -m pip download -q -d "$kit/wheels" -c "$root/constraints.txt" --only-binary=:all: --python-version 3.12 \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
        pydantic cyclopts rich safetensors jaxtyping filelock || exit 4
    "$python" -m pip download -q -d "$kit/wheels" -c "$root/constraints.txt" --no-deps pytorch-crf || exit 4
    # pairs by MULTI-DEC with the first seed, and beside them all other pairs
    printf '%s\n' "--sharing multi_dec --regime pair --seeds 1" "--regime pair" >"$kit/selections.txt"
    du -sh "$kit"
}

arrive() { # KIT OUT: the packages of KIT, and a place for what is made here
    [ -f "$1/study.pack" ] || usage
    kit=$(realpath "$1")
    mkdir -p "$2" && out=$(realpath "$2")
    here_only=$(mktemp -d)
    if compgen -G "$kit/wheels/*.whl" >/dev/null; then
        "$python" -m pip install -q --no-index --no-deps --no-compile --target "$here_only/site" "$kit"/wheels/*.whl ||
            exit 4
    fi
    export PYTHONPATH="$root:$here_only/site${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1
    export TRITON_CACHE_DIR="$here_only/kernels"
    mkdir -p "$TRITON_CACHE_DIR"
    [ ! -f "$kit/kernels.tar.gz" ] || tar xzf "$kit/kernels.tar.gz" -C "$TRITON_CACHE_DIR"
}

part() { # NAME SECONDS COMMAND...: what it prints is in OUT/NAME; when its time is over, what it printed is kept
    echo "== $1, after $((SECONDS - began)) s"
    timeout "$(($2 * ${TIME_FACTOR:-1}))" "${@:3}" 2>&1 | tee "$out/$1"
    local status=${PIPESTATUS[0]}
    [ "$status" = 0 ] || [ "$status" = 124 ] || failed=1
    return "$status"
}

measure() { # KIT OUT
    arrive "$1" "$2"
    if ! part losses.txt 60 "$python" "$here/losses.py" --check "$here/losses.json" --device "$device"; then
        echo "the losses are not those of a CPU, or were not there in time: nothing else is done" >&2
        exit 1
    fi
    part lanes.jsonl 80 "$python" "$here/lanes.py" --device "$device" --data "$kit/study.pack" --cases pairs \
        --lanes "${LANES:-1,16,64,128}" --seconds "${TABLE_SECONDS:-2}" --layouts "" --json
    part parts.txt 50 "$python" "$here/update_parts.py" --device "$device" --data "$kit/study.pack" \
        --lanes "$(cut -d, -f3 <<<"${LANES:-1,16,64,128}")"
    [ "$device" = cpu ] || part blocks.txt 50 "$python" "$here/gru_blocks.py" --device "$device" --data "$kit/study.pack"
    tar czf "$out/kernels.tar.gz" -C "$TRITON_CACHE_DIR" .
    [ $failed = 0 ] || exit 4
}

train() { # KIT OUT MINUTES
    [[ ${3:-} =~ ^[0-9]+$ ]] && [ "$3" -ge 1 ] || usage
    arrive "$1" "$2"
    study=$here_only/study
    if [ -f "$kit/finished.jsonl.xz" ]; then
        "$python" -m tagmates study lay-out "$kit/finished.jsonl.xz" --output-dir "$study" || exit 4
    fi
    local lines=("") children=() child status=0
    [ ! -f "$kit/selections.txt" ] || mapfile -t lines <"$kit/selections.txt"
    local left=$(($3 * 60 - (SECONDS - began) - 20))
    for line in "${lines[@]}"; do
        # shellcheck disable=SC2086  # a line is several options
        "$python" -m tagmates study run --packed "$kit/study.pack" --output-dir "$study" --device "$device" \
            --time-limit "${left}s" $line 2>&1 | tee -a "$out/study.txt" &
        children+=($!)
    done
    for child in "${children[@]}"; do
        wait "$child" || status=$?
    done
    "$python" -m tagmates study collect "$study" --table "$out/rows.jsonl.xz" || exit 4
    echo "all that is finished: $out/rows.jsonl.xz, after $((SECONDS - began)) s"
    exit "$status"
}

case $1 in
prepare | measure | train) "$@" ;;
*) usage ;;
esac
