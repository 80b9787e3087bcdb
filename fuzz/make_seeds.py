#!/usr/bin/env python3
"""Writes the corpora that fuzzing begins with, corpus/TARGET, and dictionaries, TARGET.dict, beside this file.

    python3 fuzz/make_seeds.py target/release/swathe
"""
import json
import pathlib
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
FIXTURES = HERE.parent / "fixtures" / "tiff"


def tiff():
    matrix = (FIXTURES / "matrix.bin").read_bytes()
    for line in (FIXTURES / "matrix.tsv").read_text().splitlines():
        if not line.startswith("#"):
            name, at, length = line.split("\t")[:3]
            yield matrix[int(at):int(at) + int(length)]
    yield (FIXTURES / "masked.tif").read_bytes()


def array(descr, shape, version=1, fortran=False, values=b"\x01\x02\x03\x04" * 60):
    head = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(head))
    return b"\x93NUMPY" + bytes([version, 0]) + length + head + values


def npy():
    for descr in ["|u1", "|i1", "<u2", ">u2", "<i4", "<u8", ">i8", "<f2", "<f4", ">f8", "|b1", "<c8"]:
        yield array(descr, (4, 5))
        yield array(descr, (2, 3, 4), version=2, fortran=True)
    yield array("<f4", (1, 3, 4), version=3, fortran=True)


def envi():
    for kind in range(1, 16):
        for interleave in ("bsq", "bil", "bip"):
            yield (f"ENVI\ndescription = {{\n a, scene}}\nsamples = 3\nlines = 4\nbands = 2\nheader offset = 2\n"
                   f"data type = {kind}\ninterleave = {interleave}\nbyte order = {kind % 2}\ndata ignore value = 7\n"
                   "map info = {UTM, 1, 1, 399960, 5300040, 10, 20, 33, North, WGS-84, units=Meters, rotation=12}\n"
                   "coordinate system string = {GEOGCS[\"WGS 84\"]}\nband names = {a, b}\nwavelength = {1, 2}\n").encode() \
                + b"\0" + bytes(range(256))


def raw():
    for kind in ["u8", "i8", "u16", "i32", "u64", "f32", "f64"]:
        yield f"size=5x4,type={kind},bands=2,interleave=line,order=big,offset=3".encode() + b"\0" + bytes(range(256)) * 2
    yield b"size=5x4,type=u8\0" + bytes(20)


def table():
    nodes = "\n".join(f"{r} {g} {b}" for b in (0, 1) for g in (0, 0.5) for r in (0.1, 1))
    cube = f'TITLE "a"\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n{nodes}\n'.encode()
    line = b"LUT_1D_SIZE 3\nLUT_1D_INPUT_RANGE 0 1\n0 0 0\n0.5 0.4 0.3\n1 1 1\n"
    both = b"LUT_1D_SIZE 2\nLUT_3D_SIZE 2\n0 0 0\n1 1 1\n" + nodes.encode()
    texts = [b"0,0\n100,50\n255,255\n", b"1\n2\n3\n", b"0 0 0 1\n" * 8]
    arrays = [array("<f4", "(2, 2, 2, 3)", values=bytes(96)), array("|u1", (256,), values=bytes(256)),
              array("<u2", "(17, 17, 17, 4)", values=bytes(17**3 * 8)), array("<f8", (4, 3), values=bytes(96))]
    for kind in (0, 3, 8, 16, 27):
        for content in (cube, line, both):
            yield bytes([kind * 3 % 256]) + content
        for content in texts:
            yield bytes([kind * 3 % 256 + 2]) + content
        for content in arrays:
            yield bytes([(kind * 3 + 1) % 256]) + content
    yield b"\x04" + cube
    yield b"\x07" + arrays[2]


def calc():
    for which in (0, 3, 80, 150):
        for text in ["(B - A) / (B + A)", "where(A > 3 & B != nan, sqrt(abs(C)), -1.5e-3 ** 2)", "A:1 * 2 + B // 3 % 7",
                     "min(A, B), max(A, C)", "~A | (B << 2) ^ C >> 1", "x + y * 1j", "sin(A) + exp(B) - log10(C + 1)",
                     "A[1, -1] - A[-1, 1]", "isnan(A) * float32(B) + uint8(C)", "((((A))))", "mean(A, B, C)", "A ** 0.5"]:
            yield bytes([which]) + text.encode()


