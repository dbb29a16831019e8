#!/usr/bin/env bash
# Runs the tests of clients from npm against a gemma4 program. The clients are installed in the user's cache.
#   run.sh GEMMA4_PROGRAM
set -euo pipefail
program=$(realpath "${1:?usage: run.sh GEMMA4_PROGRAM}")
cd "$(dirname "$(realpath "$0")")"
packages=${XDG_CACHE_HOME:-$HOME/.cache}/gemma4/clients-npm
if ! cmp -s package-lock.json "$packages/installed.json"; then  # none yet, or of another list
  rm -rf "$packages"
  mkdir -p "$packages"
  cp package.json package-lock.json .npmrc "$packages"
  (cd "$packages" && npm ci --loglevel=error)
  cp package-lock.json "$packages/installed.json"
fi
ln -sfn "$packages/node_modules" node_modules
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
GEMMA4=$program node --test --test-reporter=spec ./*.test.js | tee "$log" || status=$?
count() { sed -nE "s/^[^ ]+ $1 ([0-9]+)\$/\\1/p" "$log"; }
echo "$(count pass) passed, $(count fail) failed"
exit $status
