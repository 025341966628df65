#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/faults/prove.sh: that these tests can fail. Each product below is broken on purpose, and must be found out:
#
#   lie server   tallyd's fsync says yes and does nothing                    power_loss.py must fail
#   lie chain    the chain's likewise                                        power_loss.py must fail
#   intent       legs are sent before the signed event is durable            kill_loop.py must fail
#   views        the boot-id rule is taken out: open views are trusted       power_loss.py must fail
#
# usage: tests/faults/prove.sh [lie|intent|views]...   (default: all)
# `intent` and `views` copy the tree to a temporary folder, change it there (break_*.py), and build it. Needs a built
# build/release. Status 0: every broken product was found out.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
export PYTHONDONTWRITEBYTECODE=1
python=/usr/bin/python3
status=0
work=$(mktemp -d -t tally-prove-XXXXXX)
trap 'rm -rf "$work"' EXIT

# expect_failure WHAT BIN SCRIPT ARGUMENT…: tries a few seeds; one that fails is enough
expect_failure() {
  local what=$1 bin=$2 script=$3 seed
  shift 3
  for seed in 1 2 3; do
    if ! TMPDIR=$work TALLY_BIN_DIR=$bin timeout 900 "$python" "$root/tests/faults/$script" --seed "$seed" "$@" \
      >"$work/log" 2>&1; then
      printf 'found out   %-12s seed %d: %s\n' "$what" "$seed" "$(grep -E '^[A-Za-z.]+(Wrong|Error|Exception): ' "$work/log" | tail -1 | cut -c1-220)"
      return
    fi
  done
  printf 'NOT FOUND   %s\n' "$what"
  status=1
}

# broken NAME: the tree with one thing taken out, built
broken() {
  mkdir -p "$work/$1"
  (cd "$root" && tar -c --exclude=./build --exclude=./.git --exclude=./var . ) | tar -x -C "$work/$1"
  "$python" "$root/tests/faults/break_$1.py" "$work/$1" || exit 2
  (cd "$work/$1" && cmake --preset release && cmake --build build/release -j 2 --target tallyd tally tally-devchain tally-worker tally_power) \
    >"$work/build.log" 2>&1 || { tail -20 "$work/build.log"; exit 2; }
}

for what in "${@:-lie intent views}"; do
  for one in $what; do
    case $one in
    lie)
      expect_failure "lie server" "$root/build/release/bin" power_loss.py --losses 40 --lie server
      expect_failure "lie chain" "$root/build/release/bin" power_loss.py --losses 60 --lie chain
      ;;
    intent)
      broken intent
      expect_failure intent "$work/intent/build/release/bin" kill_loop.py --kills 300 --each 0
      ;;
    views)
      broken views
      expect_failure views "$work/views/build/release/bin" power_loss.py --losses 40
      ;;
    *)
      echo "prove.sh: there are lie, intent, views" >&2
      exit 2
      ;;
    esac
  done
done
exit $status
