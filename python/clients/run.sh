#!/usr/bin/env bash
# Runs the client tests against a gemma4 program: the own Python clients of OpenAI and Anthropic and what is
# built on them, streams side by side, signals. The clients live in a virtual environment of their own in the
# user's cache.
#   run.sh GEMMA4_PROGRAM
set -euo pipefail
program=$(realpath "${1:?usage: run.sh GEMMA4_PROGRAM}")
here=$(dirname "$(realpath "$0")")
venv=${XDG_CACHE_HOME:-$HOME/.cache}/gemma4/clients-venv
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then  # none yet, or made of other ones
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv"
fi
cd "$here"
GEMMA4=$program exec "$venv/bin/python" -W ignore::ResourceWarning run_all.py
