#!/bin/sh
# Fetches Apache Kafka from Maven Central into .data/kafka/VERSION, for `make kafka` and the
# end-to-end tests. Installs Java and Maven first where apt-get can. Fast when all is there.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
version=$(sed -n 's:.*<kafka\.version>\(.*\)</kafka\.version>.*:\1:p' "$here/pom.xml")
home=$here/../../.data/kafka/$version

say() { printf 'kafka/install.sh: %s\n' "$*" >&2; }

# Kafka 4 needs Java 17.
has_java() {
    command -v java >/dev/null 2>&1 || return 1
    major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${major:-0}" -ge 17 ]
}

install_package() {
    if ! command -v apt-get >/dev/null 2>&1; then
        say "$1 is missing: install it (Java 17 or later, and Maven), then run this again"
        exit 1
    fi
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    say "installing $2"
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}

has_java || install_package Java default-jre-headless
if ! has_java; then
    say "Kafka $version needs Java 17 or later, and this system has $(java -version 2>&1 | head -n 1)"
    exit 1
fi

# The pom is kept beside the jars: with another one they are fetched anew.
cmp -s "$here/pom.xml" "$home/pom.xml" && exit 0

command -v mvn >/dev/null 2>&1 || install_package Maven maven
say "fetching Apache Kafka $version from Maven Central"
mkdir -p "$(dirname "$home")"
fresh=$(mktemp -d "$home.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
mvn -B -q -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$fresh" >&2
cp "$here/pom.xml" "$fresh/pom.xml"
chmod 755 "$fresh"
rm -rf "$home"
mv "$fresh" "$home"
say "Apache Kafka $version is in $(CDPATH='' cd -- "$home" && pwd)"
