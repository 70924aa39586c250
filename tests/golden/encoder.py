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
import torchvision

from pytorch.encoders import (
    Crnn,
    ESResNet,
    FewShot,
    FrameNet,
    Proto,
    Siamese,
    Vgg,
    densenet,
    efficientnet,
    resnet18,
    resnet18_samples,
    resnet50,
)


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


golden = {"torch": torch.__version__, "torchvision": torchvision.__version__, "encoders": []}
for config, model, shape in [
    ({"type": "resnet18"}, resnet18(), (2, 1, 64, 101)),
    ({"type": "resnet18"}, resnet18(3), (3, 3, 32, 50)),
    ({"type": "resnet18-samples"}, resnet18_samples(), (3, 1, 1, 1000)),
    ({"type": "resnet50"}, resnet50(), (4, 1, 64, 96)),
    ({"type": "few-shot-resnet"}, FewShot(), (2, 1, 128, 34)),
    ({"type": "proto-resnet"}, Proto(), (2, 1, 128, 34)),
    ({"type": "frame-net"}, FrameNet(), (2, 1, 80, 40)),
    ({"type": "efficientnet-b0", "pool": "mean", "stochastic_depth": 0}, efficientnet("mean", 0.0), (4, 1, 64, 96)),
    ({"type": "efficientnet-b0", "stochastic_depth": 0}, efficientnet("max", 0.0), (4, 1, 50, 75)),
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
