"""librosa, soxr and SciPy at the work of waveform_augment.rs: one thread, same samples, same settings.

    python benches/waveform_augment_peers.py [SECONDS [REPETITIONS]]

Prints one JSON line per tool and work. What has no peer here is not in it.
"""

import json
import os
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import librosa
import numpy as np
import scipy
import soxr

RATE = 22050
SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
REPETITIONS = int(sys.argv[2]) if len(sys.argv) > 2 else 21


def noise(samples):
    """White noise at a tenth of full scale, the same as in waveform_augment.rs."""
    values = np.empty(samples, np.uint32)
    state = 1
    for n in range(samples):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values[n] = state
    return (0.1 * ((values >> 8) / 8388608.0 - 1.0)).astype(np.float32)


def room(samples):
    """Noise that falls by 60 dB in half a second, made anew each time as ours is, then the convolution."""
    length = int(1.2 * 0.5 * RATE)
    response = np.random.default_rng().standard_normal(length + 1, dtype=np.float32)
    response *= (10 ** (-3 * np.arange(length + 1) / (0.5 * RATE))).astype(np.float32)
    response[0] = 1
    heard = scipy.signal.fftconvolve(samples, response)[: len(samples)]
    return heard * np.sqrt(np.mean(samples**2) / np.mean(heard**2))


def run(tool, version, name, work):
    work()  # first calls plan transforms and fill caches
    speeds = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        work()
        speeds.append(SECONDS / (time.perf_counter() - start))
    print(json.dumps({"name": f"{name}, {SECONDS} s, one thread", "unit": "x real time", "values": speeds,
                      "peer": f"{tool} {version}"}))


def main():
    samples = noise(SECONDS * RATE)
    for speed in (1.1, 0.9):
        run("librosa", librosa.__version__, f"time stretch to {speed} times the speed",
            lambda: librosa.effects.time_stretch(samples, rate=speed))
    run("librosa", librosa.__version__, "pitch shift by 4 semitones",
        lambda: librosa.effects.pitch_shift(samples, sr=RATE, n_steps=4))
    rng = np.random.default_rng(1)
    run("soxr", soxr.__version__, "scale within 1.25 band-limited",
        lambda: soxr.resample(samples, 1.0, 1.25 ** rng.uniform(-1, 1), quality="HQ"))
    run("scipy", scipy.__version__, "room of 0.5 s", lambda: room(samples))


main()
