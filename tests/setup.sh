#!/bin/sh
# Install PostgreSQL and Chromium for the tests where that is allowed, else say what is missing.
set -eu
. "$(dirname "$0")/packages.sh"

missing=""
if [ -z "${TRACKER_TEST_DATABASE_URL:-}" ] && ! command -v initdb >/dev/null &&
    ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    missing="$missing postgresql"
fi
command -v chromium >/dev/null || missing="$missing chromium"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing for the tests:$missing"
    export DEBIAN_FRONTEND=noninteractive
    packages update
    # shellcheck disable=SC2086 # a list of names
    packages install --no-install-recommends $missing
    exit
fi
echo "The tests need:$missing. Install with: sudo apt-get install$missing" >&2
exit 1
