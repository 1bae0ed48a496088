"""What PyTorch and PEFT compute when they train the tiny checkpoints of parity.py.

    python train.py PARITY_FOLDER OUTPUT_FOLDER [NAME ...]

Needs torch, transformers, peft and safetensors. Writes for each checkpoint

    NAME.json           a batch; losses, norms and learning rates of ten steps of AdamW, of an adapter and of the whole model;
                        digests of the gradients by every number of the model and of the numbers after ten steps
    NAME.safetensors    gradients by every number of an adapter at the first step (gradient.*) and its numbers after ten
                        steps (after.*)

Nothing is drawn: an adapter's first numbers follow from their places (start), so the program under test makes the same.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import peft
import torch
import transformers
from safetensors.numpy import save_file

LENGTHS = (30, 40, 26)
STEPS = 10
RANK, ALPHA = 2, 6.0
LORA = dict(lr=2e-3, weight_decay=0.05, betas=(0.9, 0.95), eps=1e-7)
FULL = dict(lr=1e-3, weight_decay=0.1, betas=(0.9, 0.999), eps=1e-8)
LORA_NORM, FULL_NORM = 0.2, 1.5
TARGETS = {"mistral": ["q_proj", "v_proj", "down_proj"], "phi3-window": ["qkv_proj", "o_proj"]}
RSLORA = {"qwen2"}


def batch(name):
    random = np.random.default_rng(sum(name.encode()))
    rows = []
    for number, length in enumerate(LENGTHS):
        ids = [int(t) for t in random.integers(3, 128, size=length)]
        learned = [True, None, None][number]
        mask = [learned or (place > length // 2 if number == 1 else place % 3 == 0) for place in range(length)]
        rows.append({"ids": ids, "labels": [t if m else -100 for t, m in zip(ids, mask)]})
    return rows


def start(index, shape):
    count = int(np.prod(shape))
    places = (np.arange(count, dtype=np.int64) * 7919 + index * 104_729) % 2003
    return ((places - 1001) / 10010.0).astype(np.float32).reshape(shape)


def load(folder, name):
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        (scratch / "config.json").write_bytes((folder / name / "config.json").read_bytes())
        with gzip.open(folder / name / "model.safetensors.gz") as packed:
            (scratch / "model.safetensors").write_bytes(packed.read())
        return transformers.AutoModelForCausalLM.from_pretrained(
            scratch, dtype=torch.float32, attn_implementation="eager").eval()


def loss_of(model, rows):
    """The mean over all labels; each sequence alone, so nothing is padded."""
    total, labels = 0.0, 0
    for row in rows:
        ids = torch.tensor([row["ids"]])
        logits = model(input_ids=ids, use_cache=False).logits[0, :-1]
        targets = torch.tensor(row["labels"][1:])
        total = total + torch.nn.functional.cross_entropy(logits, targets, ignore_index=-100, reduction="sum")
        labels += int((targets != -100).sum())
    return total / labels


def steps(model, rows, optimiser, schedule, parameters, most):
    """Losses, norms and rates of all steps; gradients of the first, before they are cut."""
    record, first = [], None
    for _ in range(STEPS):
        loss = loss_of(model, rows)
        loss.backward()
        if first is None:
            first = {name: p.grad.clone() for name, p in parameters.items()}
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), most)
        rate = optimiser.param_groups[0]["lr"]
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        record.append([float(loss), float(norm), rate])
    return record, first


def digest(tensors):
    """Of each tensor its Euclidean norm, sums with three patterns of signs, and eight numbers."""
    result = {}
    for name, tensor in tensors.items():
        flat = tensor.detach().double().numpy().ravel()
        places = np.arange(flat.size)
        signs = [np.where(places * prime % 7 < 3, 1.0, -1.0) for prime in (1, 5, 11)]
        picked = places[:: max(flat.size // 8, 1)][:8]
        result[name] = {
            "norm": float(np.linalg.norm(flat)),
            "sums": [float((flat * sign).sum()) for sign in signs],
            "places": [int(p) for p in picked],
            "numbers": [float(flat[p]) for p in picked],
        }
    return result


def lora(folder, name, rows):
    targets = TARGETS.get(name)
    config = peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, use_rslora=name in RSLORA, lora_dropout=0.0, bias="none",
        target_modules=targets or "all-linear", task_type="CAUSAL_LM")
    model = peft.get_peft_model(load(folder, name), config)
    parameters = {n.replace(".default", ""): p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for index, parameter in enumerate(parameters[n] for n in sorted(parameters)):
            parameter.copy_(torch.from_numpy(start(index, tuple(parameter.shape))))
    optimiser = torch.optim.AdamW(parameters.values(), **LORA)
    schedule = transformers.get_linear_schedule_with_warmup(optimiser, 2, STEPS + 2)
    record, first = steps(model, rows, optimiser, schedule, parameters, LORA_NORM)
    settings = {"rank": RANK, "alpha": ALPHA, "use_rslora": name in RSLORA, "target_modules": targets or []}
    return settings, record, first, {n: p.detach() for n, p in parameters.items()}


def full(folder, name, rows):
    model = load(folder, name)
    parameters = dict(model.named_parameters())
    still = [p for n, p in parameters.items() if n.endswith("norm.weight") or n.endswith("bias")]
    moved = [p for n, p in parameters.items() if not (n.endswith("norm.weight") or n.endswith("bias"))]
    groups = [{"params": moved}, {"params": still, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, **FULL)
    schedule = transformers.get_cosine_schedule_with_warmup(optimiser, 3, STEPS + 5)
    record, first = steps(model, rows, optimiser, schedule, parameters, FULL_NORM)
    return record, digest(first), digest({n: p.detach() for n, p in parameters.items()})


def main():
    folder, output = Path(sys.argv[1]), Path(sys.argv[2])
    output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for name in sys.argv[3:] or sorted(p.name for p in folder.iterdir() if p.is_dir()):
        rows = batch(name)
        settings, record, gradients, after = lora(folder, name, rows)
        tensors = {f"gradient.{n}": g for n, g in gradients.items()} | {f"after.{n}": a for n, a in after.items()}
        save_file({n: t.numpy() for n, t in tensors.items()}, output / f"{name}.safetensors")
        full_record, full_gradients, full_after = full(folder, name, rows)
        facts = {
            "rows": rows, "lora": settings, "lora_steps": record, "full_steps": full_record,
            "full_gradients": full_gradients, "full_after": full_after,
        }
        (output / f"{name}.json").write_text(json.dumps(facts) + "\n")
        size = sum((output / f"{name}.{end}").stat().st_size for end in ("json", "safetensors"))
        print(f"{name}: loss {record[0][0]:.5f} to {record[-1][0]:.5f}, full to {full_record[-1][0]:.5f}, {size} bytes")


if __name__ == "__main__":
    main()