def zarr():
    packed = subprocess.run(["zstd", "-dcq", FIXTURES.parent / "zarr" / "stores.zst"], capture_output=True, check=True).stdout
    stored = {}
    while packed:
        name_length, length = struct.unpack_from("<II", packed)
        name = packed[8:8 + name_length].decode()
        stored[name], packed = packed[8 + name_length:8 + name_length + length], packed[8 + name_length + length:]
    for name, metadata in stored.items():
        folder, _, file = name.rpartition("/")
        if file != "zarr.json" or b'"array"' not in metadata:
            continue
        chunks = [other for other in stored if other.startswith(folder + "/") and not other.endswith("zarr.json")]
        first = min(chunks, key=lambda other: (len(other), other), default=None)
        if first is None or len(stored[first]) > 12000:
            continue
        # How deep the target puts the chunk follows from the metadata's length.
        deep = max(first[len(folder) + 1:].count("/") - 1, 0)
        yield metadata + b" " * ((deep - len(metadata)) % 3) + b"\0" + stored[first]


def job():
    one = {"version": 1, "read": {"path": "a.tif", "options": {"nodata-value": "3"}},
           "step": [{"operator": "gaussian", "parameters": {"sigma": "2.2"}, "with": [{"path": "b.tif"}]}],
           "write": {"path": "b.tif", "options": {"compress": "zstd"}}, "run": {"memory": "64MiB", "threads": 2, "tile": "9x9"}}
    yield json.dumps(one).encode()
    yield (b"version = 1\nread = { path = 'a.tif' }\nwrite = { path = 'b.tif', options = { compress = 'zstd:3' } }\n"
           b"step = [{ operator = 'gaussian', parameters = { sigma = '2.2' } }]\nrun = { memory = '64MiB', flush = false }\n")
    batch = {"version": 1, "inputs": ["*.tif", "a?.tif"], "write": {"path": "{stem}-{number}.tif"},
             "step": one["step"], "at_once": 2, "log": "log", "page": "page.html"}
    yield json.dumps(batch).encode()
    yield b"version = 1\ninputs = ['*.tif', '[ab].npy']\nwrite = { path = 'o/{stem}{ending}' }\nstep = [{ operator = 'median' }]\n"


def plan(operators):
    heads = ["read=0\tending=tif\ttile=7x5\tcompress=deflate", "read=1\tending=npy", "read=2\tending=tif\tthreads=2\tformat=cog",
             "read=3\tending=raw\ttile=64x1", "read=4\tending=img\tinterleave=pixel", "read=5\tending=tif\tbigtiff=yes\tblock=16x32",
             "read=1\tending=png", "read=1\tending=tif\tcompress=zstd:1\tpredictor=horizontal\toverviews=2,4\tSPARSE=yes"]
    for number, operator in enumerate(operators):
        words = [operator["name"]]
        for parameter in operator["parameters"]:
            if parameter.get("default") is not None:
                words.append(f"{parameter['name']}={parameter['default']}")
            elif parameter.get("required"):
                words.append(f"{parameter['name']}=3")
        yield "\n".join([heads[number % len(heads)], "\t".join(words)]).encode()
        yield "\n".join([heads[(number + 3) % len(heads)], operator["name"] + "\twith=1", "gaussian\tsigma=1.1"]).encode()


def dictionary(operators):
    words = {"ENVI", "map info", "rotation=", "LUT_1D_SIZE", "LUT_3D_SIZE", "DOMAIN_MIN", "DOMAIN_MAX", "nan", "inf", "\t", "\n"}
    words |= {"type=" + kind for kind in ("u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64")}
    for operator in operators:
        words.add(operator["name"] + "\t")
        for parameter in operator["parameters"]:
            words.add("\t" + parameter["name"] + "=")
            words |= {word for word in parameter["value"].split("|") if word.islower()}
    quoted = (word.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\x09").replace("\n", "\\x0a") for word in sorted(words))
    return "".join(f'"{word}"\n' for word in quoted)


def main():
    listed = json.loads(subprocess.run([sys.argv[1], "operators", "--json"], capture_output=True, text=True, check=True).stdout)
    operators = listed["operators"] if isinstance(listed, dict) else listed
    targets = {"tiff": tiff(), "npy": npy(), "envi": envi(), "raw": raw(), "table": table(), "calc": calc(), "job": job(), "zarr": zarr(),
               "plan": plan(operators)}
    for name, seeds in targets.items():
        folder = HERE / "corpus" / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (folder / f"seed-{number:03}").write_bytes(seed)
    (HERE / "words.dict").write_text(dictionary(operators))


main()
