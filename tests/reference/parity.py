"""Tiny random checkpoints of every family that the local engine runs, with the answers of Hugging Face transformers.

    python parity.py OUTPUT_FOLDER [NAME ...]

Needs torch, transformers, safetensors and gguf. Writes for each checkpoint a folder with

    config.json               as transformers writes it, or in the older spelling where the checkpoint says "legacy"
    model.safetensors.gz      the weights as 16-bit floats
    model.gguf.gz             the same weights by the names and permutations of llama.cpp's converter
    expected.json             a prompt, logits by transformers in 32-bit floats, and 20 greedy tokens

All weights are small whole numbers times a power of two: exact in 16 bits, and they compress well. Seeds are tried until
each greedy choice is clear and until the first one whose answers depend on everything a family does.
"""

import gzip
import json
import math
import shutil
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers

PROMPT, GREEDY, SAMPLES = 40, 20, 8
# The least distance between the first and the second token, in standard deviations of the logits.
CLEAR = 0.08

SIZES = dict(
    vocab_size=128,
    hidden_size=64,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
)
LEGACY_ROPE = ("rope_theta", "rope_type", "partial_rotary_factor")

CHECKPOINTS = {
    # Llama 3.1: rotations blended beyond a small original context; the head is its own.
    "llama": dict(
        kind="Llama",
        arch=gguf.MODEL_ARCH.LLAMA,
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
        rope_parameters=dict(
            rope_type="llama3",
            rope_theta=20000.0,
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=64,
        ),
    ),
    # Biases everywhere, stretched rotations, a tied head.
    "llama-bias": dict(
        kind="Llama",
        arch=gguf.MODEL_ARCH.LLAMA,
        legacy=True,
        attention_bias=True,
        mlp_bias=True,
        tie_word_embeddings=True,
        rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0),
    ),
    "mistral": dict(
        kind="Mistral",
        arch=gguf.MODEL_ARCH.LLAMA,
        legacy=True,
        head_dim=8,
        sliding_window=16,
        tie_word_embeddings=False,
        rope_parameters=dict(rope_type="default", rope_theta=50000.0),
    ),
    "qwen2": dict(
        kind="Qwen2",
        arch=gguf.MODEL_ARCH.QWEN2,
        legacy=True,
        tie_word_embeddings=True,
        rope_parameters=dict(rope_type="default", rope_theta=1000000.0),
    ),
    # Only the last layer has the window. GGUF files cannot say so.
    "qwen2-window": dict(
        kind="Qwen2",
        arch=None,
        use_sliding_window=True,
        sliding_window=16,
        max_window_layers=1,
        tie_word_embeddings=False,
        rope_parameters=dict(rope_type="default", rope_theta=1000000.0),
    ),
    "qwen3": dict(
        kind="Qwen3",
        arch=gguf.MODEL_ARCH.QWEN3,
        head_dim=32,
        tie_word_embeddings=False,
        rope_parameters=dict(rope_type="default", rope_theta=1000000.0),
    ),
    "gemma": dict(
        kind="Gemma",
        arch=gguf.MODEL_ARCH.GEMMA,
        num_key_value_heads=1,
        head_dim=32,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0),
    ),
    "gemma2": dict(
        kind="Gemma2",
        arch=gguf.MODEL_ARCH.GEMMA2,
        head_dim=16,
        query_pre_attn_scalar=16,
        sliding_window=16,
        attn_logit_softcapping=4.0,
        final_logit_softcapping=6.0,
        num_hidden_layers=3,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0),
    ),
    # Seven layers: the sixth alone sees everything, with a rotation of its own.
    "gemma3": dict(
        kind="Gemma3",
        arch=gguf.MODEL_ARCH.GEMMA3,
        hidden_size=48,
        intermediate_size=48,
        head_dim=16,
        query_pre_attn_scalar=16,
        sliding_window=16,
        num_hidden_layers=7,
        num_key_value_heads=1,
        rope_parameters=dict(
            full_attention=dict(rope_type="linear", rope_theta=1000000.0, factor=8.0),
            sliding_attention=dict(rope_type="default", rope_theta=10000.0),
        ),
    ),
    # Beyond its original context; three quarters of each head are rotated.
    "phi3": dict(
        kind="Phi3",
        arch=gguf.MODEL_ARCH.PHI3,
        tie_word_embeddings=False,
        original_max_position_embeddings=24,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        rope_parameters=dict(
            rope_type="longrope",
            rope_theta=10000.0,
            partial_rotary_factor=0.75,
            short_factor=[1.0, 1.125, 1.25, 1.5, 1.75, 2.0],
            long_factor=[1.0, 2.0, 3.0, 5.0, 8.0, 12.0],
        ),
    ),
    # A window in every layer.
    "phi3-window": dict(
        kind="Phi3",
        arch=gguf.MODEL_ARCH.PHI3,
        legacy=True,
        tie_word_embeddings=False,
        sliding_window=16,
        num_key_value_heads=4,
        original_max_position_embeddings=128,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0),
    ),
}

