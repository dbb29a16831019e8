#!/bin/sh
# Usage: no_weak_symbols.sh OBJECT... Fails if an object of isa/ defines a weak symbol: the linker
# might then pick code for a new CPU as everyone's copy of a shared inline function.
# The sanitizers' own symbols are theirs to keep.
checked=0
for object in "$@"; do
  case "$object" in */cpu/isa/*) ;; *) continue ;; esac
  checked=$((checked + 1))
  weak=$(nm --defined-only "$object" | grep -E ' [WVu] ' |
         grep -vE ' (__odr_asan|__asan|__sancov|__sanitizer|__ubsan|__start_|__stop_|_*sancov)')
  if [ -n "$weak" ]; then
    echo "$object defines weak symbols:"
    echo "$weak"
    exit 1
  fi
done
[ "$checked" -ge 2 ] || { echo "expected the objects of at least two ISAs, saw $checked"; exit 1; }
