#!/bin/sh
# Copies the locked npm packages' files into the repository and writes their checksums.
# Only whoever raises a version runs this (needs npm): raise it in package.json, run
# `npm install --package-lock-only --omit-lockfile-registry-resolved` here, then `make vendor`.
set -eu
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund

static=../tracker/static/vendor
tests=../tests/vendor
rm -rf "$static" "$tests"
mkdir -p "$static/designsystemet" "$static/inter" "$tests"

cp node_modules/@digdir/designsystemet-css/LICENSE "$static/designsystemet/"
cp node_modules/@digdir/designsystemet-css/dist/src/index.css "$static/designsystemet/designsystemet.css"
cp node_modules/@digdir/designsystemet-css/dist/theme/designsystemet.css "$static/designsystemet/theme.css"
cp node_modules/@fontsource-variable/inter/LICENSE "$static/inter/"
cp node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2 "$static/inter/"
cp node_modules/@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2 "$static/inter/"
cp node_modules/axe-core/axe.min.js "$tests/"
cp node_modules/axe-core/LICENSE "$tests/axe.LICENSE"

cd ..
find tracker/static/vendor tests/vendor -type f | LC_ALL=C sort | xargs sha256sum > frontend/SHA256SUMS
