#!/bin/sh
# Fetch the programs that docs/operations.md has recipes for, each with what it needs, into
# .test/recipes/. Nothing is installed here: the tests install them in a guest (guest.py).
set -eu
cd "$(dirname "$0")/../.."
. tests/packages.sh

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The recipes for mail and web servers are tried as root on Debian alone, so not here."
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
packages update
for program in postfix exim4 nginx apache2 caddy; do
    case $program in
    postfix) names="postfix procmail dovecot-sieve" ;;
    exim4) names=exim4-daemon-light ;;
    *) names=$program ;;
    esac
    folder=$PWD/.test/recipes/$program
    rm -rf "$folder"
    mkdir -p "$folder/partial"
    # shellcheck disable=SC2086 # a list of names
    if packages install --no-install-recommends --download-only -o "Dir::Cache::archives=$folder" $names; then
        rm -rf "$folder/partial" "$folder/lock"
    else
        rm -rf "$folder"
        echo "The recipe for $program is not tried: Debian's packages could not be fetched."
    fi
done
