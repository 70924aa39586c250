"""Golden values for `encoder`: torchvision's networks, and those of papers, on fixed numbers.

Every tensor is filled by a formula that the Rust test repeats, so no weights are stored. Writes
encoder.json: names and shapes of all tensors, and some columns of the embeddings of a fixed input,
by the batch's own statistics and then by the running ones. And state_dict.pth, as torch.save writes it.
"""

import copy
import json
import math
import pathlib

import torch
import torch.nn.functional as F
import torchvision
from torch import nn


def wave(count, phase):
    return torch.sin(0.7 * torch.arange(count, dtype=torch.float64) + phase)


def chirp(count, phase):
    """A wave that never repeats: the rows of a matrix of it are unlike one another."""
    place = torch.arange(count, dtype=torch.float64)
    return torch.sin(0.7 * place + 0.013 * place * place + phase)


def fill(model):
    """Weights of the size that keeps the signal; norms near the identity."""
    with torch.no_grad():
        for index, (name, tensor) in enumerate(tensors(model).items()):
            values = chirp(tensor.numel(), index).reshape(tensor.shape)
            if tensor.dim() >= 2:
                values = values * math.sqrt(4.0 / tensor[0].numel())
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


def without_head(net, channels=1):
    if channels != 3:
        net.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
    net.fc = nn.Identity()
    return net


def over_time(net):
    """The same network with kernels of one row."""
    net.maxpool = nn.MaxPool2d((1, 3), (1, 2), (0, 1))
    for module in list(net.modules()):
        for name, conv in list(module.named_children()):
            if isinstance(conv, nn.Conv2d):
                (_, kernel), (_, stride), (_, padding) = conv.kernel_size, conv.stride, conv.padding
                channels = conv.in_channels, conv.out_channels
                flat = nn.Conv2d(*channels, (1, kernel), (1, stride), (0, padding), bias=False)
                setattr(module, name, flat)
    return net


class Attention(nn.Module):
    def __init__(self, inputs, outputs, kernel):
        super().__init__()
        padding = tuple(size // 2 for size in kernel)
        self.conv_depth = nn.Conv2d(inputs, inputs, kernel, padding=padding, groups=inputs)
        self.conv_point = nn.Conv2d(inputs, outputs, 1)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x, shape):
        x = F.adaptive_max_pool2d(x, shape[-2:])
        return torch.sigmoid(self.bn(self.conv_point(self.conv_depth(x))))


class ESResNet(torchvision.models.ResNet):
    def __init__(self, attention):
        super().__init__(torchvision.models.resnet.Bottleneck, [3, 4, 6, 3])
        self.fc = nn.Identity()
        self.attends = attention
        if attention:
            self.att1 = Attention(64, 256, (3, 1))
            self.att2 = Attention(256, 512, (1, 5))
            self.att3 = Attention(512, 1024, (3, 1))
            self.att4 = Attention(1024, 2048, (1, 5))
            self.att5 = Attention(2048, 2048, (3, 5))

    def side(self, x):
        if not self.attends:
            return super().forward(x)
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        stages = [self.layer1, self.layer2, self.layer3, self.layer4, self.avgpool]
        for stage, attention in zip(stages, [self.att1, self.att2, self.att3, self.att4, self.att5]):
            y = stage(x)
            x = y * attention(x, y.shape)
        return x.flatten(1)

    def forward(self, x):
        return sum(self.side(side) for side in x.split(3, dim=1))


def conv_norm(inputs, outputs, kernel):
    layer = nn.Sequential()
    layer.add_module("conv", nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False))
    layer.add_module("bn", nn.BatchNorm2d(outputs))
    return layer.append(nn.ReLU())


