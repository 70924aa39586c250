"""torch, librosa, torchaudio, SciPy and PyWavelets at the work of front_ends.rs: one thread, same samples, same settings.

    python benches/front_ends_peers.py [SECONDS [REPETITIONS]]

Prints one JSON line per tool. `CHIFFCHAFF_FLAC` names another file for the whole job than the bundled finch.
"""

import json
import os
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import librosa
import numpy as np
import pywt
import scipy.fft
import scipy.signal
import soundfile
import soxr
import torch
import torchaudio

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
REPETITIONS = int(sys.argv[2]) if len(sys.argv) > 2 else 11
FLAC = os.environ.get("CHIFFCHAFF_FLAC", "data/finch/bengalese_gy6or6_0324.flac")


def noise(samples):
    """White noise at a tenth of full scale, the same as in front_ends.rs."""
    values = np.empty(samples, np.uint32)
    state = 1
    for n in range(samples):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values[n] = state
    return (0.1 * ((values >> 8) / 8388608.0 - 1.0)).astype(np.float32)


def run(name, tool, version, work, seconds=SECONDS, repetitions=REPETITIONS):
    work()  # first calls plan transforms and fill caches
    speeds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        speeds.append(seconds / (time.perf_counter() - start))
    print(json.dumps({"name": name, "unit": "x real time", "values": speeds, "peer": f"{tool} {version}"}), flush=True)


def of(name):
    return f"{name} of {SECONDS} s, one thread"


def three_band(sides):
    window = torch.from_numpy(scipy.signal.get_window("blackmanharris", 1654).astype(np.float32))
    tensor = torch.from_numpy(sides)

    def work():
        with torch.inference_mode():
            spectrum = torch.stft(tensor * 32768, n_fft=2048, hop_length=561, win_length=1654, window=window,
                                  return_complex=True) * 2048**-0.5
            power = (spectrum.real**2 + spectrum.imag**2)[:, :-2]
            power = power.reshape(len(sides), 3, 341, -1)
            return 10 * torch.log10(torch.where(power > 0, power, 1e-18))

    return work


def stacked(samples):
    mels = [torchaudio.transforms.MelSpectrogram(44100, n_fft=4410, win_length=win, hop_length=hop, n_mels=128)
            for win, hop in ((1102, 441), (2205, 1102), (4410, 2205))]
    tensor = torch.from_numpy(samples)
    frames = 1 + len(samples) // 882

    def work():
        with torch.inference_mode():
            images = [torch.log10(mel(tensor) + 1e-6)[None] for mel in mels]
            return torch.cat([torch.nn.functional.interpolate(image, frames, mode="linear") for image in images])

    return work


def clar(samples):
    window = torch.hann_window(256)
    mel = torchaudio.transforms.MelSpectrogram(16000, n_fft=2048, win_length=256, hop_length=128, n_mels=128)
    tensor = torch.from_numpy(samples)

    def work():
        with torch.inference_mode():
            spectrum = torch.stft(tensor, n_fft=256, hop_length=128, window=window, return_complex=True)[:128]
            images = [10 * torch.log10(x.clamp(min=1e-10)) for x in (spectrum.real**2 + spectrum.imag**2, mel(tensor))]
            return torch.stack([images[0], spectrum.angle(), images[1]])

    return work


def wavelets(samples):
    """All samples' values, then the mean over each hop, as there is no transform of fewer."""
    tones = 50.0 * 180.0 ** (np.arange(96) / 95)
    scales = 6.0 * 22050 / (2 * np.pi * tones)
    frames = len(samples) // 220

    def pooled(power):
        return 10 * np.log10(np.maximum(power[:, :frames * 220].reshape(96, frames, 220).mean(axis=2), 1e-10))

    def with_pywt():
        coefficients, _ = pywt.cwt(samples, scales, "cmor2.0-0.954929658551372", method="fft")
        return pooled(np.abs(coefficients)**2)

    length = scipy.fft.next_fast_len(len(samples) + int(16 * scales[0]))
    omega = 2 * np.pi * np.fft.fftfreq(length).astype(np.float32)
    filters = [(np.sqrt(2 * np.pi * s) * np.pi**-0.25 * np.exp(-0.5 * (s * omega - 6)**2)).astype(np.float32)
               for s in scales]

    def with_scipy():
        spectrum = scipy.fft.fft(samples, length)
        rows = [np.abs(scipy.fft.ifft(spectrum * f)[:len(samples)])**2 for f in filters]
        return pooled(np.array(rows))

    return with_pywt, with_scipy


def whole_job():
    mel = dict(sr=22050, n_fft=512, hop_length=128, n_mels=128, fmin=50, fmax=11025, htk=True, norm=None, pad_mode="reflect")

    def read():
        samples, rate = soundfile.read(FLAC, dtype="float32", always_2d=True)
        return soxr.resample(samples.mean(axis=1), rate, 22050)

    seconds = len(read()) / 22050
    versions = f"{soundfile.__version__} + soxr {soxr.__version__}"
    run("FLAC decoded, resampled to 22.05 kHz, log-mel, one thread", "soundfile", f"{versions} + librosa {librosa.__version__}",
        lambda: librosa.power_to_db(librosa.feature.melspectrogram(y=read(), **mel), amin=1e-10, top_db=None), seconds)
    run("FLAC decoded, resampled to 22.05 kHz, one thread", "soundfile", versions, read, seconds)


def main():
    torch.set_num_threads(1)
    low, middle, high = (noise(SECONDS * rate) for rate in (16000, 22050, 44100))
    slow = max(1, REPETITIONS // 4)
    run(of("mfcc, librosa's"), "librosa", librosa.__version__, lambda: librosa.feature.mfcc(y=middle, sr=22050))
    large = middle * 2**32
    run(of("PCEN of mel energies"), "librosa", librosa.__version__, lambda: librosa.pcen(
        librosa.feature.melspectrogram(y=large, sr=22050, n_fft=1024, hop_length=256, n_mels=128), sr=22050, hop_length=512))
    run(of("three-band power, ESResNet's"), "torch", torch.__version__, three_band(high[None]))
    run(of("three-band power, stereo"), "torch", torch.__version__, three_band(np.stack([high, high])))
    with_pywt, with_scipy = wavelets(middle)
    run(of("Morlet wavelets, 96 bands"), "PyWavelets", pywt.__version__, with_pywt, repetitions=slow)
    run(of("Morlet wavelets, 96 bands"), "scipy.fft", scipy.__version__, with_scipy, repetitions=slow)
    run(of("three stacked log-mels"), "torchaudio", torchaudio.__version__, stacked(high))
    run(of("magnitude, phase and mel, CLAR's"), "torchaudio", torchaudio.__version__, clar(low))
    whole_job()


main()
