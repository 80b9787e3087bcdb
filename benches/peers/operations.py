"""What the Python peers compute, by name: the halo, the OpenCV call, the scipy call.

Edges are mirrored (BORDER_REFLECT_101 is scipy's `mirror`), samples stay in their type. A new operator is one entry.
scipy is imported where it is called, so that the memory of the OpenCV peers does not count it.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2


class Operation(NamedTuple):
    halo: int
    opencv: Callable  # image -> image
    scipy: Callable  # image, output


def gaussian_scipy(image, output):
    from scipy.ndimage import gaussian_filter

    gaussian_filter(image, 2.2, radius=5, mode="mirror", output=output)


def mean(size):
    def opencv(image):
        return cv2.blur(image, (size, size), borderType=cv2.BORDER_REFLECT_101)

    def scipy(image, output):
        from scipy.ndimage import uniform_filter

        uniform_filter(image, size, mode="mirror", output=output)

    return Operation(size // 2, opencv, scipy)


OPERATIONS = {
    "gaussian": Operation(
        5, lambda image: cv2.GaussianBlur(image, (11, 11), 2.2, borderType=cv2.BORDER_REFLECT_101), gaussian_scipy),
    "mean3": mean(3),
    "mean101": mean(101),
}
