#!/bin/sh
# Installs what the tests need and the demo does not: the headers of OpenSSL, Chromium, a JDK, Maven,
# Apache Kafka, and Keycloak. Fast when all is there.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

say() { printf 'setup.sh: %s\n' "$*" >&2; }

has_openssl() {
    printf '#include <openssl/ssl.h>\n' | "${CC:-cc}" -E -x c - >/dev/null 2>&1 ||
        pkg-config --exists openssl 2>/dev/null
}

# What is missing in words, then its packages of Debian.
install() {
    missing=$1
    shift
    if ! command -v apt-get >/dev/null 2>&1; then
        say "$missing: install it, then run this again"
        exit 1
    fi
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    say "installing $*"
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

has_openssl || install "OpenSSL with its headers, and pkg-config, are missing" libssl-dev pkg-config
# The page of `plumbline report` is tried in it.
command -v chromium >/dev/null 2>&1 || install "Chromium, as the command chromium, is missing" chromium

"$here/kafka/install.sh"
exec "$here/keycloak/install.sh"
