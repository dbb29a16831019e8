#!/usr/bin/env bash
# Runs the client tests against a gemma4 program: OpenAI's own Python client, streams side by side,
# signals. The client lives in a virtual environment of its own in the user's cache.
#   run.sh GEMMA4_PROGRAM
set -euo pipefail
program=$(realpath "${1:?usage: run.sh GEMMA4_PROGRAM}")
here=$(dirname "$(realpath "$0")")
venv=${XDG_CACHE_HOME:-$HOME/.cache}/gemma4/clients-venv
if ! "$venv/bin/python" -c 'import openai' 2>/dev/null; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
fi
cd "$here"
GEMMA4=$program exec "$venv/bin/python" -W ignore::ResourceWarning -m unittest --verbose
