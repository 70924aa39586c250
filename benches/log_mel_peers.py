"""librosa and torchaudio at the work of log_mel.rs: one thread, same samples, same settings.

    python benches/log_mel_peers.py [SECONDS [REPETITIONS]]

Prints one JSON line per tool.
"""

import json
import os
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import librosa
import numpy as np
import torch
import torchaudio

RATE = 22050
SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
REPETITIONS = int(sys.argv[2]) if len(sys.argv) > 2 else 21


def noise(samples):
    """White noise at a tenth of full scale, the same as in log_mel.rs."""
    values = np.empty(samples, np.uint32)
    state = 1
    for n in range(samples):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values[n] = state
    return (0.1 * ((values >> 8) / 8388608.0 - 1.0)).astype(np.float32)


def run(tool, version, work):
    work()  # first calls plan transforms and fill caches
    speeds = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        work()
        speeds.append(SECONDS / (time.perf_counter() - start))
    name = f"log-mel 512/128/128 of {SECONDS} s, one thread"
    print(json.dumps({"name": name, "unit": "x real time", "values": speeds, "peer": f"{tool} {version}"}))


def main():
    torch.set_num_threads(1)
    samples = noise(SECONDS * RATE)

    def with_librosa():
        power = librosa.feature.melspectrogram(
            y=samples, sr=RATE, n_fft=512, hop_length=128, n_mels=128, fmin=50, fmax=11025,
            htk=True, norm=None, pad_mode="reflect")
        return librosa.power_to_db(power, amin=1e-10, top_db=None)

    mel = torchaudio.transforms.MelSpectrogram(
        RATE, n_fft=512, hop_length=128, n_mels=128, f_min=50, f_max=11025)
    decibels = torchaudio.transforms.AmplitudeToDB(top_db=None)
    tensor = torch.from_numpy(samples)

    def with_torchaudio():
        with torch.inference_mode():
            return decibels(mel(tensor))

    run("librosa", librosa.__version__, with_librosa)
    run("torchaudio", torchaudio.__version__, with_torchaudio)


main()
