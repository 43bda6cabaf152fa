#!/bin/sh
# Fetches Keycloak from Maven Central into .data/keycloak/VERSION, for the test of the bot, and has it build
# itself for the database of that test. kafka/install.sh has installed Java and Maven. Fast when all is there.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
version=$(sed -n 's:.*<keycloak\.version>\(.*\)</keycloak\.version>.*:\1:p' "$here/pom.xml")
home=$here/../../.data/keycloak/$version

say() { printf 'keycloak/install.sh: %s\n' "$*" >&2; }

# The pom is kept beside it: with another one it is fetched anew.
cmp -s "$here/pom.xml" "$home/pom.xml" && exit 0

say "fetching Keycloak $version from Maven Central"
mkdir -p "$(dirname "$home")"
fresh=$(mktemp -d "$home.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
mvn -B -q -Dstyle.color=never -f "$here/pom.xml" dependency:unpack \
    -DoutputDirectory="$fresh" -DmarkersDirectory="$fresh/markers" >&2
# Built where it stays: what it has found out names its own directory.
rm -rf "$home"
mv "$fresh/keycloak-$version" "$home"
"$home/bin/kc.sh" build --db=dev-file >&2
cp "$here/pom.xml" "$home/pom.xml"
say "Keycloak $version is in $(CDPATH='' cd -- "$home" && pwd)"
