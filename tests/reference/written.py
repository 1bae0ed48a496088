"""Loads adapters that synod wrote with PEFT and compares what they compute.

    python tests/reference/written.py ADAPTER BASE [--gguf FILE] [--like ADAPTER] [--logits FILE]

BASE is a folder that transformers loads; with --gguf it is the folder of that file, and transformers widens its weights.
--like names another adapter that has to compute the same, --logits a file of JSON {"tokens": [...], "logits": [...]} with
the logits behind the last token. Needs torch, transformers and peft. Prints the largest difference.
"""

import argparse
import json

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM


def logits(adapter, args, tokens):
    extra = {"gguf_file": args.gguf} if args.gguf else {}
    base = AutoModelForCausalLM.from_pretrained(args.base, dtype=torch.float32, **extra)
    model = PeftModel.from_pretrained(base, adapter)
    loaded = {name.replace(".default", "") for name, _ in model.named_parameters() if "lora_" in name}
    from safetensors import safe_open

    with safe_open(f"{adapter}/adapter_model.safetensors", "pt") as file:
        stored = set(file.keys())
    if stored != loaded:
        raise SystemExit(f"tensors differ: {sorted(stored ^ loaded)[:6]}")
    model.eval()
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0, -1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adapter")
    parser.add_argument("base")
    parser.add_argument("--gguf")
    parser.add_argument("--like")
    parser.add_argument("--logits")
    args = parser.parse_args()
    expected, tokens = None, [1, 5, 9, 17, 33, 2, 8]
    if args.logits:
        given = json.load(open(args.logits, encoding="utf-8"))
        tokens, expected = given["tokens"], torch.tensor(given["logits"])
    found = logits(args.adapter, args, tokens)
    if args.like:
        expected = logits(args.like, args, tokens)
    if expected is None:
        print("loaded; nothing to compare with")
        return
    difference = (found - expected).abs().max().item()
    print(f"largest difference {difference:.3g} of logits up to {expected.abs().max().item():.3g}")


if __name__ == "__main__":
    main()
