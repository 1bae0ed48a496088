"""Rows quantised by ggml with the numbers they stand for, for tests of the readers and kernels.

    python formats.py GGML_LIBRARY OUTPUT_FOLDER

GGML_LIBRARY is libggml-base.so of a llama.cpp build; numpy and the gguf package are needed. Writes, for each format, a file
FORMAT.bin of ROWS rows of COLUMNS numbers as ggml stores them, and FORMAT.f32: the same numbers by the gguf package's
own dequantisation, as little-endian 32-bit floats. Most of the rows are rough: one large number in each block, blocks of
zeros, blocks of one sign.
"""

import ctypes
import sys
from pathlib import Path

import gguf
import numpy as np

ROWS, COLUMNS = 8, 512
FORMATS = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]


def numbers() -> np.ndarray:
    random = np.random.default_rng(7)
    values = random.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    values[1] *= 1e-3
    values[2] = np.abs(values[2])
    values[3, ::37] *= 40
    values[4, 32:96] = 0
    values[5] -= 3
    return np.ascontiguousarray(values)


def quantised(library: ctypes.CDLL, name: str, values: np.ndarray) -> bytes:
    kind = gguf.GGMLQuantizationType[name]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros(values.size // block * size, dtype=np.uint8)
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    written = library.ggml_quantize_chunk(
        ctypes.c_int(kind),
        values.ctypes.data_as(ctypes.c_void_p),
        out.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_int64(0),
        ctypes.c_int64(values.shape[0]),
        ctypes.c_int64(values.shape[1]),
        None,
    )
    assert written == out.size, (name, written, out.size)
    return out.tobytes()


def main() -> None:
    library = ctypes.CDLL(sys.argv[1])
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    values = numbers()
    for name in FORMATS:
        stored = quantised(library, name, values)
        kind = gguf.GGMLQuantizationType[name]
        plain = gguf.dequantize(np.frombuffer(stored, dtype=np.uint8).reshape(ROWS, -1), kind)
        error = np.sqrt(np.mean((plain - values) ** 2) / np.mean(values**2))
        print(f"{name}: relative error {error:.4f}")
        (folder / f"{name}.bin").write_bytes(stored)
        (folder / f"{name}.f32").write_bytes(plain.astype("<f4").tobytes())


main()
