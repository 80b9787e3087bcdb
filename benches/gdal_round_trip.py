#!/usr/bin/env python3
"""What GDAL sees of a raster before and after `swathe copy`: every difference of `gdalinfo -json -checksum` is explained or a fault.

    gdal_round_trip.py --swathe target/release/swathe --dir DIR [--real COLLECTION]      (needs gdalinfo and rasterio)

Makes rasters rich in metadata in DIR, and with --real takes every GOLDEN file of a collection with its MANIFEST.tsv too.
Counts what each explanation explains, lists what none does, and exits with 1 where there is any.
"""
import argparse
import base64
import collections
import itertools
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.rpc import RPC
from rasterio.transform import Affine

# Why a difference is none: what its path is, and whether it holds between the two descriptions.
ENCODING = ("COMPRESSION|PREDICTOR|LAYOUT|LERC_VERSION|MAX_Z_ERROR|JPEGTABLESMODE|JPEG_QUALITY|SOURCE_COLOR_SPACE|WEBP_LEVEL|"
            "COMPRESSION_REVERSIBILITY|OVERVIEW_RESAMPLING")


def is_complex(before, _):
    return any(band["type"].startswith("C") for band in before["bands"])


def is_packed(before, _):
    return any("NBITS" in band["metadata"].get("IMAGE_STRUCTURE", {}) for band in before["bands"])


def same_code(before, after):
    codes = [seen.get("stac", {}).get("proj:epsg") for seen in (before, after)]
    return codes[0] is not None and codes[0] == codes[1]


def anything(before, after):
    return True


EXPLANATIONS = [
    ("how blocks are encoded is the output's choice (--compress, --predictor, --format cog)",
     rf"/metadata/IMAGE_STRUCTURE/({ENCODING})$", anything),
    ("overviews are made with --overviews, and not copied", r"/bands\[\](/mask)?/overviews$", anything),
    ("one page is copied, others with FILE:page=N", r"/metadata/SUBDATASETS$", anything),
    ("samples of an odd number of bits become the type that holds them", r"/bands\[\]/(metadata/IMAGE_STRUCTURE|colorTable.*)$", is_packed),
    ("GDAL shows 1-bit bands as palettes", r"/(bands\[\]/colorInterpretation|stac/eo:bands.*)$", is_packed),
    ("complex bands become two", r"/(bands|metadata/IMAGE_STRUCTURE/INTERLEAVE|stac/(eo|raster):bands.*)$", is_complex),
    ("GDAL converts from CMYK; inks are kept", r"/bands\[\]/checksum$",
     lambda before, _: before["metadata"].get("IMAGE_STRUCTURE", {}).get("SOURCE_COLOR_SPACE") == "CMYK"),
    ("a system of EPSG's is told by its code, not by the text beside the file", r"/(coordinateSystem/wkt|stac/proj:(wkt2|projjson/.*))$", same_code),
    ("a file with a system says what pixels are", r"/metadata/$", lambda before, after: "AREA_OR_POINT" in str(after["metadata"].get(""))
     and not before["metadata"].get("")),
    ("a mask for each band is not read", r"/bands\[\]/mask$", lambda before, _: before["bands"][0].get("mask") == {"flags": [], "overviews": []}),
]


def info(path):
    seen = json.loads(subprocess.run(["gdalinfo", "-json", "-checksum", path], capture_output=True, text=True, errors="replace",
                                     check=True).stdout)
    for key in ("description", "files"):
        seen.pop(key, None)
    for band in seen["bands"]:
        band.pop("block", None)
    return seen


