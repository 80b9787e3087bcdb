"""What bench.py measures: for each job the command lines of Swathe and of its peers, and the least ratios aimed at.

A command is a list of words; `{input}` is the scene, `{second}` another of the same size, `{output}` the result, `{raw}` the
scene without its header, `{dir}` the scratch folder, `{size}` its width x height, `{here}` this folder, `{python}` that of
the peers. What the Python programs compute is found by the job's name in operations.py.
"""

from typing import NamedTuple

LAYOUT = "[tile,tile-width=256,tile-height=256,bigtiff]"
CREATION = ["-co", "TILED=YES", "-co", "BLOCKXSIZE=256", "-co", "BLOCKYSIZE=256", "-co", "BIGTIFF=YES"]
MASKS = (3, 101)  # a row of N ones, ones-N.mat, for each


class Peer(NamedTuple):
    command: list
    environment: dict = {}
    output: str = "out.tif"
    flushed: bool = False
    pixels: bool = True


class Job(NamedTuple):
    swathe: list
    peers: dict  # {name: Peer}
    # {peer: (field of the run, how many times Swathe's figure it should be at least)}
    aims: dict = {}
    scale: float = 1  # of the output to the input


def copies(*sources):
    """The floor: the inputs copied, and copied then flushed."""
    if len(sources) == 1:
        copy = ["cp", sources[0], "{output}"]
        flushed = ["sh", "-c", 'cp "$1" "$2" && sync "$2"', "sh", *copy[1:]]
        return {"cp": Peer(copy, pixels=False), "cp, flushed": Peer(flushed, flushed=True, pixels=False)}
    return {"cp": Peer(["cp", *sources, "{output}"], output="copies", pixels=False)}


def vips(*words):
    return Peer(["vips", *words], {"VIPS_CONCURRENCY": "2"})


def vips_program(name):
    """Where it takes more than one operation, in one process."""
    return Peer(["{python}", "{here}/vips_program.py", name, "{input}", "{second}", "{output}" + LAYOUT], {"VIPS_CONCURRENCY": "2"})


def by_hand(name, whole=True):
    """rasterio windows and OpenCV; the whole image in memory; scipy from one mapped file to another."""
    tiles = ["{python}", "{here}/tilecv.py", name, "{input}", "{output}"]
    peers = {"tilecv, cache 64": Peer(tiles, {"GDAL_CACHEMAX": "64"}), "tilecv": Peer(tiles)}
    if whole:
        peers["whole OpenCV"] = Peer(["{python}", "{here}/whole_cv.py", name, "{input}", "{output}"])
        scipy = ["{python}", "{here}/scipy_memmap.py", name, "{raw}", "{output}", "{size}"]
        peers["scipy memmap"] = Peer(scipy, output="out.raw")
    return peers


def on_neighbourhoods(name, swathe, libvips, aims, boundary="mirror"):
    peers = {**copies("{input}"), "libvips": libvips, **by_hand(name)}
    peers = {name: peer for name, peer in peers.items() if peer}
    words = [swathe[0], "{input}", "{output}", *swathe[1:], "--boundary", boundary]
    beside_hands = {"tilecv, cache 64": ("cpu_s", 1), "tilecv": ("cpu_s", 1)}
    return Job(words, peers, {**beside_hands, **aims})


def resized(method, kernel):
    shape = ["-outsize", "37%", "37%", "-r", method]
    gdal = ["gdal_translate", "-q", *shape, *CREATION, "{input}", "{output}"]
    return Job(
        ["resize", "{input}", "{output}", "--scale", "0.37", "--method", method],
        {"gdal_translate": Peer(gdal), "gdal_translate, cache 64": Peer(gdal, {"GDAL_CACHEMAX": "64"}),
         "libvips": vips("resize", "{input}", "{output}" + LAYOUT, "0.37", "--kernel", kernel)},
        {"gdal_translate": ("cpu_s", 1), "libvips": ("cpu_s", 1)}, scale=0.37)


def ndvi():
    bands = ["-A", "{second}", "-B", "{input}"]
    gdal = ["gdal_calc.py", *bands, "--outfile", "{output}", "--type", "Float32", "--quiet", "--calc",
            "(A.astype(float32)-B)/(A.astype(float32)+B)", *[f"--co={word}" for word in CREATION[1::2]]]
    otb = ["otbcli_BandMath", "-il", "{second}", "{input}", "-out", "{output}?&gdal:co:TILED=YES", "float", "-exp",
           "(im1b1-im2b1)/(im1b1+im2b1)"]
    return Job(
        ["calc", "{output}", "(A - B) / (A + B)", *bands, "--type", "f32"],
        {**copies("{input}", "{second}"), "gdal_calc.py": Peer(gdal),
         "OTB BandMath": Peer(otb, {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "2"}), "libvips": vips_program("ndvi")},
        {"gdal_calc.py": ("cpu_s", 4), "OTB BandMath": ("cpu_s", 10), "libvips": ("cpu_s", 1.5), "cp": ("wall_s", 1 / 1.3)})


