"""The encoders in PyTorch: torchvision's networks without their classifiers, and those of papers.

Their names of tensors are ours. `encoder.py` takes golden values of them, `benches/train_step_peers.py` their time.
"""

import torch
import torch.nn.functional as F
import torchvision
from torch import nn


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


class Proto(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(Block(1, 64, (2, 2)))
        self.layer2 = nn.Sequential(Block(64, 128, (2, 2)))
        self.layer3 = nn.Sequential(Block(128, 64, (2, 2)))

    def forward(self, x):
        maps = self.layer3(self.layer2(self.layer1(x)))
        return F.adaptive_avg_pool2d(maps, (2, 4)).flatten(1)


class FrameNet(nn.Module):
    """The mean over frames, as clips are embedded."""

    # Output channels, stride over mels, dilation over frames.
    LAYERS = [(32, 2, 1), (32, 2, 1), (64, 2, 2), (64, 1, 2), (96, 2, 4), (96, 1, 4)]

    def __init__(self):
        super().__init__()
        inputs = 1
        for index, (outputs, stride, dilation) in enumerate(self.LAYERS, start=1):
            steps = {"stride": (stride, 1), "padding": (1, dilation), "dilation": (1, dilation)}
            self.add_module(f"conv{index}", nn.Conv2d(inputs, outputs, 3, bias=False, **steps))
            self.add_module(f"bn{index}", nn.BatchNorm2d(outputs))
            inputs = outputs

    def forward(self, x):
        for index in range(1, 1 + len(self.LAYERS)):
            conv, bn = getattr(self, f"conv{index}"), getattr(self, f"bn{index}")
            x = F.relu(bn(conv(x)), inplace=True)
        return torch.cat([x.amax(2), x.mean(2)], dim=1).mean(2)


def without_head(net, channels=1):
    if channels != 3:
        net.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
    net.fc = nn.Identity()
    return net


def resnet18(channels=1):
    return without_head(torchvision.models.resnet18(), channels)


def resnet50(channels=1):
    return without_head(torchvision.models.resnet50(), channels)


def resnet18_samples():
    """ResNet-18 with kernels of one row."""
    net = resnet18()
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
    return layer.append(nn.ReLU(inplace=True))


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


def efficientnet(pool, stochastic_depth):
    net = torchvision.models.efficientnet_b0(stochastic_depth_prob=stochastic_depth)
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
