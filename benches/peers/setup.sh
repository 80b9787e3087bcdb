#!/bin/sh
# Installs what bench.py compares with: libvips and GDAL from Debian (needs root once), the rest pinned in a Python venv.
#
#     benches/peers/setup.sh [VENV]          default target/peers-venv, as in bench.py
set -eu

here=$(dirname "$0")
venv=${1:-target/peers-venv}

if ! command -v vips >/dev/null || ! command -v gdalinfo >/dev/null; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "setup.sh: vips or gdalinfo is missing; as root: apt-get install libvips-tools gdal-bin" >&2
        exit 1
    fi
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends libvips-tools gdal-bin
fi

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"

vips --version
gdalinfo --version
"$venv/bin/pip" freeze --disable-pip-version-check | grep -i -E '^(numpy|scipy|opencv|rasterio|tifffile|rio-cogeo|numexpr)'
