#!/usr/bin/env bash
# libFuzzer on every target, so many seconds each. Needs no nightly compiler: coverage is a stable flag, and only
# cargo-fuzz's sanitizers are not, which are left out. What is found lies in tests/fuzz/artifacts.
set -euo pipefail
seconds="${1:?how many seconds for each target}"
cd "$(dirname "$0")/../.."

cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
# The corpus that grows is kept apart from the files that are kept.
grown="${CARGO_TARGET_DIR:-target}/fuzz-corpus"
for target in event formats state engine config; do
  mkdir -p "$grown/$target" "tests/fuzz/corpus/$target"
  cargo run --locked --quiet -p plumbline-fuzz --bin seeds -- "$target" "$grown/$target"
  # The profile of the tests: optimised across crates, five programs take longer to build than they are run.
  cargo fuzz run --dev --fuzz-dir tests/fuzz --sanitizer none --features libfuzzer "$target" \
    "$grown/$target" "tests/fuzz/corpus/$target" -- -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10
done
