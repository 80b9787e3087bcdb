"""Local statistics and speckle filters as one writes them with scipy, OpenCV and numexpr, for spread.py.

    spread_peers.py scipy|opencv JOB INPUT OUTPUT               scipy and OpenCV on the whole image
    spread_peers.py "scipy strips"|strips JOB INPUT OUTPUT      scipy and OpenCV by strips of 512
    spread_peers.py compare A B                                 largest relative difference, and the share beyond 1e-4

Means are box filters of the image and of its square in f32, as such programs do it, so that where the spread is small
beside the mean the variance is wrong: `compare` shows by how much. Windows of 7 x 7, four looks, damping 1 but for
frost's 0.1; n - 1 in the filters, n in the statistics, the nearest pixel past the edge: as spread.py asks of Swathe.
"""

import os
import sys

import numexpr
import numpy as np
import rasterio
from rasterio.windows import Window

LOOKS = 4.0
STRIP = 512


def scipy_box(image, size):
    from scipy.ndimage import uniform_filter

    return uniform_filter(image, size, mode="nearest")


def opencv_box(image, size):
    import cv2

    return cv2.blur(image, (size, size), borderType=cv2.BORDER_REPLICATE)


def spread(image, size, box, ddof):
    count = size * size
    mean, squares = box(image, size), box(image * image, size)
    scale = np.float32(count / (count - ddof))
    return mean, numexpr.evaluate("where(squares > mean * mean, (squares - mean * mean) * scale, 0)")


def weighted(image, rate):
    """Frost's mean of 7 x 7: an exponential for each distance, a shifted image for each pixel of the window."""
    grown = np.pad(image, 3, mode="edge")
    height, width = image.shape
    sums, weights = np.zeros_like(image), np.zeros_like(image)
    for square in sorted({y * y + x * x for y in range(4) for x in range(4)}):
        distance = np.float32(square ** 0.5)
        weight = numexpr.evaluate("exp(-rate * distance)")
        for y in range(-3, 4):
            for x in range(-3, 4):
                if y * y + x * x == square:
                    sums += weight * grown[3 + y:3 + y + height, 3 + x:3 + x + width]
                    weights += weight
    return sums / weights


def compute(job, image, box):
    if job.startswith("mean"):
        return box(image, int(job[4:]))
    if job.startswith("variance"):
        return spread(image, int(job[8:]), box, 0)[1]
    if job.startswith("stddev"):
        return np.sqrt(spread(image, int(job[6:]), box, 0)[1])
    m, v = spread(image, 7, box, 1)
    p, noise, looks = image, np.float32(1 / LOOKS), np.float32(LOOKS)
    u, t = np.float32(LOOKS ** -0.5), np.float32((1 + 2 / LOOKS) ** 0.5)
    names = {"m": m, "v": v, "p": p, "noise": noise, "looks": looks, "u": u, "t": t}
    if job == "frost":
        return weighted(image, numexpr.evaluate("v / (m * m)", names) * np.float32(0.1))
    if job in ("lee", "kuan"):
        by = np.float32(1 if job == "lee" else 1 + 1 / LOOKS)
        names["w"] = numexpr.evaluate("(1 - noise * m * m / v) / by", {**names, "by": by})
        return numexpr.evaluate("where(v < noise * m * m, m, p * w + m * (1 - w))", names)
    names["c"] = c = numexpr.evaluate("sqrt(v) / m", names)
    if job == "gamma-map":
        names["a"] = numexpr.evaluate("(1 + noise) / (c * c - noise)", names)
        names["b"] = numexpr.evaluate("a - looks - 1", names)
        likely = numexpr.evaluate("(b * m + sqrt(m * m * b * b + 4 * a * looks * m * p)) / (2 * a)", names)
        return np.where(c <= u, m, np.where(c >= np.float32(2 ** 0.5) * u, p, likely))
    names["rate"] = numexpr.evaluate("(c - u) / (t - c)", names)
    if job == "enhanced-lee":
        return numexpr.evaluate("where(c <= u, m, where(c >= t, p, m * exp(-rate) + p * (1 - exp(-rate))))", names)
    between = weighted(image, np.where((c > u) & (c < t), names["rate"], np.float32(0)))
    return np.where(c <= u, m, np.where(c >= t, p, between))


def run(peer, job, source, destination):
    threads = int(os.environ.get("NUMEXPR_NUM_THREADS", "2"))
    if not peer.startswith("scipy"):
        import cv2

        cv2.setNumThreads(threads)
    box = scipy_box if peer.startswith("scipy") else opencv_box
    halo = int(job.lstrip("abcdefghijklmnopqrstuvwxyz-") or "7") // 2
    with rasterio.open(source) as scene:
        profile = scene.profile
        profile.update(tiled=True, blockxsize=256, blockysize=256, compress=None, BIGTIFF="YES", dtype="float32")
        width, height = scene.width, scene.height
        step = STRIP if peer.endswith("strips") else height
        with np.errstate(all="ignore"), rasterio.open(destination, "w", **profile) as output:
            for y in range(0, height, step):
                top, bottom = max(0, y - halo), min(height, y + step + halo)
                image = scene.read(1, window=Window(0, top, width, bottom - top)).astype(np.float32, copy=False)
                rows = min(step, height - y)
                result = compute(job, image, box)[y - top:y - top + rows].astype(np.float32, copy=False)
                output.write(result, 1, window=Window(0, y, width, rows))


def compare(one, other):
    with rasterio.open(one) as a, rasterio.open(other) as b:
        a, b = a.read(1).astype(np.float64), b.read(1).astype(np.float64)
    difference = np.abs(a - b) / np.maximum(np.abs(a), np.abs(a).mean() * 1e-3)
    print(f"{difference.max():.1e} {(difference > 1e-4).mean():.1e}")


if __name__ == "__main__":
    if sys.argv[1] == "compare":
        compare(*sys.argv[2:])
    else:
        run(*sys.argv[1:])
