#!/usr/bin/env bash
# Runs every fuzz target in turn, a slice each, for as long as is asked; stops nothing when one finds something.
# usage: scripts/fuzz.sh [SECONDS in all [SECONDS a slice]]     (build/fuzz must be built: make fuzz does both)
# Corpora grow in build/fuzz-run/TARGET/new; inputs that were found to fail lie beside it (crash-*, timeout-*, leak-*,
# oom-*); build/fuzz-run/minutes.tsv has target, CPU seconds, runs and outcome of each slice.
set -uo pipefail
cd "$(dirname "$0")/.."
total=${1:-600} slice=${2:-60}
root=$PWD corpora=${RESTRIDE_CORPORA:-$PWD/../shared/corpora}
run=$root/build/fuzz-run
mkdir -p "$run"
[ -d "$run/seeds" ] || build/fuzz/tests/fuzz/fuzz_seeds "$run/seeds" "$corpora"
targets=(decode_jpeg decode_tiff decode_png decode_jpeg2k decode_webp decode_bmp decode_pnm differential encode metadata)
end=$((SECONDS + total))
while ((SECONDS < end)); do
  for target in "${targets[@]}"; do
    left=$((end - SECONDS))
    ((left > 0)) || break
    seeds=${target#decode_}
    [ "$seeds" = "$target" ] && seeds=all
    mkdir -p "$run/$target/new"
    cp "$root/build/fuzz/tests/fuzz/fuzz_$target" "$run/$target/" || continue   # a build may replace it meanwhile
    cd "$run/$target" || exit 1
    TIMEFORMAT='%U %S'
    used=$({ time nice -n 19 ./fuzz_"$target" -max_total_time=$((left < slice ? left : slice)) -timeout=10 -max_len=24000 \
      -rss_limit_mb=3000 -malloc_limit_mb=1000 -print_final_stats=1 new "$run/seeds/$seeds" >log 2>&1; } 2>&1)
    outcome=ok
    if grep -q '^SUMMARY\|^==.*ERROR' log; then outcome=found; cp log "found-$(date +%H%M%S).log"; fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' log)
    printf '%s\t%s\t%s\t%s\n' "$target" "$used" "${runs:-0}" "$outcome" >>"$run/minutes.tsv"
  done
done
awk -F'\t' '{split($2, t, " "); cpu[$1] += t[1] + t[2]; runs[$1] += $3; if ($4 == "found") found[$1]++}
  END {for (t in cpu) printf "%-16s %7.1f CPU min %10d runs %4d found\n", t, cpu[t] / 60, runs[t], found[t]}' "$run/minutes.tsv" | sort
! grep -q found "$run/minutes.tsv"
