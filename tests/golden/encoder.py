"""Golden values for `encoder`: torchvision's ResNet-18 and the few-shot ResNet on fixed numbers.

Every tensor is filled by a formula that the Rust test repeats, so no weights are stored. Writes
encoder.json: names and shapes of all tensors, and embeddings of a fixed input in inference mode.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F
import torchvision
from torch import nn


def wave(count, phase):
    return torch.sin(0.7 * torch.arange(count, dtype=torch.float64) + phase)


def fill(model):
    """Weights of the size that keeps the signal; norms near the identity."""
    with torch.no_grad():
        for index, (name, tensor) in enumerate(tensors(model).items()):
            values = wave(tensor.numel(), index).reshape(tensor.shape)
            if tensor.dim() == 4:
                values = values * math.sqrt(2.0 / tensor[0].numel())
            elif name.endswith(("bias", "running_mean")):
                values = 0.1 * values
            else:
                values = 1.0 + 0.2 * values
            tensor.copy_(values)


def tensors(model):
    state = model.state_dict(keep_vars=False)
    return {name: tensor for name, tensor in state.items() if "num_batches" not in name}


class Block(nn.Module):
    def __init__(self, inputs, outputs, pool):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv3 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.pool = pool

    def forward(self, x):
        y = F.leaky_relu(self.bn1(self.conv1(x)), 0.1)
        y = F.leaky_relu(self.bn2(self.conv2(y)), 0.1)
        y = self.bn3(self.conv3(y)) + self.downsample(x)
        return F.max_pool2d(F.leaky_relu(y, 0.1), self.pool)


class FewShot(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(Block(1, 64, (2, 2)))
        self.layer2 = nn.Sequential(Block(64, 128, (2, 2)))
        self.layer3 = nn.Sequential(Block(128, 256, (1, 2)))

    def forward(self, x):
        maps = self.layer3(self.layer2(self.layer1(x)))
        return F.adaptive_max_pool2d(maps, (8, 1)).flatten(1)


def resnet18():
    net = torchvision.models.resnet18()
    net.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    net.fc = nn.Identity()
    return net


golden = {"torch": torch.__version__, "torchvision": torchvision.__version__, "encoders": {}}
for kind, model, shape in [
    ("resnet18", resnet18(), (2, 1, 64, 101)),
    ("few-shot-resnet", FewShot(), (2, 1, 128, 34)),
]:
    fill(model)
    images = wave(math.prod(shape), 0.5).reshape(shape).float()
    with torch.no_grad():
        embeddings = model.float().eval()(images)
    golden["encoders"][kind] = {
        "shape": shape,
        "tensors": [[name, list(tensor.shape)] for name, tensor in tensors(model).items()],
        "embeddings": [[round(value, 6) for value in row] for row in embeddings.tolist()],
    }

path = pathlib.Path(__file__).with_name("encoder.json")
path.write_text(json.dumps(golden) + "\n")
