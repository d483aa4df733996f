"""What a plain PyTorch S4D learns of Pathfinder-32, on the very images of `resolvent classify train`.

Two-sided layers of `s4_peer_bench.py` in six residual blocks with batch norms, AdamW under warm-up and cosine: an
independent program, so that a run of ours that stays at chance can be blamed on the images or on us.

  cargo run --release -p resolvent-data --example pathfinder_bytes -- 164000 1 images.bin
  python oracles/pathfinder_peer.py images.bin --minutes 10 [--rate 0.004]       # on a GPU if there is one

The last 4,000 images are held out. Prints a line of JSON every 1,000 steps.
"""

import argparse
import json
import math
import time

import numpy as np
import torch
import torch.nn.functional as F
from s4_peer_bench import S4D

SIDE, BLOCKS, STATE, HELD_OUT, DECAY, DYNAMICS_RATE = 32, 6, 64, 4000, 0.05, 1e-3


class TwoSided(torch.nn.Module):
    """Two kernels around one direct term and one gated output."""

    def __init__(self, width):
        super().__init__()
        self.past, self.future = S4D(width, STATE), S4D(width, STATE)
        del self.future.output_linear, self.future.skip

    def forward(self, u):
        length = u.shape[1]
        kernel = F.pad(self.past.kernel(length), (0, length))
        kernel = kernel + F.pad(self.future.kernel(length).flip(-1), (length, 0))
        u = u.transpose(1, 2)
        spectrum = torch.fft.rfft(u, n=2 * length) * torch.fft.rfft(kernel, n=2 * length)
        y = torch.fft.irfft(spectrum, n=2 * length)[..., :length]
        y = F.gelu(y + u * self.past.skip[:, None]).transpose(1, 2)
        return F.glu(self.past.output_linear(y), dim=-1)


class Classifier(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.encoder = torch.nn.Linear(1, width)
        self.mixers = torch.nn.ModuleList(TwoSided(width) for _ in range(BLOCKS))
        self.norms = torch.nn.ModuleList(torch.nn.BatchNorm1d(width) for _ in range(BLOCKS + 1))
        self.head = torch.nn.Linear(width, 2)

    def forward(self, x):
        def norm(layer, h):
            return layer(h.transpose(1, 2)).transpose(1, 2)

        h = self.encoder(x[..., None])
        for mixer, layer in zip(self.mixers, self.norms):
            h = h + mixer(norm(layer, h))
        return self.head(norm(self.norms[-1], h).mean(1))


def read(path, device):
    """Grey values from -1 to 1, [image, pixel], kept as bytes; labels."""
    raw = np.fromfile(path, np.uint8)
    count = raw.size // (SIDE * SIDE + 1)
    if count <= HELD_OUT or raw.size != count * (SIDE * SIDE + 1):
        raise SystemExit(f"{path}: {raw.size} bytes are not more than {HELD_OUT} images of {SIDE} x {SIDE} with labels")
    pixels = torch.from_numpy(raw[: count * SIDE * SIDE].reshape(count, -1)).to(device)
    return pixels, torch.from_numpy(raw[count * SIDE * SIDE :].astype(np.int64)).to(device)


def optimiser_of(model, args):
    dynamics = ("log_dt", "log_a_real", "a_imag")
    parts = {False: [], True: []}
    for name, parameter in model.named_parameters():
        parts[name.split(".")[-1] in dynamics].append(parameter)
    groups = [
        {"params": parts[False], "weight_decay": DECAY},
        {"params": parts[True], "weight_decay": 0.0, "lr": min(DYNAMICS_RATE, args.rate)},
    ]
    optimiser = torch.optim.AdamW(groups, lr=args.rate)

    def factor(step):
        return min((step + 1) / args.warmup, 0.5 * (1 + math.cos(math.pi * min(1, step / args.steps))))

    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


def accuracy(model, batch_of, labels, first):
    model.eval()
    right = 0
    with torch.no_grad():
        for at in range(first, len(labels), 250):
            rows = torch.arange(at, min(at + 250, len(labels)), device=labels.device)
            right += (model(batch_of(rows)).argmax(1) == labels[rows]).sum().item()
    model.train()
    return right / (len(labels) - first)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("images")
    parser.add_argument("--minutes", type=float, default=10)
    for flag, default in (("width", 128), ("steps", 60_000), ("warmup", 2500), ("batch", 64), ("every", 1000)):
        parser.add_argument(f"--{flag}", type=int, default=default)
    parser.add_argument("--rate", type=float, default=0.004)
    args = parser.parse_args()
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_default_device(device)
    pixels, labels = read(args.images, device)
    model = Classifier(args.width)
    optimiser, schedule = optimiser_of(model, args)
    training = len(labels) - HELD_OUT
    began, order, seen, losses = time.time(), None, training, []

    def batch_of(rows):
        return pixels[rows].float() / 127.5 - 1

    for step in range(1, args.steps + 1):
        if seen + args.batch > training:
            order, seen = torch.randperm(training), 0
        rows = order[seen : seen + args.batch]
        seen += args.batch
        loss = F.cross_entropy(model(batch_of(rows)), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.detach())
        late = time.time() - began > 60 * args.minutes
        if step % args.every == 0 or late:
            held_out = accuracy(model, batch_of, labels, training)
            line = {"step": step, "seconds": time.time() - began, "loss": torch.stack(losses).mean().item()}
            print(json.dumps(line | {"held_out": held_out}), flush=True)
            losses = []
        if late:
            break


if __name__ == "__main__":
    main()
