"""The whole image in memory: tifffile in, OpenCV on two threads, tifffile out.

    whole_cv.py OPERATION INPUT OUTPUT
"""

import sys

import cv2
import tifffile

from operations import OPERATIONS


def main(name, source, destination):
    cv2.setNumThreads(2)
    image = tifffile.imread(source, maxworkers=2)
    result = OPERATIONS[name].opencv(image)
    tifffile.imwrite(destination, result, tile=(256, 256), photometric="minisblack", bigtiff=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
