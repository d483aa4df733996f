"""Speed peers and the interchange peer; every subcommand prints one JSON document on stdout.

  ssd     forward (or forward + backward) of mamba-ssm's `ssd_minimal_discrete` and of the PyTorch
          path in transformers' Mamba-2, f32
  selective-scan  the same of mamba-ssm's `selective_scan_ref` and of transformers' Mamba-1 path, with
          softplus, skip and gate
  mamba   the same of transformers' whole Mamba-1 block
  dplr    forward (or forward + backward) of flash-linear-attention's `dplr_recurrence` and
          `dplr_chunkwise`, which are plain PyTorch, f32
  train   a plain PyTorch training loop of transformers' Mamba or Mamba-2, or of the RWKV-7 in
          `rwkv7_train_peer.py`, on random tokens
  logits  opens a model folder with transformers and prints the logits of given tokens
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import time
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, Mamba2Config, MambaConfig

# Before mamba_ssm_references, or they would resolve to mamba-ssm's GPU kernels.
from transformers.models.mamba.modeling_mamba import MambaMixer, mamba_selective_scan
from transformers.models.mamba2.modeling_mamba2 import mamba2_chunk_scan

from mamba_ssm_references import selective_scan_ref, ssd_minimal_discrete

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def seconds_of(work, repeat, warm_up):
    """Wall-clock seconds of every call after `warm_up` untimed ones."""
    taken = []
    for call in range(warm_up + repeat):
        start = time.perf_counter()
        work()
        if call >= warm_up:
            taken.append(time.perf_counter() - start)
    return taken


def minimal(x, dt, a, b, c, chunk):
    """What a user of the listing calls: x times dt is made beforehand, groups are views."""
    heads, groups = x.shape[2], b.shape[2]
    shape = (*b.shape[:2], groups, heads // groups, b.shape[3])
    b, c = (t[:, :, :, None].expand(shape).reshape(*b.shape[:2], heads, -1) for t in (b, c))
    return ssd_minimal_discrete(x, a * dt, b, c, chunk)


def staged(x, dt, a, b, c, chunk):
    """transformers' function multiplies by dt and expands the groups itself."""
    return mamba2_chunk_scan(x, dt, a, b, c, chunk, return_final_states=True)


def ssd(args):
    torch.manual_seed(0)
    shape = (args.batch, args.length, args.heads)
    a = -torch.empty(args.heads).uniform_(1.0, 16.0)
    dt = torch.empty(shape).uniform_(0.001, 0.1)
    x = torch.randn(*shape, args.head_dim)
    b, c = torch.randn(2, args.batch, args.length, args.groups, args.state)
    cotangent = torch.randn_like(x)
    peers = {}
    for name, function in (("ssd_minimal_discrete", minimal), ("transformers", staged)):
        if args.peer not in (name, "all"):
            continue
        first = x * dt[..., None] if function is minimal else x
        leaves = [t.clone().requires_grad_(args.backward) for t in (first, dt, a, b, c)]

        def work():
            y, _ = function(*leaves, args.chunk)
            if args.backward:
                torch.autograd.grad(y, leaves, cotangent)

        taken = seconds_of(work, args.repeat, args.warm_up)
        peers[name] = {"seconds": taken, "median_seconds": statistics.median(taken)}
    return {"pass": "forward+backward" if args.backward else "forward", "peers": peers}


def selective_scan(args):
    torch.manual_seed(0)
    shape = (args.batch, args.channels, args.length)
    x, dt, z = torch.randn(3, *shape)
    a = -torch.arange(1.0, args.state + 1.0).repeat(args.channels, 1)
    b, c = torch.randn(2, args.batch, args.state, args.length)
    d, bias = torch.ones(args.channels), torch.empty(args.channels).uniform_(-6.9, -2.3)
    cotangent = torch.randn(shape)
    peers = {}
    scans = {"selective_scan_ref": selective_scan_ref, "transformers": mamba_selective_scan}
    for name, function in scans.items():
        if args.peer not in (name, "all"):
            continue
        leaves = [t.clone().requires_grad_(args.backward) for t in (x, dt, a, b, c, d, z, bias)]

        def work():
            *scanned, gate, delta_bias = leaves
            y = function(*scanned, z=gate, delta_bias=delta_bias, delta_softplus=True)
            if args.backward:
                torch.autograd.grad(y, leaves, cotangent)

        taken = seconds_of(work, args.repeat, args.warm_up)
        peers[name] = {"seconds": taken, "median_seconds": statistics.median(taken)}
    return {"pass": "forward+backward" if args.backward else "forward", "peers": peers}


def mamba(args):
    torch.manual_seed(0)
    config = MambaConfig(hidden_size=args.hidden, state_size=args.state)
    block = MambaMixer(config, layer_idx=0).requires_grad_(args.backward)
    x = torch.randn(args.batch, args.length, args.hidden, requires_grad=args.backward)
    cotangent = torch.randn_like(x)
    leaves = [x, *block.parameters()]

    def work():
        y = block(x)
        if args.backward:
            torch.autograd.grad(y, leaves, cotangent)

    taken = seconds_of(work, args.repeat, args.warm_up)
    peers = {"transformers": {"seconds": taken, "median_seconds": statistics.median(taken)}}
    return {"pass": "forward+backward" if args.backward else "forward", "peers": peers}


