"""A whole Mamba-1 language model: folders `golden/mamba_hf_tied`, `mamba_hf_own`, `mamba_original`.

Oracle: transformers' `MambaForCausalLM` (PyTorch path, f32) on a tiny model whose every parameter
is away from its default. The `mamba_hf_*` folders are what `save_pretrained` writes:
  tied: rank 3, head tied to the embedding (no lm_head.weight in the file)
  own: rank "auto" (written as its number), own head, state size and taps different from tied
`mamba_original` holds the weights of tied under the names and config.json of the state-spaces
release, whose ssm_cfg names no layer; its vocab_size 29 is padded to 32 rows there, as published
checkpoints are.
`expected.safetensors` in each: input_ids [b,l] i64, logits [b,l,v] of one pass,
prompt_logits [b,7,v] of the first seven tokens with a cache, and decode_logits [b,l-7,v] of the
remaining tokens fed one by one from that cache.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import MambaConfig, MambaForCausalLM

from golden import FOLDER, Draw, assert_close, check, wants_check, write

SCRIPT = "oracles/mamba_hf.py"
TOLERANCE = 2e-5
PROMPT = 7
CONFIGS = {
    "mamba_hf_tied": dict(time_step_rank=3, state_size=6, conv_kernel=4, tie_word_embeddings=True),
    "mamba_hf_own": dict(time_step_rank="auto", state_size=8, conv_kernel=3, tie_word_embeddings=False),
}
SHARED = dict(vocab_size=32, hidden_size=24, num_hidden_layers=2, expand=2)

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


@torch.no_grad()
def tiny_model(name, seed):
    """Every parameter drawn anew, in the range where trained ones lie."""
    model = MambaForCausalLM(MambaConfig(**SHARED, **CONFIGS[name])).eval()
    draw = Draw(seed)
    for key, value in model.named_parameters():
        if key.endswith("A_log"):
            drawn = draw.uniform(1.0, 8.0, *value.shape).log()
        elif key.endswith("dt_proj.bias"):
            drawn = draw.uniform(0.01, 0.5, *value.shape).expm1().log()  # inverse softplus
        elif key.endswith((".D", "norm.weight", "norm_f.weight")):
            drawn = draw.uniform(0.5, 1.5, *value.shape)
        elif key.endswith("bias"):
            drawn = draw.normal(*value.shape, scale=0.3)
        elif key.endswith("embeddings.weight"):
            drawn = draw.normal(*value.shape, scale=0.5)
        else:
            drawn = draw.normal(*value.shape, scale=value[0].numel() ** -0.5)
        value.copy_(drawn)
    return model


@torch.no_grad()
def expected(model, seed):
    """Logits of one pass, and the same tokens again through the cache."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(model.config.vocab_size, (2, 21), generator=generator)
    logits = model(ids).logits
    prompt = model(ids[:, :PROMPT], use_cache=True)
    cache, steps = prompt.cache_params, []
    for t in range(PROMPT, ids.shape[1]):
        step = model(ids[:, t : t + 1], cache_params=cache, use_cache=True)
        cache = step.cache_params
        steps.append(step.logits)
    decoded = torch.cat(steps, dim=1)
    assert_close("cached decode against one pass", decoded, logits[:, PROMPT:], TOLERANCE)
    return {"input_ids": ids, "logits": logits, "prompt_logits": prompt.logits, "decode_logits": decoded}


def save_hf(model, folder):
    with tempfile.TemporaryDirectory() as made:
        model.save_pretrained(made)
        for file in ("config.json", "model.safetensors"):
            shutil.copyfile(Path(made) / file, folder / file)


def original_config(config):
    return {
        "d_model": config.hidden_size,
        "d_intermediate": 0,
        "n_layer": config.num_hidden_layers,
        "vocab_size": 29,
        "ssm_cfg": {
            "d_state": config.state_size,
            "d_conv": config.conv_kernel,
            "expand": config.expand,
            "dt_rank": config.time_step_rank,
        },
        "rms_norm": True,
        "residual_in_fp32": True,
        "fused_add_norm": True,
        "pad_vocab_size_multiple": 16,
        "tie_embeddings": True,
    }


def original_tensors(model):
    """The release says `embedding`, and stores a tied head a second time."""
    tensors = {k.replace("embeddings.", "embedding."): v.clone() for k, v in model.state_dict().items()}
    tensors["lm_head.weight"] = tensors["backbone.embedding.weight"].clone()
    return tensors


def save_original(model, folder):
    (folder / "config.json").write_text(json.dumps(original_config(model.config), indent=2) + "\n")
    save_file(original_tensors(model), folder / "model.safetensors", metadata={"format": "pt"})


def check_folder(folder, model, results):
    """The stored weights are the drawn ones, and transformers opens the folder to the same logits."""
    stored = load_file(folder / "model.safetensors")
    if folder.name == "mamba_original":
        wanted = original_tensors(model)
    else:
        tied = model.config.tie_word_embeddings
        wanted = {k: v for k, v in model.state_dict().items() if not (tied and k == "lm_head.weight")}
        opened = MambaForCausalLM.from_pretrained(folder).eval()
        logits = opened(results["input_ids"]).logits.detach()
        assert_close(f"{folder.name}: logits as opened", logits, results["logits"], TOLERANCE)
    if set(stored) != set(wanted):
        sys.exit(f"{folder.name}: holds {sorted(stored)}, expected {sorted(wanted)}")
    for key, value in wanted.items():
        assert_close(f"{folder.name}: {key}", stored[key], value.detach(), 1e-7)
    check(folder / "expected.safetensors", results, TOLERANCE)


def main():
    checking = wants_check(__doc__)
    # An importable mamba-ssm would replace the PyTorch path by GPU kernels.
    if "mamba_ssm" in sys.modules:
        sys.exit("mamba_ssm was imported: this oracle wants transformers' PyTorch path")
    models = {name: tiny_model(name, 1100 + i) for i, name in enumerate(CONFIGS)}
    models["mamba_original"] = models["mamba_hf_tied"]
    for name, model in models.items():
        folder, results = FOLDER / name, expected(model, 1200)
        if checking:
            check_folder(folder, model, results)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (save_original if name == "mamba_original" else save_hf)(model, folder)
            (folder / "model.safetensors").chmod(0o644)
            write(folder / "expected.safetensors", results, SCRIPT, TOLERANCE, prompt_tokens=PROMPT)
        print(f"{'checked' if checking else 'wrote'} {name}/")


if __name__ == "__main__":
    main()
