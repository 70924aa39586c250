"""The work of benches/train_step.rs in PyTorch, as it comes and in its best of fp32/bf16 x memory layout.

Prints two JSON lines per encoder, or one where the default is best; each with the median of every variant.
Arguments: number of timed steps (default 10), and names of encoders (default all).
"""

import json
import pathlib
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

sys.path.append(str(pathlib.Path(__file__).parents[1] / "tests/golden"))
from pytorch import encoders

# Name, network, length of an embedding, [batch, channels, mels, frames] of a view.
WORK = [
    ("resnet18", encoders.resnet18, 512, (32, 1, 96, 101)),
    ("resnet18-samples", encoders.resnet18_samples, 512, (8, 1, 1, 16_000)),
    ("resnet50", encoders.resnet50, 2048, (4, 1, 128, 197)),
    ("esresnet", lambda: encoders.ESResNet(attention=True), 2048, (2, 3, 341, 158)),
    ("vgg", encoders.Vgg, 512, (32, 1, 96, 101)),
    ("crnn", lambda: encoders.Crnn(backward_final_state=False), 64, (32, 1, 96, 101)),
    ("efficientnet-b0", lambda: encoders.efficientnet("max", stochastic_depth=0.2), 1280, (64, 1, 64, 96)),
    ("densenet121", lambda: encoders.densenet(channels=1), 1024, (16, 1, 96, 101)),
    ("few-shot-resnet", encoders.FewShot, 2048, (32, 1, 128, 34)),
    ("frame-net", encoders.FrameNet, 192, (32, 1, 80, 160)),
    ("proto-resnet", encoders.Proto, 512, (32, 1, 128, 17)),
]


def nt_xent(z, temperature):
    z = F.normalize(z.float(), dim=1)
    n = len(z)
    logits = (z @ z.T / temperature).masked_fill(torch.eye(n, dtype=torch.bool), float("-inf"))
    return F.cross_entropy(logits, torch.arange(n).roll(n // 2))


def time_steps(make, dim, shape, steps, bf16, channels_last, limit):
    """Milliseconds of each step; of the first alone where that takes longer than `limit`."""
    torch.manual_seed(0)
    head = nn.Sequential(nn.Linear(dim, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 128))
    model = nn.Sequential(make(), head).train()
    views = torch.randn(2 * shape[0], *shape[1:])
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        views = views.to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    times = []
    for _ in range(3 + steps):
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            z = model(views)
        loss = nt_xent(z, 0.2)
        sgd.zero_grad(set_to_none=True)
        loss.backward()
        sgd.step()
        times.append((time.perf_counter() - started) * 1e3)
        if times[0] > limit:
            return times
    return times[3:]


given = sys.argv[1:]
steps = next((int(argument) for argument in given if argument.isdigit()), 10)
names = [argument for argument in given if not argument.isdigit()]
assert set(names) <= {name for name, *_ in WORK}, f"there is no such encoder: {names}"
for name, make, dim, shape in WORK:
    if names and name not in names:
        continue
    runs, medians = {}, {}
    for bf16 in (False, True):
        for channels_last in (False, True):
            variant = f"{'bf16' if bf16 else 'fp32'}, {'channels-last' if channels_last else 'default layout'}"
            # Processors that do not multiply bf16 take many times as long.
            limit = 3 * min(medians.values(), default=float("inf"))
            runs[variant] = time_steps(make, dim, shape, steps, bf16, channels_last, limit)
            medians[variant] = statistics.median(runs[variant])
    as_it_comes, best = "fp32, default layout", min(medians, key=medians.get)
    batch, channels, mels, frames = shape
    for variant in dict.fromkeys([as_it_comes, best]):
        line = {
            "name": f"train step, {name}, 2x{batch} views of {channels}x{mels}x{frames}",
            "unit": "ms/step",
            "values": runs[variant],
            "peer": f"PyTorch {torch.__version__.split('+')[0]}, {variant}",
            "variants": medians,
        }
        print(json.dumps(line))
