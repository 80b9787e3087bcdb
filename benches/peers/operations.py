"""What the Python peers compute, by name: the halo, the OpenCV call, the scipy call, the type of the result.

Edges are mirrored (BORDER_REFLECT_101 is scipy's `mirror`) but for OpenCV's median, which repeats them; samples stay in
their type unless `result` says another. A new operator is one entry. scipy is imported where it is called, so that the
memory of the OpenCV peers does not count it.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

MIRROR = cv2.BORDER_REFLECT_101


class Operation(NamedTuple):
    halo: int
    opencv: Callable  # image -> image
    scipy: Callable  # image, output
    result: str | None = None  # dtype, where it is not the input's


def gaussian():
    def scipy(image, output):
        from scipy.ndimage import gaussian_filter

        gaussian_filter(image, 2.2, radius=5, mode="mirror", output=output)

    return Operation(5, lambda image: cv2.GaussianBlur(image, (11, 11), 2.2, borderType=MIRROR), scipy)


def mean(size):
    def scipy(image, output):
        from scipy.ndimage import uniform_filter

        uniform_filter(image, size, mode="mirror", output=output)

    return Operation(size // 2, lambda image: cv2.blur(image, (size, size), borderType=MIRROR), scipy)


def median(size):
    def opencv(image):
        # OpenCV's median of 16 bits has windows of 3 and 5.
        return cv2.medianBlur(image, size)

    def scipy(image, output):
        from scipy.ndimage import median_filter

        median_filter(image, size, mode="nearest", output=output)

    return Operation(size // 2, opencv, scipy)


def erode(size):
    def scipy(image, output):
        from scipy.ndimage import grey_erosion

        grey_erosion(image, size=(size, size), mode="mirror", output=output)

    kernel = np.ones((size, size), np.uint8)
    return Operation(size // 2, lambda image: cv2.erode(image, kernel, borderType=MIRROR), scipy)


def sobel():
    def opencv(image):
        x = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3, borderType=MIRROR)
        y = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3, borderType=MIRROR)
        return cv2.magnitude(x, y)

    def scipy(image, output):
        from scipy.ndimage import sobel

        real = image.astype(np.float32)
        np.hypot(sobel(real, 1, mode="mirror"), sobel(real, 0, mode="mirror"), out=output)

    return Operation(1, opencv, scipy, "float32")


def variance(size):
    def by(box, real, out=None):
        mean = box(real)
        return np.subtract(box(real * real), mean * mean, out=out)

    def opencv(image):
        return by(lambda plane: cv2.blur(plane, (size, size), borderType=MIRROR), image.astype(np.float32))

    def scipy(image, output):
        from scipy.ndimage import uniform_filter

        by(lambda plane: uniform_filter(plane, size, mode="mirror"), image.astype(np.float32), output)

    return Operation(size // 2, opencv, scipy, "float32")


OPERATIONS = {
    "gaussian": gaussian(),
    "mean3": mean(3),
    "mean101": mean(101),
    "median5": median(5),
    "erode15": erode(15),
    "erode101": erode(101),
    "sobel": sobel(),
    "variance3": variance(3),
    "variance101": variance(101),
}