def speckle():
    """Two filters of 7 x 7: enhanced Lee beside what one writes with numexpr and scipy, Lee beside OTB."""
    def program(way):
        return Peer(["{python}", "{here}/spread_peers.py", way, "enhanced-lee", "{input}", "{output}"])

    otb = ["otbcli_Despeckle", "-in", "{input}", "-out", "{output}?&gdal:co:TILED=YES", "float", "-filter", "lee",
           "-filter.lee.rad", "3", "-filter.lee.nblooks", "4"]
    words = ["{input}", "{output}", "--size", "7", "--looks", "4", "--boundary", "nearest"]
    return {
        "enhanced-lee": Job(["enhanced-lee", *words], {"numexpr + scipy": program("scipy"), "numexpr + scipy, strips": program("scipy strips")},
                            {"numexpr + scipy": ("cpu_s", 20), "numexpr + scipy, strips": ("cpu_s", 6)}),
        "lee": Job(["lee", *words], {"OTB Despeckle": Peer(otb, {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "2"})},
                   {"OTB Despeckle": ("cpu_s", 20)}),
    }


# Of a chain: each step's words.
STEPS = (["enhanced-lee", "--size", "7", "--looks", "4"], ["gaussian", "--sigma", "1.5"], ["cast", "--type", "u8", "--scale", "0.0625"])


def chain():
    """Fused, beside the steps one after the other with files between them."""
    fused = ["pipeline", "!", "read", "{input}"]
    for step in STEPS:
        fused += ["!", *step]
    places = ["{input}", "{dir}/step-1.tif", "{dir}/step-2.tif", "{output}"]
    steps = []
    for step, source, destination in zip(STEPS, places[:-1], places[1:], strict=True):
        words = ["{swathe}", step[0], source, destination, *step[1:], "{run}", "--overwrite", "--flush", "no"]
        steps += ["&&"] * bool(steps) + [f"'{word}'" if word != "{run}" else word for word in words]
    script = " ".join(steps) + ' && rm "{dir}/step-1.tif" "{dir}/step-2.tif"'
    return Job([*fused, "!", "write", "{output}"], {"three steps": Peer(["sh", "-c", script])}, {"three steps": ("cpu_s", 1 / 0.6)})


JOBS = {
    # libvips cuts its kernel where it falls under min-ampl: 0.05 gives 11 taps.
    "gaussian": on_neighbourhoods(
        "gaussian", ["gaussian", "--sigma", "2.2", "--size", "11"],
        vips("gaussblur", "{input}", "{output}" + LAYOUT, "2.2", "--min-ampl", "0.05", "--precision", "integer"),
        {"libvips": ("cpu_s", 3), "cp": ("wall_s", 0.5)}),
    **{f"mean{size}": on_neighbourhoods(
        f"mean{size}", ["mean", "--size", str(size)],
        vips("convsep", "{input}", "{output}" + LAYOUT, f"{{dir}}/ones-{size}.mat", "--precision", "integer"), {})
        for size in MASKS},
    "median5": on_neighbourhoods(
        "median5", ["median", "--size", "5"], vips("rank", "{input}", "{output}" + LAYOUT, "5", "5", "12"),
        {"libvips": ("cpu_s", 10)}, boundary="nearest"),
    "median51": Job(["median", "{input}", "{output}", "--size", "51", "--boundary", "nearest"], {}),
    **{f"erode{size}": on_neighbourhoods(
        f"erode{size}", ["erode", "--size", str(size)], vips_program(f"erode{size}"), {"libvips": ("cpu_s", 3)})
        for size in (15, 101)},
    "sobel": on_neighbourhoods("sobel", ["sobel"], vips("sobel", "{input}", "{output}" + LAYOUT), {"libvips": ("cpu_s", 3)}),
    **{f"variance{size}": on_neighbourhoods(f"variance{size}", ["variance", "--size", str(size)], None, {})
       for size in MASKS},
    "ndvi": ndvi(),
    "cubic": resized("cubic", "cubic"),
    "lanczos": resized("lanczos", "lanczos3"),
    **speckle(),
    "chain": chain(),
}
# Costs that should not grow with the window: (job, job it is set beside, at most how many times its CPU time).
GROWTH = (("mean101", "mean3", 1.3), ("erode101", "erode15", 1.3), ("variance101", "variance3", 1.3),
          ("median51", "median5", 6))
