# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by what needs a package of npm at one pinned version (tools/grammar, tools/node). Needs $tools (where to) and fail().
# No script of a package runs. TALLY_TOOLS_DIR puts all of it somewhere else (give CMake the same variable).
work=

# fetch NAME VERSION SHA512 FILE… : those files of the package, under $tools/NAME
fetch() {
  local name=$1 version=$2 sha512=$3 into=$tools/$1 archive found
  shift 3
  if [[ "$(cat "$into/version" 2>/dev/null)" == "$version $sha512" ]]; then
    echo "${0##*/}: $name $version is in $into"
    return
  fi
  command -v npm >/dev/null || fail "npm is missing; install it (apt-get install npm) and run this again"
  [[ -n "$work" ]] || work=$(mktemp -d)
  mkdir "$work/$name"
  (cd "$work/$name" && npm pack --loglevel=error --ignore-scripts "$name@$version" >/dev/null) ||
    fail "npm could not fetch $name@$version, and says why above; then run this again"
  archive=$work/$name/$name-$version.tgz
  [[ -f "$archive" ]] || fail "npm left no $name-$version.tgz"
  found=$(sha512sum "$archive" | cut -d' ' -f1)
  [[ "$found" == "$sha512" ]] ||
    fail "$name@$version is not the package this project was built with: SHA-512 $found, expected $sha512"
  tar -xzmf "$archive" -C "$work/$name" --no-same-owner "${@/#/package/}"
  printf '%s %s\n' "$version" "$sha512" >"$work/$name/package/version"
  mkdir -p "$tools"
  rm -rf "$into.new"
  mv "$work/$name/package" "$into.new"
  rm -rf "$into"
  mv "$into.new" "$into"
  echo "${0##*/}: fetched $name $version into $into"
}
trap '[[ -z "$work" ]] || rm -rf "$work"' EXIT
