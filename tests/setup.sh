#!/bin/sh
# Installs what the tests need and the demo does not: the headers of OpenSSL, a JDK, Maven, Apache Kafka,
# and Keycloak. Fast when all is there.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

say() { printf 'setup.sh: %s\n' "$*" >&2; }

has_openssl() {
    printf '#include <openssl/ssl.h>\n' | "${CC:-cc}" -E -x c - >/dev/null 2>&1 ||
        pkg-config --exists openssl 2>/dev/null
}

if ! has_openssl; then
    if ! command -v apt-get >/dev/null 2>&1; then
        say "the headers of OpenSSL are missing: install them and pkg-config, then run this again"
        exit 1
    fi
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    say "installing libssl-dev"
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends libssl-dev pkg-config >/dev/null
fi

"$here/kafka/install.sh"
exec "$here/keycloak/install.sh"