def differences(before, after, path=""):
    """Where the two differ, with indices left out of the place, and what they have there."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(set(before) | set(after)):
            yield from differences(before.get(key), after.get(key), f"{path}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for pair in zip(before, after):
            yield from differences(*pair, f"{path}[]")
    elif before != after:
        yield path, f"{before} | {after}"


def why(place, before, after):
    found = (words for words, pattern, holds in EXPLANATIONS if re.match(pattern, place) and holds(before, after))
    return next(found, None)


def write(path, count=1, kind="uint8", change=lambda file: None, pixels=None, **profile):
    profile = {"width": 30, "height": 20, "crs": "EPSG:32633", "transform": Affine(10, 0, 399960, 0, -10, 5300040), **profile}
    profile = {key: value for key, value in profile.items() if value is not None}
    with rasterio.open(path, "w", driver="GTiff", count=count, dtype=kind, **profile) as file:
        made = np.random.default_rng(0).random((count, profile["height"], profile["width"])) * 100
        file.write(made.astype(kind) if pixels is None else pixels)
        change(file)
    return path


def rich(file):
    file.update_tags(AREA_OR_POINT="Point", SENSOR="S2", note="ä & <x> \"y\"", empty="")
    file.update_tags(ns="IMAGERY", CLOUDCOVER="12")
    file.update_tags(1, gain="2.5", STATISTICS_MINIMUM="0", STATISTICS_MAXIMUM="99", STATISTICS_MEAN="49.5", STATISTICS_STDDEV="28")
    file.update_tags(2, ns="SPECTRAL", wavelength="665")
    file.update_tags(TIFFTAG_DOCUMENTNAME="a document", TIFFTAG_IMAGEDESCRIPTION="a picture", TIFFTAG_SOFTWARE="a program",
                     TIFFTAG_DATETIME="2026:01:02 03:04:05", TIFFTAG_ARTIST="somebody", TIFFTAG_HOSTCOMPUTER="a machine",
                     TIFFTAG_COPYRIGHT="nobody", TIFFTAG_XRESOLUTION="72", TIFFTAG_YRESOLUTION="36.5", TIFFTAG_RESOLUTIONUNIT="3",
                     TIFFTAG_MINSAMPLEVALUE="1", TIFFTAG_MAXSAMPLEVALUE="200")
    file.set_band_description(1, "red")
    file.set_band_description(2, "näher infrarot")
    file.scales, file.offsets, file.units = (0.1, 0.2, 1), (1, 0, -1e-9), ("m", "", "K")


def palette(file):
    file.write_colormap(1, {0: (1, 2, 3, 255), 5: (9, 8, 7, 255), 255: (255, 0, 128, 255)})


def coefficients(file):
    numbers = [float(number) / 7 for number in range(20)]
    file.rpcs = RPC(err_bias=1.5, err_rand=0.25, line_off=10, line_scale=11, samp_off=12, samp_scale=13, lat_off=48.5, lat_scale=0.1,
                    long_off=11.25, long_scale=0.2, height_off=500, height_scale=300, line_num_coeff=numbers, line_den_coeff=numbers,
                    samp_num_coeff=numbers, samp_den_coeff=numbers)


def rasters(folder):
    """Small rasters, each with what some writers say of theirs."""
    number = itertools.count()

    def make(**options):
        return write(folder / f"rich-{next(number)}.tif", **options)

    for kind, nodata in [("uint16", 0), ("int16", -9999), ("float32", float("nan")), ("float32", -3.4028234663852886e38), ("uint8", None),
                         ("float64", 1e-300), ("uint8", 255), ("int64", -9999), ("uint64", 9999), ("int8", -128),
                         ("float32", 1.1), ("float64", -1.7976931348623157e308), ("float32", float("inf"))]:
        photometric = "RGB" if kind == "uint8" else "MINISBLACK"
        yield make(count=3, kind=kind, nodata=nodata, tiled=True, blockxsize=16, blockysize=16, photometric=photometric, change=rich)
    yield make(change=palette)
    yield make(kind="uint16", change=palette)
    yield make(change=coefficients, crs=None, transform=None)
    points = [GroundControlPoint(0, 0, 1, 2), GroundControlPoint(20, 0, 1, 4, 7), GroundControlPoint(0, 30.5, 5, 2)]
    yield make(gcps=points, crs="EPSG:4326", transform=None)
    yield make(transform=Affine(10, 2, 399960, 3, -10, 5300040))
    yield make(transform=Affine(10, 0, 399960, 0, 10, 5300040))
    yield make(transform=Affine.identity(), crs=None)
    yield make(count=4, photometric="RGB", ALPHA="YES")
    yield make(count=2, ALPHA="PREMULTIPLIED")
    yield make(count=4, photometric="CMYK")
    yield make(photometric="MINISWHITE")
    yield make(count=5, kind="uint16", interleave="band", change=lambda file: setattr(
        file, "colorinterp", [rasterio.enums.ColorInterp[name] for name in ("blue", "green", "red", "undefined", "alpha")]))
    for system in ["EPSG:4326", "EPSG:4979", "EPSG:3857", "EPSG:2154", "EPSG:32633+5773", "EPSG:4326+5773", "EPSG:27700", "EPSG:3035", "ESRI:54009",
                   "EPSG:31467", "EPSG:3031", "EPSG:2056", "EPSG:6933",
                   "+proj=laea +lat_0=10 +lon_0=20 +x_0=7 +y_0=8 +ellps=bessel +units=m", "+proj=tmerc +lon_0=9.5 +k=0.99987 +ellps=GRS80 +units=us-ft",
                   "+proj=stere +lat_0=90 +lat_ts=71 +lon_0=-39 +a=6371000 +b=6371000 +units=m", "+proj=longlat +a=3396190 +b=3376200",
                   "+proj=lcc +lat_1=33 +lat_2=45 +lat_0=39 +lon_0=-96 +datum=NAD27 +units=m", "+proj=omerc +lat_0=4 +lonc=115 +alpha=53 +gamma=53 +k=1"]:
        yield make(crs=CRS.from_user_input(system))
    yield make(change=lambda file: file.update_tags(ns="xml:XMP", **{"xml:XMP": "<?xpacket begin='a'?><x:xmpmeta xmlns:x='adobe:ns:meta/'/>"}))
    yield make(count=3, photometric="RGB", SOURCE_ICC_PROFILE=base64.b64encode(bytes(range(200))).decode())
    yield make(BIGTIFF="YES", ENDIANNESS="BIG", kind="int32", count=3, change=rich)
    for profile in ("GDALGeoTIFF", "GeoTIFF", "BASELINE"):
        yield make(PROFILE=profile, nodata=7)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        yield make(count=3, change=lambda file: file.write_mask(np.arange(600).reshape(20, 30) % 3 > 0))


def golden(collection):
    lines = [line.rstrip("\r\n").split("\t") for line in (collection / "MANIFEST.tsv").read_text().splitlines()]
    rows = (dict(zip(lines[0], line)) for line in lines[1:])
    for row in rows:
        samples = int(row["width"] or 0) * int(row["height"] or 0) * int(row["bands"] or 0)
        if row["class"] == "GOLDEN" and samples < 60_000_000:
            yield collection / row["path"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--swathe", default="target/release/swathe")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--real", type=Path)
    options = parser.parse_args()
    explained, unexplained, files = collections.Counter(), 0, 0
    after_path = options.dir / "round-trip-after.tif"
    for path in itertools.chain(rasters(options.dir), golden(options.real) if options.real else []):
        try:
            before = info(path)
        except subprocess.CalledProcessError:
            print(path, "- not read by this GDAL")
            continue
        for command in ([], ["--compress", "zstd"], ["--format", "cog", "--overviews", "none"]) if path.parent == options.dir else ([],):
            subprocess.run([options.swathe, "copy", path, after_path, *command, "--overwrite", "--quiet"], check=True)
            after, files = info(after_path), files + 1
            for place, values in differences(before, after):
                reason = why(place, before, after)
                explained[reason] += reason is not None
                if reason is None:
                    unexplained += 1
                    print(f"{path} {' '.join(command)} {place}: {values[:300]}")
        if path.parent == options.dir:
            path.unlink()
    for reason, count in explained.most_common():
        if reason:
            print(f"{count:5} differences: {reason}")
    print(f"{files} copies, {sum(explained.values())} differences explained, {unexplained} not")
    raise SystemExit(unexplained > 0)


if __name__ == "__main__":
    main()
