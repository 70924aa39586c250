"""Makes pcen.json: what librosa's `pcen` gives for a few bands of energies.

    python tests/golden/pcen.py > tests/golden/pcen.json

Energies are spread over twenty orders of magnitude, as those of samples times 2^32 are. The last case keeps librosa's
default hop of 512 beside a front end whose frames lie 256 samples apart, as the prototypical baseline does.
"""

import json
import sys

import librosa
import numpy as np

BANDS, FRAMES = 3, 40
MEL = {"sample_rate": 22050, "hop_length": 256, "n_mels": BANDS, "compression": {"type": "none"}}


def case(rng, assumed_hop_length=None, **constants):
    energies = np.exp(rng.uniform(-2, 44, (BANDS, 1))) * rng.gamma(1.0, 1.0, (BANDS, FRAMES))
    energies[1, 10:20] = 0.0  # digital silence
    energies = energies.astype(np.float32).astype(np.float64)
    values = librosa.pcen(energies, sr=22050, hop_length=assumed_hop_length or 256, **constants)
    config = {"log_mel": MEL, **constants}
    if assumed_hop_length:
        config["assumed_hop_length"] = assumed_hop_length
    return {"config": config, "energies": energies.T.flatten().tolist(), "pcen": values.T.flatten().tolist()}


rng = np.random.default_rng(1)
json.dump(
    {
        "versions": {"librosa": librosa.__version__, "numpy": np.__version__},
        "cases": [
            case(rng),
            case(rng, gain=0.5, bias=10.0, power=0.25),
            case(rng, time_constant=0.06, eps=1e-3),
            case(rng, gain=0.98, bias=2.0, power=0.5, time_constant=0.4, eps=1e-6, assumed_hop_length=512),
        ],
    },
    sys.stdout,
)
print()