CLASSES = {
    "Llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "Mistral": (transformers.MistralConfig, transformers.MistralForCausalLM),
    "Qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
    "Qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM),
    "Gemma": (transformers.GemmaConfig, transformers.GemmaForCausalLM),
    "Gemma2": (transformers.Gemma2Config, transformers.Gemma2ForCausalLM),
    "Gemma3": (transformers.Gemma3TextConfig, transformers.Gemma3ForCausalLM),
    "Phi3": (transformers.Phi3Config, transformers.Phi3ForCausalLM),
}


def settings(spec):
    ours = ("kind", "arch", "legacy")
    return {**SIZES, **{key: value for key, value in spec.items() if key not in ours}}


def fill(model, spec, seed):
    """Whole numbers from -7 to 7 times a power of two, about as large as trained weights behave."""
    random = np.random.default_rng(seed)
    is_gemma = spec["kind"].startswith("Gemma")
    for name, tensor in sorted(model.state_dict().items()):
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        shape = tuple(tensor.shape)
        whole = random.integers(-7, 8, size=shape).astype(np.float32)
        if len(shape) == 1 and "norm" in name:
            values = whole / 16 + (0.0 if is_gemma else 1.0)
        elif len(shape) == 1:
            values = whole / 16
        else:
            # The numbers' own deviation is 4.3; queries and keys are larger, so that attention is sharp.
            sharp = any(part in name for part in ("q_proj", "k_proj", "qkv_proj"))
            wanted = (2.0 if sharp else 1.0) / math.sqrt(shape[1])
            if "embed_tokens" in name:
                # Gemma multiplies them by the root of the width.
                wanted = 0.08 if is_gemma else 0.3
            if name == "lm_head.weight":
                wanted = 0.4
            values = whole * 2.0 ** round(math.log2(wanted / 4.3))
        tensor.copy_(torch.from_numpy(values))


def logits_of(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens]), use_cache=False).logits[0].double().numpy()


def answers(model, seed, length):
    """Logits of a prompt and greedy tokens after it; none when a choice is not clear."""
    random = np.random.default_rng(seed + 1000)
    prompt = [int(t) for t in random.integers(3, SIZES["vocab_size"], size=length)]
    logits = logits_of(model, prompt)
    deviation = float(logits.std())
    tokens, greedy = list(prompt), []
    for _ in range(GREEDY):
        last = logits_of(model, tokens)[-1]
        second, first = np.sort(last)[-2:]
        if first - second < max(CLEAR * deviation, 0.05):
            return None
        greedy.append(int(last.argmax()))
        tokens.append(greedy[-1])
    if len(set(greedy)) < 8:
        return None
    columns = [int(t) for t in random.choice(SIZES["vocab_size"], size=SAMPLES, replace=False)]
    return {
        "prompt": prompt,
        "deviation": round(deviation, 6),
        "last": [round(float(x), 6) for x in logits[-1]],
        "columns": columns,
        "samples": [[round(float(x), 6) for x in row[columns]] for row in logits],
        "greedy": greedy,
    }


def legacy(config):
    """The spelling before version 5 of transformers."""
    parameters = config.pop("rope_parameters")
    config["rope_theta"] = parameters["rope_theta"]
    if "partial_rotary_factor" in parameters and parameters["partial_rotary_factor"] != 1.0:
        config["partial_rotary_factor"] = parameters["partial_rotary_factor"]
    rest = {key: value for key, value in parameters.items() if key not in LEGACY_ROPE}
    config["rope_scaling"] = {"type": parameters["rope_type"], **rest} if rest else None
    return config


