"""What a skilled user writes by hand: windows of 1024 plus halo, read with rasterio, filtered by OpenCV, two threads.

    tilecv.py OPERATION INPUT OUTPUT [THREADS]

Each thread has its own reader; one writer behind a lock. Set GDAL_CACHEMAX to bound GDAL's block cache.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import rasterio
from rasterio.windows import Window

from operations import OPERATIONS

TILE = 1024


def main(name, source, destination, threads=2):
    operation = OPERATIONS[name]
    halo = operation.halo
    cv2.setNumThreads(1)  # the threads are ours
    mine = threading.local()
    writing = threading.Lock()

    with rasterio.open(source) as scene:
        width, height, profile = scene.width, scene.height, scene.profile
    profile.update(tiled=True, blockxsize=256, blockysize=256, compress=None, BIGTIFF="YES",
                   dtype=operation.result or profile["dtype"])

    with rasterio.open(destination, "w", **profile) as output:

        def process(corner):
            x, y = corner
            if not hasattr(mine, "scene"):
                mine.scene = rasterio.open(source)
            left, top = max(0, x - halo), max(0, y - halo)
            right, bottom = min(width, x + TILE + halo), min(height, y + TILE + halo)
            image = mine.scene.read(1, window=Window(left, top, right - left, bottom - top))
            tile_width, tile_height = min(TILE, width - x), min(TILE, height - y)
            result = operation.opencv(image)[y - top:y - top + tile_height, x - left:x - left + tile_width]
            with writing:
                output.write(result, 1, window=Window(x, y, tile_width, tile_height))

        corners = [(x, y) for y in range(0, height, TILE) for x in range(0, width, TILE)]
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(process, corners):
                pass


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:]))
