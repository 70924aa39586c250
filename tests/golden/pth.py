"""Makes pth/*.pth: what torch.save writes of networks and checkpoints, in the kinds that are met, each of a few hundred
bytes to a few kilobytes; and pth/values.json: the numbers of every tensor, as torch.load gives them."""

import argparse
import collections
import json
import pathlib

import numpy
import torch

folder = pathlib.Path(__file__).with_name("pth")
folder.mkdir(exist_ok=True)
values = {"versions": {"torch": torch.__version__, "numpy": numpy.__version__}, "files": {}}


def write(name, saved, state, **options):
    """Saves `saved`, in which `state` are the weights."""
    torch.save(saved, folder / f"{name}.pth", **options)
    values["files"][name] = {
        key: {"shape": list(tensor.shape), "values": [float(v) for v in tensor.detach().flatten().double()]}
        for key, tensor in state.items()
    }


torch.manual_seed(0)
line = torch.arange(24, dtype=torch.float32) / 8
# Views of one storage: turned, cut out, with steps, repeated, without numbers, and a single number.
views = {
    "turned": line.view(4, 6).t(),
    "cut": line.view(4, 6)[1:3, 2:5],
    "steps": line[1::5],
    "repeated": line[3:4].expand(2, 3),
    "none": line[:0].view(0, 4),
    "one": line[7],
    "same": line,
}
write("views", views, views)
kinds = {
    str(kind).removeprefix("torch."): torch.tensor([0, 1, 3, 100]).to(kind)
    for kind in [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
                 torch.int8, torch.uint8, torch.bool]
}
write("kinds", kinds, kinds)
network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
optimizer = torch.optim.Adam(network.parameters())
network(torch.ones(4, 3)).square().sum().backward()
optimizer.step()
state = network.state_dict()
write("module", state, state)
checkpoint = {
    "epoch": 3,
    "loss": torch.tensor(0.5),
    "best": numpy.float64(0.75),
    "arguments": argparse.Namespace(width=4, name="run", path=pathlib.PurePosixPath("a/b")),
    "history": [1.5, None, True, {"a", "b"}, 2**80, b"bytes", collections.Counter("aab"), numpy.arange(3)],
    "optimizer": optimizer.state_dict(),
    "state_dict": collections.OrderedDict(("module." + name, tensor) for name, tensor in state.items()),
}
for protocol in (2, 3, 4, 5):
    write(f"checkpoint_{protocol}", checkpoint, state, pickle_protocol=protocol)
write("parameters", dict(network.named_parameters()), dict(network.named_parameters()))
write("nested", {"hyper_parameters": {"lr": 0.1}, "my_network": {"model": dict(state)}}, state)
write("old", state, state, _use_new_zipfile_serialization=False)
write("old_checkpoint", checkpoint, state, _use_new_zipfile_serialization=False)
torch.serialization.set_crc32_options(False)
write("unchecked", state, state)
torch.serialization.set_crc32_options(True)
# As if saved from a graphics card.
tag = torch.serialization.location_tag
torch.serialization.location_tag = lambda storage: "cuda:1"
write("cuda", state, state)
write("old_cuda", state, state, _use_new_zipfile_serialization=False)
torch.serialization.location_tag = tag
# What cannot be read: a whole network, TorchScript, complex and quantized numbers, several networks, no network.
torch.save(network, folder / "whole_network.pth")
torch.jit.save(torch.jit.script(network), folder / "torchscript.pth")
torch.save({"a.weight": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8)}, folder / "quantized.pth")
torch.save({"a.weight": torch.ones(2, dtype=torch.complex64)}, folder / "complex.pth")
torch.save({"one": dict(state), "two": dict(network[0].state_dict())}, folder / "two_networks.pth")
torch.save({"epoch": 3, "log": [1, 2]}, folder / "no_weights.pth")
(folder / "values.json").write_text(json.dumps(values, indent=1) + "\n")