def write_gguf(path, model, spec):
    config = model.config
    arch = spec["arch"]
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    rope = config.rope_parameters
    main = rope.get("full_attention", rope)
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("no_vocab")
    writer.add_rope_dimension_count(int(head * main.get("partial_rotary_factor", 1.0)))
    writer.add_rope_freq_base(main["rope_theta"])
    if main["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(main["factor"])
    window = getattr(config, "sliding_window", None)
    if window is not None and spec["kind"] not in ("Qwen2", "Qwen3"):
        writer.add_sliding_window(window)
    if spec["kind"] == "Gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)

    def vector(name, values):
        writer.add_tensor(name, np.asarray(values, dtype=np.float32))

    if main["rope_type"] == "llama3":
        vector("rope_freqs.weight", llama3_factors(main, head))
    if main["rope_type"] == "longrope":
        original = config.original_max_position_embeddings
        scale = config.max_position_embeddings / original
        writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(original)))
        vector("rope_factors_long.weight", main["long_factor"])
        vector("rope_factors_short.weight", main["short_factor"])

    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        values = tensor.numpy()
        if arch == gguf.MODEL_ARCH.LLAMA and "q_proj" in name:
            values = permuted(values, config.num_attention_heads)
        if arch == gguf.MODEL_ARCH.LLAMA and "k_proj" in name:
            values = permuted(values, config.num_key_value_heads)
        if spec["kind"].startswith("Gemma") and name.endswith("norm.weight"):
            values = values + 1
        kind = np.float32 if values.ndim == 1 else np.float16
        mapped = names.get_name(name, try_suffixes=(".weight", ".bias"))
        writer.add_tensor(mapped, np.ascontiguousarray(values.astype(kind)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def permuted(values, heads):
    """Halves of a head become neighbours."""
    split = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return split.swapaxes(1, 2).reshape(values.shape)


def llama3_factors(rope, head):
    factors = []
    for pair in range(head // 2):
        length = 2 * math.pi * rope["rope_theta"] ** (2 * pair / head)
        turns = rope["original_max_position_embeddings"] / length
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        share = min(max((turns - low) / (high - low), 0.0), 1.0)
        factors.append(1 / ((1 - share) / rope["factor"] + share))
    return factors


def compress(source, target):
    with open(source, "rb") as plain, open(target, "wb") as packed:
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="", compresslevel=9) as out:
            shutil.copyfileobj(plain, out)


def make(name, spec, folder):
    config_class, model_class = CLASSES[spec["kind"]]
    for seed in range(2000):
        config = config_class(**settings(spec))
        config._attn_implementation = "eager"
        model = model_class(config).float().eval()
        fill(model, spec, seed)
        expected = answers(model, seed, PROMPT)
        if expected is None:
            continue
        if name == "phi3":
            # Within the original context the other factors hold.
            short = answers(model, seed, 12)
            expected["short"] = {key: short[key] for key in ("prompt", "last")} if short else None
            if short is None:
                continue
        break
    else:
        raise SystemExit(f"{name}: no seed gives clear answers")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        model.half().save_pretrained(scratch)
        raw = json.loads((scratch / "config.json").read_text())
        if spec.get("legacy"):
            raw = legacy(raw)
        (scratch / "config.json").write_text(json.dumps(raw, indent=1, sort_keys=True) + "\n")
        check(scratch, model_class, expected, name)
        model.float()
        shutil.copy(scratch / "config.json", folder / "config.json")
        compress(scratch / "model.safetensors", folder / "model.safetensors.gz")
        if spec["arch"] is not None:
            write_gguf(scratch / "model.gguf", model, spec)
            compress(scratch / "model.gguf", folder / "model.gguf.gz")
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name}: seed {seed}, deviation {expected['deviation']}, {size} bytes")


def check(scratch, model_class, expected, name):
    """What was written gives the same answers when transformers reads it."""
    again = model_class.from_pretrained(scratch, dtype=torch.float32, attn_implementation="eager")
    last = logits_of(again.eval(), expected["prompt"])[-1]
    difference = np.abs(last - np.array(expected["last"])).max()
    assert difference < 1e-4, (name, difference)


def main():
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name in sys.argv[2:] or CHECKPOINTS:
        make(name, CHECKPOINTS[name], folder / name)


if __name__ == "__main__":
    main()
