#!/bin/sh
# run.sh TARGET CORPUS: fuzzes TARGET for G4_FUZZ_SECONDS (4) seconds from a copy of CORPUS, so that
# the committed corpus stays as it is. Fails on a crash, a leak, a slow input (5 s) or 2 GB of
# memory, and keeps the input that did it in G4_FUZZ_KEEP (default: the current folder).
set -eu
if [ $# -ne 2 ] || [ ! -x "$1" ] || [ ! -d "$2" ]; then
  echo "usage: $0 TARGET CORPUS_FOLDER" >&2
  exit 2
fi
target=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cp -R "$2" "$work/corpus"
keep=${G4_FUZZ_KEEP:-.}
status=0
"$target" -max_total_time="${G4_FUZZ_SECONDS:-4}" -rss_limit_mb=2048 -timeout=5 \
  -artifact_prefix="$keep/" -print_final_stats=1 "$work/corpus" >"$work/log" 2>&1 || status=$?
if [ "$status" -ne 0 ]; then
  tail -n 60 "$work/log"
  echo "$(basename "$target"): failed with status $status" >&2
  exit 1
fi
executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
echo "$(basename "$target"): ${executions:-0} executions, no crash"
# A target that ran nothing proves nothing.
[ "${executions:-0}" -gt 0 ]
