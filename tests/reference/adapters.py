"""Adapters made and applied by PEFT on tiny models: the independent reference of the engine's adapters.

Usage: python adapters.py TINY.gguf PARITY OUT
TINY.gguf is the tiny model's F32 file (`cargo test --test it the_tiny_model_is_written -- --ignored` writes it to
SYNOD_TINY_MODEL); PARITY is the folder of the checkpoints that parity.py made. Writes one folder for each adapter, as PEFT
saves it, and logits.json: for each case the logits after the last token of the prompt. Needs numpy, torch, transformers and
peft; made with peft 0.21.2.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load, load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from llama_logits import Gguf

PROMPT = [1, 40, 77, 200, 13, 258, 261, 7, 99, 40, 41, 42]

ADAPTERS = {
    # What PEFT does unless told otherwise.
    "attention": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]),
    # Rank-stabilised, everywhere, in 16 bits.
    "everywhere": dict(r=8, lora_alpha=16, use_rslora=True, target_modules="all-linear"),
    # Odd ranks by pattern, one layer, an expression with look-behind.
    "patterns": dict(
        r=5,
        lora_alpha=4,
        target_modules=r"model\.layers\.1\..*(?<!o)_proj",
        exclude_modules=["up_proj"],
        rank_pattern={"down_proj": 3, "self_attn.k_proj": 16},
        alpha_pattern={"k_proj": 9.5},
    ),
    # The shape of the first, for sums of the factors themselves.
    "second": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]),
}


# Checkpoints of parity.py that get an adapter of all their linear maps: permuted in GGUF files, narrow heads, fused maps.
CHECKPOINTS = ["llama", "mistral", "phi3"]


def base(path):
    file = Gguf(path)
    get = lambda key: file.meta["llama." + key]
    heads, kv_heads = get("attention.head_count"), get("attention.head_count_kv")
    embedding = file.tensor("token_embd.weight")
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=embedding.shape[0],
            hidden_size=get("embedding_length"),
            intermediate_size=get("feed_forward_length"),
            num_hidden_layers=get("block_count"),
            num_attention_heads=heads,
            num_key_value_heads=kv_heads,
            rms_norm_eps=get("attention.layer_norm_rms_epsilon"),
            rope_theta=get("rope.freq_base"),
            tie_word_embeddings=False,
        )
    )

    def original(name, groups):
        """Undoes the interleaving of each head's halves."""
        weight = torch.tensor(file.tensor(name))
        rows, columns = weight.shape
        return weight.reshape(groups, rows // groups // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)

    state = {"model.embed_tokens.weight": embedding, "lm_head.weight": file.tensor("output.weight")}
    state["model.norm.weight"] = file.tensor("output_norm.weight")
    names = {
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    for layer in range(get("block_count")):
        ours, theirs = f"model.layers.{layer}", f"blk.{layer}"
        for name, stored in names.items():
            state[f"{ours}.{name}.weight"] = file.tensor(f"{theirs}.{stored}.weight")
        state[f"{ours}.self_attn.q_proj.weight"] = original(f"{theirs}.attn_q.weight", heads)
        state[f"{ours}.self_attn.k_proj.weight"] = original(f"{theirs}.attn_k.weight", kv_heads)
    model.load_state_dict({name: torch.as_tensor(value).clone() for name, value in state.items()})
    return model.eval()


def save(model, folder, seed, kinds=lambda key: torch.float32):
    """Gives an adapter random factors and saves it."""
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn_like(parameter) * 0.15
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    tensors = load_file(folder / "adapter_model.safetensors")
    save_file({key: value.to(kinds(key)) for key, value in tensors.items()}, folder / "adapter_model.safetensors")


def make(tiny, out):
    for number, (name, settings) in enumerate(ADAPTERS.items()):
        model = get_peft_model(base(tiny), LoraConfig(task_type="CAUSAL_LM", **settings))
        kinds = lambda key: torch.float32
        if name == "everywhere":
            kinds = lambda key: torch.bfloat16 if "mlp" in key else torch.float16
        save(model, out / name, 100 + number, kinds)


def checkpoint(folder):
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32)
    state = load(gzip.decompress((folder / "model.safetensors.gz").read_bytes()))
    model.load_state_dict({key: value.float() for key, value in state.items()})
    return model.eval()


def logits(model, prompt=PROMPT):
    with torch.no_grad():
        return [round(x, 6) for x in model(torch.tensor([prompt])).logits[0, -1].tolist()]


def loaded(tiny, out, *names):
    model = PeftModel.from_pretrained(base(tiny), out / names[0], adapter_name=names[0], autocast_adapter_dtype=True)
    for name in names[1:]:
        model.load_adapter(out / name, adapter_name=name)
    return model.eval()


def main(tiny, parity, out):
    out.mkdir(parents=True, exist_ok=True)
    make(tiny, out)
    cases = {"base": logits(base(tiny))}
    for name in ADAPTERS:
        cases[name] = logits(loaded(tiny, out, name))
    stacked = loaded(tiny, out, "attention", "everywhere")
    stacked.base_model.set_adapter(["attention", "everywhere"])
    cases["attention + everywhere"] = logits(stacked)
    weighted = loaded(tiny, out, "attention", "everywhere", "patterns")
    names, weights = ["attention", "everywhere", "patterns"], [0.75, 1.5, -0.5]
    for name, weight in zip(names, weights):
        for module in weighted.modules():
            if isinstance(getattr(module, "scaling", None), dict) and name in module.scaling:
                module.scaling[name] *= weight
    weighted.base_model.set_adapter(names)
    cases["0.75 attention + 1.5 everywhere - 0.5 patterns"] = logits(weighted)
    # Factors added each on its own, as Model Swarms adds positions.
    first, second = (load_file(out / name / "adapter_model.safetensors") for name in ("attention", "second"))
    model = loaded(tiny, out, "attention")
    state = {key.replace(".weight", ".attention.weight"): 1.5 * first[key] - 0.5 * second[key] for key in first}
    missing = model.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys, missing
    cases["factors 1.5 attention - 0.5 second"] = logits(model)
    for number, name in enumerate(CHECKPOINTS):
        settings = LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules="all-linear")
        save(get_peft_model(checkpoint(parity / name), settings), out / name, 200 + number, lambda key: torch.bfloat16)
        prompt = json.loads((parity / name / "expected.json").read_text())["prompt"]
        model = PeftModel.from_pretrained(checkpoint(parity / name), out / name)
        cases[name] = logits(model.eval(), prompt)
    (out / "logits.json").write_text(json.dumps({"prompt": PROMPT, "cases": cases}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
