"""The work of benches/train_step.rs in PyTorch, in its best of fp32/bf16 x memory layout.

Prints one JSON line per encoder: the values of the fastest variant, and the median of each.
Argument: number of timed steps (default 10).
"""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 10


class FewShotBlock(nn.Module):
    def __init__(self, inputs, outputs, pool):
        super().__init__()
        widths = [inputs, outputs, outputs]
        self.convs = nn.ModuleList(nn.Conv2d(w, outputs, 3, padding=1, bias=False) for w in widths)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs) for _ in widths)
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.pool = pool

    def forward(self, x):
        y = F.leaky_relu(self.norms[0](self.convs[0](x)), 0.1)
        y = F.leaky_relu(self.norms[1](self.convs[1](y)), 0.1)
        y = self.norms[2](self.convs[2](y)) + self.shortcut(x)
        return F.max_pool2d(F.leaky_relu(y, 0.1), self.pool)


def few_shot_resnet():
    blocks = [FewShotBlock(1, 64, (2, 2)), FewShotBlock(64, 128, (2, 2)), FewShotBlock(128, 256, (1, 2))]
    return nn.Sequential(*blocks, nn.AdaptiveMaxPool2d((8, 1)), nn.Flatten()), 2048


def resnet18():
    net = torchvision.models.resnet18()
    net.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    net.fc = nn.Identity()
    return net, 512


def nt_xent(z, temperature):
    z = F.normalize(z.float(), dim=1)
    n = len(z)
    logits = (z @ z.T / temperature).masked_fill(torch.eye(n, dtype=torch.bool), float("-inf"))
    return F.cross_entropy(logits, torch.arange(n).roll(n // 2))


def time_steps(make, shape, bf16, channels_last):
    torch.manual_seed(0)
    encoder, dim = make()
    head = nn.Sequential(nn.Linear(dim, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 128))
    model = nn.Sequential(encoder, head).train()
    views = torch.randn(2 * shape[0], *shape[1:])
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        views = views.to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    seconds = []
    for _ in range(3 + STEPS):
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            z = model(views)
        loss = nt_xent(z, 0.2)
        sgd.zero_grad(set_to_none=True)
        loss.backward()
        sgd.step()
        seconds.append(time.perf_counter() - started)
    return seconds[3:]


for name, make, shape in [
    ("resnet18", resnet18, (64, 1, 64, 101)),
    ("few-shot-resnet", few_shot_resnet, (32, 1, 128, 34)),
]:
    runs = {}
    for bf16 in (False, True):
        for channels_last in (False, True):
            variant = f"{'bf16' if bf16 else 'fp32'}, {'channels-last' if channels_last else 'default layout'}"
            runs[variant] = [s * 1e3 for s in time_steps(make, shape, bf16, channels_last)]
    medians = {variant: statistics.median(values) for variant, values in runs.items()}
    best = min(medians, key=medians.get)
    batch, _, mels, frames = shape
    print(
        json.dumps(
            {
                "name": f"train step, {name}, 2x{batch} views of {mels}x{frames}",
                "unit": "ms/step",
                "values": runs[best],
                "peer": f"PyTorch {torch.__version__}, {best}",
                "variants": medians,
            }
        )
    )
