#!/usr/bin/env bash
# Builds gemma4 and serves a small real model on loopback: one command from a fresh checkout.
#   ./serve.sh [MODEL] [flags of `gemma4 serve`]
set -euo pipefail
cd "$(dirname "$0")"
. scripts/common.sh

model=gemma3-270m
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  model=$1
  shift
fi
port=${PORT:-8000}
flags=()
while [ $# -gt 0 ]; do
  case $1 in
    --port) port=${2:?--port wants a number}; shift ;;
    --port=*) port=${1#--port=} ;;
    *) flags+=("$1") ;;
  esac
  shift
done

install_packages "${build_packages[@]}"
install_rust
install_python
build release gemma4
gemma4=$PWD/build/release/gemma4
if [ ! -e "$model" ]; then "$gemma4" pull "$model"; fi

cat <<END

Once it says "is served at", try this in another terminal:

  curl http://127.0.0.1:$port/v1/completions -H 'Content-Type: application/json' -d '{"prompt": "The capital of France is", "max_tokens": 16, "temperature": 0}'

END
exec "$gemma4" serve "$model" --port "$port" "${flags[@]}"
