"""scipy.ndimage from one memory-mapped raw file into another.

    scipy_memmap.py OPERATION INPUT.raw OUTPUT.raw WIDTHxHEIGHT
"""

import sys

import numpy as np

from operations import OPERATIONS


def main(name, source, destination, size):
    width, height = map(int, size.split("x"))
    image = np.memmap(source, np.uint16, "r", shape=(height, width))
    operation = OPERATIONS[name]
    output = np.memmap(destination, operation.result or np.uint16, "w+", shape=(height, width))
    operation.scipy(image, output)


if __name__ == "__main__":
    main(*sys.argv[1:])
