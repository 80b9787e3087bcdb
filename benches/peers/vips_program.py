"""libvips where a job takes more than one of its operations: one process, streamed, nothing between them on disk.

    vips_program.py JOB INPUT SECOND OUTPUT[options]
"""

import sys

import pyvips


def erode(image, size):
    return image.rank(size, 1, 0).rank(1, size, 0)


def ndvi(red, infrared):
    red, infrared = red.cast("float"), infrared.cast("float")
    return (infrared - red) / (infrared + red)


def main(job, source, second, destination):
    pyvips.cache_set_max(0)
    image = pyvips.Image.new_from_file(source)
    result = ndvi(image, pyvips.Image.new_from_file(second)) if job == "ndvi" else erode(image, int(job[5:]))
    result.cast("float" if job == "ndvi" else image.format).write_to_file(destination)


if __name__ == "__main__":
    main(*sys.argv[1:])
