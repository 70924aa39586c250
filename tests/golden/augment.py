"""Golden values of spectrogram augmentations from PyTorch. Writes augment.json beside itself."""

import json
import math
import pathlib

import torch
import torch.nn.functional as F
import torchvision


def patches(batch, bands, frames):
    """Like decibels: about -80 to 0."""
    return (torch.randn(batch, bands, frames) * 15 - 40).mul(100).round().div(100)


def resized_crop():
    x = patches(5, 8, 11)
    crops = [[0, 0, 8, 11], [1, 2, 5, 7], [7, 10, 1, 1], [0, 3, 8, 2], [3, 0, 5, 11]]
    stretched = [
        F.interpolate(
            x[i : i + 1, None, band : band + bands, frame : frame + frames],
            size=(8, 11),
            mode="bilinear",
            align_corners=False,
        )[0, 0]
        for i, (band, frame, bands, frames) in enumerate(crops)
    ]
    return {"patches": listed(x), "crops": crops, "stretched": listed(torch.stack(stretched))}


def mix_back(unit, per_neper):
    """log((1 - l) X + l E(X)/E(B) B) in fp64; values / per_neper are natural logarithms."""
    scale = per_neper / (10 / math.log(10))
    x, b = (patches(3, 4, 5).double() * scale, patches(3, 4, 5).double() * scale)
    lambdas = [0.0125, 0.05, 0.75]
    mixed = []
    for i, share in enumerate(lambdas):
        energy, back = torch.exp(x[i] / per_neper), torch.exp(b[i] / per_neper)
        total = (1 - share) * energy + share * energy.sum() / back.sum() * back
        mixed.append(torch.log(total) * per_neper)
    return {
        "unit": unit,
        "lambdas": lambdas,
        "patches": x.tolist(),
        "background": b.tolist(),
        "mixed": torch.stack(mixed).tolist(),
    }


def blur(sigma):
    x = patches(2, 14, 17)
    size = 2 * math.ceil(3 * sigma) + 1
    blurred = torchvision.transforms.functional.gaussian_blur(x[:, None], size, sigma)[:, 0]
    return {"sigma": sigma, "patches": listed(x), "blurred": listed(blurred)}


def listed(tensor):
    return [[[float(f"{v:.9g}") for v in row] for row in patch] for patch in tensor.tolist()]


def main():
    torch.manual_seed(0)
    golden = {
        "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__},
        "resized_crop": [resized_crop()],
        "mix_back": [
            mix_back("log10", 1 / math.log(10)),
            mix_back("decibel", 10 / math.log(10)),
            mix_back("ln", 1.0),
        ],
        "blur": [blur(0.6), blur(2.0)],
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
