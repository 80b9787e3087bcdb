"""Writes windows of a raster's first band one after the other as raw little-endian samples.

    pixels.py RASTER OUTPUT.raw TYPE X,Y,WIDTH,HEIGHT ...     as TYPE, such as u2 or f8; the whole raster where no window is said
"""

import sys

import rasterio
from rasterio.windows import Window

STRIP = 1024


def main(source, destination, sample_type, *windows):
    with rasterio.open(source) as raster, open(destination, "wb") as output:
        whole = (0, 0, raster.width, raster.height)
        for x, y, width, height in [tuple(map(int, window.split(","))) for window in windows] or [whole]:
            for top in range(y, y + height, STRIP):
                strip = raster.read(1, window=Window(x, top, width, min(STRIP, y + height - top)))
                output.write(strip.astype(f"<{sample_type}", copy=False).tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
