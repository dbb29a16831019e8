#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test: format, layers, units, models, fuzzers,
# README. Test models are kept in ~/.cache/gemma4. Ends with "N passed, N failed".
#   ./test.sh [STAGE...]    only these: format release dev readme clients
set -uo pipefail
cd "$(dirname "$0")"
. scripts/common.sh

stages=("${@:-all}")
passed=0
failed=0
timings=()

wanted() {
  [ "${stages[0]}" = all ] && return 0
  local stage
  for stage in "${stages[@]}"; do [ "$stage" = "$1" ] && return 0; done
  return 1
}

# stage NAME COMMAND...: runs it, counts it as one test unless it counted for itself.
stage() {
  local name=$1 start=$SECONDS status=0 before=$((passed + failed))
  shift
  echo "== $name"
  "$@" || status=$?
  if [ $((passed + failed)) -eq $before ] || [ $status -ne 0 ]; then
    if [ $status -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  fi
  timings+=("$(printf '%5d s  %s%s' $((SECONDS - start)) "$name" "$([ $status -eq 0 ] || echo '  FAILED')")")
  return $status
}

check_format() {
  git ls-files -z '*.h' '*.cpp' '*.inl' | xargs -0 clang-format-19 --dry-run --Werror
}

# Runs ctest of one preset and adds its counts; its failures are counted here, so returns 0.
run_ctest() {
  local preset=$1 log ran bad
  log=$(mktemp)
  ctest --test-dir "build/$preset" --output-on-failure --parallel "$(nproc)" 2>&1 | tee "$log"
  ran=$(sed -n 's/.*tests failed out of \([0-9]*\)$/\1/p' "$log")
  bad=$(sed -n 's/.*% tests passed, \([0-9]*\) tests failed out of.*/\1/p' "$log")
  rm -f "$log"
  [ -n "$ran" ] && [ "$ran" -gt 0 ] || return 1
  passed=$((passed + ran - bad))
  failed=$((failed + bad))
}

# Runs client tests, whose last line counts them, and adds the counts (also the failures', so returns 0).
run_clients() {
  local log status counts
  log=$(mktemp)
  "$@" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
  rm -f "$log"
  [ -n "$counts" ] || return 1
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
  [ "$status" -eq 0 ] || [ "${counts#* }" -gt 0 ]
}

install_all() {
  install_packages "${build_packages[@]}" clang-19 lld-19 libclang-rt-19-dev clang-format-19 \
    libvalijson-dev python3 python3-venv openssl git curl && install_rust && install_python &&
    { command -v npm >/dev/null || install_packages npm; }
}

fetch_models() {
  export G4_TEST_MODELS=${XDG_CACHE_HOME:-$HOME/.cache}/gemma4/test-models
  scripts/fetch_test_models.sh build/release/gemma4 "$G4_TEST_MODELS"
}

wanted format && stage "packages for the format check" install_packages clang-format-19 git &&
  stage "format" check_format
only_format() { [ "${stages[*]}" = format ]; }
only_format || stage "packages" install_all || { echo "$passed passed, $failed failed"; exit 1; }
# The dev tests need the models too, and our own program fetches them.
if ! only_format && stage "build release" build release && stage "test models" fetch_models; then
  wanted release && stage "tests, release" run_ctest release
  wanted readme && stage "README" python3 tests/readme_test.py build/release/gemma4
  if wanted clients; then
    stage "clients, Python" run_clients python/clients/run.sh build/release/gemma4
    stage "clients, npm" run_clients js/clients/run.sh build/release/gemma4
  fi
fi
if wanted dev && stage "build dev" build dev; then
  # These judge numbers, not memory, have run in the release build, and take minutes here.
  GTEST_FILTER='-RealWeights.*:*Mutation.*' stage "tests, dev (sanitizers, fuzzers)" run_ctest dev
fi

echo
printf '%s\n' "${timings[@]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
