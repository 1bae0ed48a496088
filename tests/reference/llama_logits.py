"""Logits of a Llama-family GGUF file in plain numpy, 32-bit floats: the independent reference of the local engine.

Usage: python llama_logits.py MODEL.gguf TOKEN,TOKEN,... [OUT]
Prints the logits after the last token, one per line, to OUT, or the ten highest without it.
Reads the formats F32, Q8_0 and Q4_1. Needs numpy only.
"""

import struct
import sys

import numpy as np

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Gguf:
    def __init__(self, path):
        self.data = open(path, "rb").read()
        self.at = 4
        self.scalar("I")
        tensors, keys = self.scalar("Q"), self.scalar("Q")
        self.meta = {}
        for _ in range(keys):
            key = self.text()
            self.meta[key] = self.value(self.scalar("I"))
        self.tensors = {}
        for _ in range(tensors):
            name = self.text()
            shape = [self.scalar("Q") for _ in range(self.scalar("I"))]
            kind = self.scalar("I")
            self.tensors[name] = (shape[::-1], kind, self.scalar("Q"))
        alignment = self.meta.get("general.alignment", 32)
        self.begin = (self.at + alignment - 1) // alignment * alignment

    def scalar(self, code):
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize(code)
        return value

    def text(self):
        length = self.scalar("Q")
        self.at += length
        return self.data[self.at - length : self.at].decode("utf-8", "replace")

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            inner, count = self.scalar("I"), self.scalar("Q")
            return [self.value(inner) for _ in range(count)]
        return self.scalar(SCALARS[kind])

    def tensor(self, name):
        shape, kind, offset = self.tensors[name]
        count = int(np.prod(shape))
        start = self.begin + offset
        if kind == 0:
            return np.frombuffer(self.data, "<f4", count, start).reshape(shape)
        blocks = count // 32
        if kind == 8:
            raw = np.frombuffer(self.data, np.uint8, blocks * 34, start).reshape(blocks, 34)
            scale = raw[:, :2].copy().view("<f2").astype(np.float32)
            return (scale * raw[:, 2:].view(np.int8).astype(np.float32)).reshape(shape)
        if kind == 3:
            raw = np.frombuffer(self.data, np.uint8, blocks * 20, start).reshape(blocks, 20)
            scale = raw[:, :2].copy().view("<f2").astype(np.float32)
            least = raw[:, 2:4].copy().view("<f2").astype(np.float32)
            nibbles = np.concatenate([raw[:, 4:] & 15, raw[:, 4:] >> 4], axis=1)
            return (scale * nibbles.astype(np.float32) + least).reshape(shape)
        raise SystemExit(f"tensor {name}: type {kind} is not read here")


def norm(x, weight, epsilon):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon) * weight


def rotate(x, base, width):
    """Turns neighbouring pairs, as the converter of llama files permutes queries and keys for."""
    positions = np.arange(x.shape[0], dtype=np.float64)
    angles = positions[:, None] * base ** (-np.arange(0, width, 2) / width)
    cosine, sine = np.cos(angles)[:, None, :], np.sin(angles)[:, None, :]
    even, odd = x[..., 0:width:2], x[..., 1:width:2]
    out = x.copy()
    out[..., 0:width:2] = even * cosine - odd * sine
    out[..., 1:width:2] = even * sine + odd * cosine
    return out.astype(np.float32)


def logits(file, tokens):
    get = lambda key, default=None: file.meta.get("llama." + key, default)
    heads = get("attention.head_count")
    kv_heads = get("attention.head_count_kv", heads)
    epsilon, base = get("attention.layer_norm_rms_epsilon"), get("rope.freq_base", 10000.0)
    embedding = file.tensor("token_embd.weight")
    x = embedding[tokens]
    length = len(tokens)
    future = np.triu(np.full((length, length), -np.inf, np.float32), 1)
    for layer in range(get("block_count")):
        weight = lambda name: file.tensor(f"blk.{layer}.{name}.weight")
        h = norm(x, weight("attn_norm"), epsilon)
        q = (h @ weight("attn_q").T).reshape(length, heads, -1)
        k = (h @ weight("attn_k").T).reshape(length, kv_heads, -1)
        v = (h @ weight("attn_v").T).reshape(length, kv_heads, -1)
        head_width = q.shape[-1]
        width = get("rope.dimension_count", head_width)
        q, k = rotate(q, base, width), rotate(k, base, width)
        k, v = (np.repeat(t, heads // kv_heads, axis=1) for t in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(head_width) + future
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", scores, v).reshape(length, -1)
        x = x + mixed @ weight("attn_output").T
        h = norm(x, weight("ffn_norm"), epsilon)
        gate = h @ weight("ffn_gate").T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ weight("ffn_up").T)) @ weight("ffn_down").T
    last = norm(x[-1:], file.tensor("output_norm.weight"), epsilon)
    head = file.tensor("output.weight") if "output.weight" in file.tensors else embedding
    return (last @ head.T)[0]


def main():
    file = Gguf(sys.argv[1])
    result = logits(file, [int(t) for t in sys.argv[2].split(",")])
    if len(sys.argv) > 3:
        with open(sys.argv[3], "w") as out:
            out.writelines(f"{value:.6f}\n" for value in result)
        return
    for token in np.argsort(-result)[:10]:
        print(token, repr(file.meta["tokenizer.ggml.tokens"][token]), f"{result[token]:.4f}")


if __name__ == "__main__":
    main()