class Vgg(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(conv_norm(1, 32, 3), conv_norm(32, 32, 3), conv_norm(32, 32, 3))
        self.layer2 = nn.Sequential(conv_norm(32, 64, 3), conv_norm(64, 64, 3))
        self.layer3 = nn.Sequential(conv_norm(64, 128, 3))
        self.fc = nn.Linear(256, 512)

    def forward(self, x):
        for layer in (self.layer1, self.layer2, self.layer3):
            x = F.max_pool2d(layer(x), 2)
        return F.relu(self.fc(torch.cat([x.amax((2, 3)), x.mean((2, 3))], dim=1)))


class Crnn(nn.Module):
    def __init__(self, backward_final_state):
        super().__init__()
        self.layer1, self.layer2, self.layer3 = [conv_norm(i, 128, 5) for i in (1, 128, 128)]
        self.gru = nn.GRU(256, 64, bidirectional=True, batch_first=True)
        self.backward_final_state = backward_final_state

    def forward(self, x):
        for layer, pool in ((self.layer1, (5, 2)), (self.layer2, (4, 2)), (self.layer3, (2, 2))):
            x = F.max_pool2d(layer(x), pool)
        x = x.transpose(2, 3)  # [batch, channels, frames, mels]
        states, _ = self.gru(x.permute(0, 2, 3, 1).flatten(2))
        backward = states[:, 0] if self.backward_final_state else states[:, -1]
        return states[:, -1, :64] * backward[:, 64:]


class Siamese(nn.Module):
    """The sum over sides of three channels; names are those of the network within."""

    def __init__(self, net):
        super().__init__()
        self.features, self.classifier = net.features, net.classifier

    def forward(self, x):
        side = lambda x: F.relu(self.features(x)).mean((2, 3))
        return sum(side(side_images) for side_images in x.split(3, dim=1))


def efficientnet(pool):
    net = torchvision.models.efficientnet_b0(stochastic_depth_prob=0.0)
    net.features[0][0] = nn.Conv2d(1, 32, 3, 2, 1, bias=False)
    net.classifier = nn.Identity()
    if pool == "max":
        net.avgpool = nn.AdaptiveMaxPool2d(1)
    return net


def densenet(channels=3):
    net = torchvision.models.densenet121()
    net.features.conv0 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
    net.classifier = nn.Identity()
    return net


resnet18, resnet50 = torchvision.models.resnet18, torchvision.models.resnet50
golden = {"torch": torch.__version__, "torchvision": torchvision.__version__, "encoders": []}
for config, model, shape in [
    ({"type": "resnet18"}, without_head(resnet18()), (2, 1, 64, 101)),
    ({"type": "resnet18"}, without_head(resnet18(), 3), (3, 3, 32, 50)),
    ({"type": "resnet18-samples"}, over_time(without_head(resnet18())), (3, 1, 1, 1000)),
    ({"type": "resnet50"}, without_head(resnet50()), (4, 1, 64, 96)),
    ({"type": "few-shot-resnet"}, FewShot(), (2, 1, 128, 34)),
    ({"type": "efficientnet-b0", "pool": "mean", "stochastic_depth": 0}, efficientnet("mean"), (4, 1, 64, 96)),
    ({"type": "efficientnet-b0", "stochastic_depth": 0}, efficientnet("max"), (4, 1, 50, 75)),
    ({"type": "esresnet"}, ESResNet(False), (4, 6, 64, 96)),
    ({"type": "esresnet", "attention": True}, ESResNet(True), (4, 6, 64, 96)),
    ({"type": "vgg"}, Vgg(), (2, 1, 96, 101)),
    ({"type": "crnn"}, Crnn(False), (2, 1, 96, 101)),
    ({"type": "crnn", "backward_final_state": True}, Crnn(True), (2, 1, 96, 101)),
    ({"type": "densenet121"}, densenet(1), (4, 1, 64, 96)),
    ({"type": "densenet121", "siamese": True}, Siamese(densenet()), (4, 6, 64, 96)),
]:
    fill(model.float())
    images = wave(math.prod(shape), 0.5).reshape(shape).float()
    with torch.no_grad():
        # In double precision; how far single precision is from it, torch itself shows, in both layouts.
        layouts = [torch.contiguous_format, torch.channels_last]
        single = [copy.deepcopy(model).to(memory_format=l).train()(images.to(memory_format=l)) for l in layouts]
        model, images = model.double(), images.double()
        training = model.train()(images)
        rounding = max((rows - training).abs().max() / training.abs().max() for rows in single).item()
        inference = model.eval()(images)
    every = max(1, inference.shape[1] // 32)
    columns = lambda rows: [[float(f"{value:.7g}") for value in row] for row in rows[:, ::every].tolist()]
    golden["encoders"].append(
        {
            "config": config,
            "shape": shape,
            "tensors": [[name, list(tensor.shape)] for name, tensor in tensors(model).items()],
            "every": every,
            "rounding": float(f"{rounding:.2g}"),
            "inference": columns(inference),
            "training": columns(training),
        }
    )
    spread = lambda rows: f"{rows.abs().max():.3g} (over the batch {rows.std(0).max():.3g})"
    print(config, "inference", spread(inference), "training", spread(training), f"rounding {rounding:.2g}")

path = pathlib.Path(__file__).with_name("encoder.json")
path.write_text(json.dumps(golden) + "\n")

state = {
    "conv1.weight": 0.5 * torch.arange(6).reshape(2, 1, 1, 3),
    "bn1.bias": torch.zeros(2),
    "bn1.num_batches_tracked": torch.tensor(3),
}
torch.save(state, path.with_name("state_dict.pth"))
