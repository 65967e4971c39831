#!/usr/bin/env bash
# Makes the model `en`, which comes with tagmates, again: gets its data, trains it, and puts it into models/en.
#
#     bash studies/en.sh [FOLDER]      FOLDER: where your copies of the corpora are; without one they are downloaded
#
# About half an hour on one core (one thread, so that the same machine gives the same numbers). What was done before
# a kill is not done again.
set -euo pipefail
cd "$(dirname "$0")/.."
tagmates data fetch upos xpos mwe supsense --mode clean --output-dir data/clean ${1:+--from "$1"}
tagmates train --tasks upos,xpos,mwe,supsense --sharing multi_dec --preset practical --data data/clean \
    --seed 1 --device cpu --threads 1 --output-dir runs/en --resume
tagmates export runs/en models/en --half --vectors 70000 --card studies/en.md --force
tagmates evaluate models/en --data data/clean
