"""The work of benches/neighbours.rs in PyTorch: training of ResNet-18 alone, beside one other, beside two others.

Prints one JSON line per number of runs, with the steps a second of each. Argument: seconds that are measured (default 15).
"""

import json
import pathlib
import subprocess
import sys
import time

SHAPE = (32, 1, 96, 101)  # batch, channels, mels, frames of a view
SETTLE = 6  # seconds before the measurement
RUN = "--run"


def steps_in(step, seconds):
    """How many steps were begun in this time."""
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step()
        steps += 1
    return steps


def steps_per_sec(measured):
    import torch
    import torch.nn.functional as F
    from torch import nn

    sys.path.append(str(pathlib.Path(__file__).parents[1] / "tests/golden"))
    from pytorch import encoders

    head = nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 128))
    model = nn.Sequential(encoders.resnet18(), head).train()
    views = torch.randn(2 * SHAPE[0], *SHAPE[1:])
    sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    partner = torch.arange(2 * SHAPE[0]).roll(SHAPE[0])
    itself = torch.eye(2 * SHAPE[0], dtype=torch.bool)

    def step():
        z = F.normalize(model(views), dim=1)
        loss = F.cross_entropy((z @ z.T / 0.2).masked_fill(itself, float("-inf")), partner)
        sgd.zero_grad(set_to_none=True)
        loss.backward()
        sgd.step()

    steps_in(step, SETTLE)
    started = time.perf_counter()
    steps = steps_in(step, measured)
    speed = steps / (time.perf_counter() - started)
    steps_in(step, SETTLE / 2)
    return speed


def runs_at_once(runs, measured):
    command = [sys.executable, __file__, RUN, str(measured)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(runs)]
    return [float(run.communicate()[0]) for run in started]


def main():
    measured = next((int(argument) for argument in sys.argv[1:] if argument.isdigit()), 15)
    if RUN in sys.argv:
        print(steps_per_sec(measured))
        return
    import importlib.metadata

    version = importlib.metadata.version("torch").split("+")[0]
    for others, place in enumerate(("alone", "beside one other", "beside two others")):
        line = {
            "name": f"training of resnet18 {place}",
            "unit": "steps/s",
            "values": runs_at_once(others + 1, measured),
            "peer": f"PyTorch {version}, fp32, default layout",
        }
        print(json.dumps(line), flush=True)


main()
