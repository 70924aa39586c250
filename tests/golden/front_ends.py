"""Makes front_ends.json: what PyTorch, torchaudio and the formulas give for front ends of several images and wavelets.

    python tests/golden/front_ends.py

Needs torch, torchaudio, numpy, scipy and PyWavelets. All references run in double precision. Settings are written out here
by hand from the published descriptions, not from our code; the test compares them with our presets.
"""

import json
import math
import pathlib
import sys

import numpy as np
import pywt
import scipy
import scipy.signal
import torch
import torchaudio


def synthetic(samples, rise=0.00002):
    """A rising tone over white noise; tests/features_golden.rs makes the same samples."""
    noise = np.empty(samples)
    state = 1
    for n in range(samples):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        noise[n] = (state >> 8) / 8388608.0 - 1.0
    n = np.arange(samples, dtype=np.float64)
    tone = np.sin(2 * np.pi * (0.002 * n + rise * n * n))
    return (0.5 * tone + 0.05 * noise).astype(np.float32).astype(np.float64)


def decibels(power, floor=1e-10):
    return 10 * np.log10(np.maximum(power, floor))


def esresnet(side):
    """Guzhov et al.: [3, 341, frames] of samples already scaled."""
    window = torch.from_numpy(scipy.signal.get_window("blackmanharris", 1654))
    spectrum = torch.stft(torch.from_numpy(side), n_fft=2048, hop_length=561, win_length=1654, window=window, center=True,
                          pad_mode="reflect", normalized=False, onesided=True, return_complex=True) * 2048**-0.5
    power = (spectrum.real**2 + spectrum.imag**2).numpy()[:-2]  # 1023 of 1025 bins
    power = power.reshape(3, 341, -1)
    return 10 * np.log10(np.where(power == 0, 1e-18, power))


def mel(y, rate, n_fft, win_length, hop_length, n_mels, f_max):
    spectrogram = torchaudio.transforms.Spectrogram(
        n_fft, win_length, hop_length, window_fn=lambda n: torch.hann_window(n, dtype=torch.float64))
    filters = torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0.0, f_max, n_mels, rate, norm=None, mel_scale="htk")
    return filters.numpy().astype(np.float64).T @ spectrogram(torch.from_numpy(y)).numpy()


def palanisamy(y):
    """[3, 128, frames]: three log-mel spectrograms, brought to frames of 882 samples."""
    channels = []
    times = np.arange(1 + len(y) // 882) * 882.0
    for win_length, hop_length in ((1102, 441), (2205, 1102), (4410, 2205)):
        image = np.log10(mel(y, 44100, 4410, win_length, hop_length, 128, 22050.0) + 1e-6)
        places = np.arange(image.shape[1]) * float(hop_length)
        channels.append([np.interp(times, places, row) for row in image])
    return np.array(channels)


def clar(y):
    """[3, 128, frames]: magnitudes in decibels, phases, mel bands in decibels."""
    spectrum = torch.stft(torch.from_numpy(y), n_fft=256, hop_length=128, window=torch.hann_window(256, dtype=torch.float64),
                          center=True, pad_mode="reflect", return_complex=True).numpy()[:128]
    mels = decibels(mel(y, 16000, 2048, 256, 128, 128, 8000.0))
    return np.stack([decibels(np.abs(spectrum)**2), np.angle(spectrum), mels])


TONES = 50.0 * (9000.0 / 50.0) ** (np.arange(96) / 95)
OMEGA0 = 6.0


def scalogram(y):
    """|W|^2 at every sample, [96, samples]: the formula of Torrence and Compo, by convolution."""
    rows = []
    for hz in TONES:
        scale = OMEGA0 * 22050 / (2 * np.pi * hz)
        reach = math.ceil(8 * scale)
        t = np.arange(-reach, reach + 1) / scale
        psi = np.pi**-0.25 * (np.exp(1j * OMEGA0 * t) - np.exp(-OMEGA0**2 / 2)) * np.exp(-t**2 / 2)
        correlated = scipy.signal.fftconvolve(y, np.conj(psi)[::-1], mode="full")[reach:reach + len(y)]
        rows.append(np.abs(correlated)**2 / scale)
    return np.array(rows)


LOW_TONES = 50.0 * (2500.0 / 50.0) ** (np.arange(72) / 71)


def pywt_scalogram(y):
    """|W|^2 of lower tones by PyWavelets, whose Morlet wavelet has another constant and is averaged over each sample.

    The average over a sample damps a tone of f cycles per sample by sinc(f), which is taken out; far from the middle of
    a short wavelet that is too crude, hence lower tones."""
    scales = OMEGA0 * 22050 / (2 * np.pi * LOW_TONES)
    wavelet = pywt.ContinuousWavelet(f"cmor2.0-{OMEGA0 / (2 * np.pi):.15f}")
    coefficients, _ = pywt.cwt(y, scales, wavelet, precision=19)
    constant = np.pi**-0.25 * np.sqrt(2 * np.pi)
    return np.abs(coefficients * constant / np.sinc(LOW_TONES / 22050)[:, None])**2


def rounded(values):
    return [float(f"{v:.7g}") for v in values]


def case(name, channels, samples, values, frames, **more):
    """Keeps some frames of `values`, [channels, bands, frames]."""
    return {"name": name, "sides": channels, "samples": samples, "channels": values.shape[0], "bands": values.shape[1],
            "total_frames": values.shape[2], "frames": frames,
            "values": [rounded(values[:, :, t].flatten()) for t in frames], **more}


def main():
    y = synthetic(13230)
    left, right = y, synthetic(13230, 0.00001)
    low, high = min(left.min(), right.min()), max(left.max(), right.max())
    stereo = [-32768 + (side - low) * 65535 / (high - low) for side in (left, right)]
    powers = scalogram(y)
    points = powers[:, ::220]
    # The mean over the 220 samples around each frame's place; frames whose samples are all inside.
    around = [range(220 * t - 110, 220 * t + 110) for t in (20, 40)]
    means = np.stack([powers[:, list(samples)].mean(axis=1) for samples in around], axis=1)
    cases = [
        case("esresnet", 1, 13230, esresnet(y * 32768), [0, 12]),
        case("esresnet-stereo", 2, 13230, np.concatenate([esresnet(side) for side in stereo]), [7]),
        case("palanisamy", 1, 13230, palanisamy(y), [0, 4, 15]),
        case("clar", 1, 4000, clar(y[:4000]), [0, 15, 31]),
        case("wavelet, point", 1, 13230, decibels(points)[None], [0, 1, 30, 60]),
        case("wavelet, point, PyWavelets", 1, 13230, decibels(pywt_scalogram(y)[:, ::220])[None], [3, 5, 8]),
    ]
    mean = case("wavelet", 1, 13230, decibels(means)[None], [0, 1])
    cases.append(mean | {"frames": [20, 40], "total_frames": 61})
    versions = {m.__name__: m.__version__ for m in (torch, torchaudio, np, scipy, pywt)}
    head = {"made_by": "tests/golden/front_ends.py", "versions": versions | {"python": sys.version.split()[0]}}
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    text = json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n"
    pathlib.Path(__file__).with_suffix(".json").write_text(text)


main()