def dplr(args):
    from fla.ops.generalized_delta_rule.dplr.naive import dplr_chunkwise, dplr_recurrence

    torch.manual_seed(0)
    shape = (args.batch, args.heads, args.length)
    r, k = torch.randn(2, *shape, args.key)
    v = torch.randn(*shape, args.value)
    unit = torch.nn.functional.normalize(torch.randn(*shape, args.key), dim=-1)
    rate = torch.rand(*shape, args.key)
    log_decay = -torch.empty(*shape, args.key).uniform_(0.001, 0.6065)
    cotangent = torch.randn_like(v)
    peers = {}
    for name, function in (("dplr_recurrence", dplr_recurrence), ("dplr_chunkwise", dplr_chunkwise)):
        if args.peer not in (name, "all"):
            continue
        inputs = (r, k, v, -unit, unit * rate, log_decay)
        leaves = [t.clone().requires_grad_(args.backward) for t in inputs]
        options = {"chunk_size": args.chunk} if function is dplr_chunkwise else {}

        def work():
            y, _ = function(*leaves, **options)
            if args.backward:
                torch.autograd.grad(y, leaves, cotangent)

        taken = seconds_of(work, args.repeat, args.warm_up)
        peers[name] = {"seconds": taken, "median_seconds": statistics.median(taken)}
    return {"pass": "forward+backward" if args.backward else "forward", "peers": peers}


def language_model(path):
    """The model that the config.json describes, as (model, logits of tokens)."""
    config = json.loads(path.read_text())
    if config.get("mixer") == "rwkv7":
        from rwkv7_train_peer import LanguageModel

        model = LanguageModel(config)
        return model, model
    kinds = {"mamba": MambaConfig, "mamba2": Mamba2Config}
    model = AutoModelForCausalLM.from_config(kinds[config["model_type"]].from_json_file(path))
    return model, lambda tokens: model(tokens, use_cache=False).logits


def train(args):
    """AdamW on cross-entropy with clipping at 1.0: what a few lines of PyTorch give."""
    torch.manual_seed(0)
    model, logits_of = language_model(args.config)
    model.train()
    vocabulary = json.loads(args.config.read_text())["vocab_size"]
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    losses = []

    def step():
        tokens = torch.randint(vocabulary, (args.batch, args.length + 1))
        logits = logits_of(tokens[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())

    taken = seconds_of(step, args.steps, args.warm_up)
    median = statistics.median(taken)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": taken,
        "median_seconds": median,
        "tokens_per_second": args.batch * args.length / median,
        "losses": losses,
    }


@torch.no_grad()
def logits(args):
    ids = torch.tensor([[int(token) for token in args.tokens.split(",")]])
    model, report = AutoModelForCausalLM.from_pretrained(
        args.model, dtype=torch.float32, output_loading_info=True
    )
    # A folder with missing or renamed tensors would load all the same, with random ones in place.
    problems = {k: sorted(map(str, v)) for k, v in report.items() if v and k.endswith("keys")}
    if problems:
        raise SystemExit(f"{args.model}: tensors do not fit the model: {problems}")
    return {"model_class": type(model).__name__, "logits": model.eval()(ids).logits[0].tolist()}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)

    add = commands.add_parser("ssd")
    for flag, default in (("batch", 1), ("length", 4096), ("heads", 24), ("head-dim", 64)):
        add.add_argument(f"--{flag}", type=int, default=default)
    for flag, default in (("state", 128), ("groups", 1), ("chunk", 64), ("repeat", 5), ("warm-up", 1)):
        add.add_argument(f"--{flag}", type=int, default=default)
    add.add_argument("--peer", choices=("all", "ssd_minimal_discrete", "transformers"), default="all")
    add.add_argument("--backward", action="store_true", help="time forward + backward")

    for name in ("selective-scan", "mamba"):
        add = commands.add_parser(name)
        for flag, default in (("batch", 1), ("length", 1024), ("state", 16)):
            add.add_argument(f"--{flag}", type=int, default=default)
        for flag, default in (("channels", 1536), ("hidden", 768), ("repeat", 3), ("warm-up", 1)):
            add.add_argument(f"--{flag}", type=int, default=default)
        peers = ("all", "selective_scan_ref", "transformers")
        add.add_argument("--peer", choices=peers, default="all")
        add.add_argument("--backward", action="store_true", help="time forward + backward")

    add = commands.add_parser("dplr")
    for flag, default in (("batch", 1), ("length", 4096), ("heads", 8), ("key", 64), ("value", 64)):
        add.add_argument(f"--{flag}", type=int, default=default)
    for flag, default in (("chunk", 16), ("repeat", 5), ("warm-up", 1)):
        add.add_argument(f"--{flag}", type=int, default=default)
    add.add_argument("--peer", choices=("all", "dplr_recurrence", "dplr_chunkwise"), default="all",
                     help="backward through dplr_recurrence keeps every state: mind the memory")
    add.add_argument("--backward", action="store_true", help="time forward + backward")

    add = commands.add_parser("train")
    add.add_argument("--config", type=Path, required=True, help="config.json in the Hugging Face layout")
    for flag, default in (("batch", 8), ("length", 512), ("steps", 10), ("warm-up", 2)):
        add.add_argument(f"--{flag}", type=int, default=default)

    add = commands.add_parser("logits")
    add.add_argument("--model", type=Path, required=True, help="model folder in the Hugging Face layout")
    add.add_argument("--tokens", required=True, help="token numbers, for example 1,2,3")

    for command in commands.choices.values():
        command.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    load = os.getloadavg()[0]
    commands = {
        "ssd": ssd,
        "selective-scan": selective_scan,
        "mamba": mamba,
        "dplr": dplr,
        "train": train,
        "logits": logits,
    }
    result = commands[args.command](args)
    packages = ("torch", "transformers", "mamba-ssm", "flash-linear-attention")
    header = {
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "machine": platform.machine(),
        "load_average": load,  # of the minute before; above the core count the times mean little
        "dtype": "float32",
        "arguments": {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items()},
    }
    print(json.dumps(header | result))


if __name__ == "__main__":
    main()
