"""Golden files of one dash of Pathfinder: Pillow draws and reduces it, OpenCV widens it.

    python oracles/pathfinder.py [--check]     # needs numpy, pillow, opencv-python-headless

Writes crates/data/tests/golden/pathfinder_{32,64,128}.idx3.gz: bytes [angle * 2, side, side], for every
angle of the list first the line and then its footprint. Drawing rules as in crates/data's module
`benchmarks::pathfinder`; this is our own transcription of them, for stencils only.
"""

import gzip
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import PIL
from PIL import Image, ImageDraw

FOLDER = Path(__file__).resolve().parent.parent / "crates/data/tests/golden"
#        size: dash length, thickness, margin, step between angles in degrees
CASES = {32: (2, 0.5, 1, 3), 64: (5, 1.0, 1, 6), 128: (5, 1.5, 3, 9)}
SCALE = 2


def disc(radius):
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return (y * y + x * x <= radius * radius).astype(np.uint8)


def reduce(image, side):
    return np.array(Image.fromarray(image).resize((side, side), resample=Image.Resampling.LANCZOS))


def stencil(degree, length, thickness, margin):
    reach = length + int(np.ceil(thickness)) + margin
    middle = reach * SCALE
    angle = degree * np.pi / 180
    x = int(np.ceil(middle + length * SCALE * np.cos(angle)))
    y = int(np.ceil(middle + length * SCALE * np.sin(angle)))
    image = Image.new("L", (2 * middle + 1, 2 * middle + 1), 0)
    width = int(round(thickness * SCALE))
    ImageDraw.Draw(image).line([(middle, middle), (x, y)], fill=255, width=width)
    line = np.array(image)
    wide = cv2.dilate(line, kernel=disc(margin * SCALE), iterations=1)
    return [reduce(line, 2 * reach + 1), reduce(wide, 2 * reach + 1)]


def main():
    check = "--check" in sys.argv
    FOLDER.mkdir(parents=True, exist_ok=True)
    print(f"numpy {np.__version__}, pillow {PIL.__version__}, opencv {cv2.__version__}")
    for size, (length, thickness, margin, step) in CASES.items():
        layers = [it for degree in range(-180, 180, step) for it in stencil(degree, length, thickness, margin)]
        values = np.stack(layers)
        head = struct.pack(">4B", 0, 0, 8, 3) + struct.pack(">3I", *values.shape)
        path = FOLDER / f"pathfinder_{size}.idx3.gz"
        if check:
            same = gzip.decompress(path.read_bytes()) == head + values.tobytes()
            print(path.name, "equal" if same else "DIFFERS")
            if not same:
                sys.exit(1)
        else:
            path.write_bytes(gzip.compress(head + values.tobytes(), 9, mtime=0))
            print(path.name, values.shape, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
