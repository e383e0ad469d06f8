#!/usr/bin/env bash
# Torture, power cuts, damaged databases, mutation tests, fuzzing, Miri and AddressSanitizer, one after another, then a line for each.
# tools/soak.sh [EVENTS]: how many kills, power cuts and damaged databases (5000).
set -u
events=${1:-5000}
summary=
failed=0
try() {
  echo "== $*"
  if "$@"; then summary+="ok      $*"$'\n'; else summary+="FAILED  $*"$'\n'; failed=1; fi
}
try env RESWEEP_TORTURE_KILLS="$events" cargo test --test it torture:: -- --nocapture
try env RESWEEP_POWER_CUTS="$events" cargo test --test it power_cut:: -- --nocapture
try env RESWEEP_DAMAGE_TRIALS="$events" cargo test --test it damaged_database:: -- --nocapture
for target in mutants fuzz miri asan; do try make --no-print-directory "$target"; done
printf '%s' "$summary"
exit $failed
