"""Makes features.json: what librosa, torchaudio and TensorFlow's formulas give for the front ends.

    python tests/golden/features.py REAL_CLIP.flac "CREDIT OF THE CLIP" > tests/golden/features.json

All references run in double precision, so that what is measured is our own rounding. Each case
carries the configuration as our library reads it; this script translates it for the reference.
Presets are written out here by hand from the published descriptions, not from our code.
"""

import itertools
import json
import sys
import warnings

import librosa
import numpy as np
import scipy
import soundfile
import torch
import torchaudio

warnings.filterwarnings("ignore", message="n_fft=.* is too large")
warnings.filterwarnings("ignore", message=".*Empty filters detected.*")
warnings.filterwarnings("ignore", message=".*all zero values.*")

EXCERPT_START, EXCERPT_LENGTH = 22050, 4410


def synthetic(samples):
    """A rising tone over white noise; tests/features_golden.rs makes the same samples."""
    noise = np.empty(samples)
    state = 1
    for n in range(samples):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        noise[n] = (state >> 8) / 8388608.0 - 1.0
    n = np.arange(samples, dtype=np.float64)
    tone = np.sin(2 * np.pi * (0.002 * n + 0.00002 * n * n))
    return (0.5 * tone + 0.05 * noise).astype(np.float32).astype(np.float64)


def librosa_mel(c, y):
    return librosa.feature.melspectrogram(
        y=y, sr=c["sample_rate"], n_fft=c["n_fft"], win_length=c["win_length"], hop_length=c["hop_length"],
        window={"hann": "hann", "hamming": "hamming", "blackman": "blackman",
                "blackman-harris": "blackmanharris", "rectangular": "boxcar"}[c["window"]],
        center=c["padding"] != "none", pad_mode={"reflect": "reflect", "zero": "constant", "none": "constant"}[c["padding"]],
        power={"power": 2.0, "magnitude": 1.0}[c["spectrum"]], n_mels=c["n_mels"], fmin=c["f_min"], fmax=c["f_max"],
        htk=c["mel_scale"] == "htk", norm=None if c["mel_norm"] == "none" else "slaney", dtype=np.float64)


def torchaudio_mel(c, y):
    window = {"hann": torch.hann_window, "hamming": torch.hamming_window, "blackman": torch.blackman_window,
              "rectangular": lambda n, periodic: torch.ones(n)}[c["window"]]
    transform = torchaudio.transforms.MelSpectrogram(
        c["sample_rate"], n_fft=c["n_fft"], win_length=c["win_length"], hop_length=c["hop_length"],
        window_fn=lambda n, **_: window(n, periodic=c["window_symmetry"] == "periodic").double(),
        center=c["padding"] != "none", pad_mode={"reflect": "reflect", "zero": "constant", "none": "constant"}[c["padding"]],
        power={"power": 2.0, "magnitude": 1.0}[c["spectrum"]], n_mels=c["n_mels"], f_min=c["f_min"], f_max=c["f_max"],
        mel_scale=c["mel_scale"], norm=None if c["mel_norm"] == "none" else "slaney")
    spectrogram = transform.spectrogram(torch.from_numpy(y)).numpy()
    # The transform's own filter bank is single precision; the function's arithmetic is not.
    filters = torchaudio.functional.melscale_fbanks(
        c["n_fft"] // 2 + 1, c["f_min"], c["f_max"], c["n_mels"], c["sample_rate"],
        norm=None if c["mel_norm"] == "none" else "slaney", mel_scale=c["mel_scale"])
    return filters.numpy().astype(np.float64).T @ spectrogram


def tensorflow_mel(c, y):
    """tf.signal.stft(pad_end=False), tf.abs, tf.signal.linear_to_mel_weight_matrix, in NumPy."""
    frames = 1 + (len(y) - c["win_length"]) // c["hop_length"]
    n = np.arange(c["win_length"])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / c["win_length"])
    cut = np.stack([y[t * c["hop_length"]:t * c["hop_length"] + c["win_length"]] for t in range(frames)])
    spectrum = np.abs(np.fft.rfft(cut * window, c["n_fft"]))

    def mel(hz):
        return 1127.0 * np.log1p(hz / 700.0)

    bins = mel(np.linspace(0, c["sample_rate"] / 2, c["n_fft"] // 2 + 1)[1:])[:, None]
    edges = np.linspace(mel(c["f_min"]), mel(c["f_max"]), c["n_mels"] + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    return (spectrum @ np.pad(weights, [[1, 0], [0, 0]])).T


REFERENCES = {"librosa": librosa_mel, "torchaudio": torchaudio_mel, "tensorflow": tensorflow_mel}


def scaled(scaling, y):
    match scaling["type"]:
        case "none":
            return y
        case "gain":
            return y * scaling["factor"]
        case "peak":
            y = y - y.mean()
            return y / (np.abs(y).max() + scaling["offset"])
        case "unit-norm":
            return y / np.sqrt(max(np.sum(y * y), scaling["epsilon"]))


def compressed(compression, x):
    match compression["type"]:
        case "none":
            return x
        case "decibels":
            return librosa.power_to_db(x, amin=compression["floor"], top_db=compression.get("top_db"))
        case "log10":
            return np.log10(x + compression["offset"])
        case "ln":
            return np.log(np.clip(x, compression["floor"], compression["ceiling"]))


def features(reference, config, y):
    if config["type"] == "mfcc":
        log_mel = features(reference, config["log_mel"] | {"type": "log-mel"}, y)
        return scipy.fft.dct(log_mel, axis=0, type=2, norm="ortho")[:config["n_mfcc"]]
    return compressed(config["compression"], REFERENCES[reference](config, scaled(config["input_scaling"], y)))


PLAIN = {
    "type": "log-mel", "sample_rate": 22050, "input_scaling": {"type": "none"}, "n_fft": 1024, "win_length": 1024,
    "hop_length": 256, "window": "hann", "window_symmetry": "periodic", "window_placement": "centre",
    "padding": "reflect", "spectrum": "power", "n_mels": 64, "f_min": 0.0, "f_max": 11025.0, "mel_scale": "htk",
    "triangles": "hz", "mel_norm": "none", "compression": {"type": "decibels", "floor": 1e-10},
}
PRESETS = {
    "moummad": ("torchaudio", PLAIN | {"n_fft": 512, "win_length": 512, "hop_length": 128, "n_mels": 128, "f_min": 50.0}),
    "protonet": ("librosa", PLAIN | {
        "input_scaling": {"type": "gain", "factor": 2.0**32}, "padding": "zero", "n_mels": 128, "mel_scale": "slaney",
        "mel_norm": "slaney", "compression": {"type": "none"}}),
    "fonseca": ("librosa", PLAIN | {
        "input_scaling": {"type": "peak", "offset": 0.005}, "n_fft": 2048, "win_length": 660, "hop_length": 220,
        "window": "hamming", "n_mels": 96, "f_min": 50.0, "f_max": 10500.0, "mel_scale": "slaney",
        "compression": {"type": "log10", "offset": 1.1e-8}}),
    "cola": ("tensorflow", PLAIN | {
        "sample_rate": 16000, "input_scaling": {"type": "unit-norm", "epsilon": 1e-12}, "win_length": 400,
        "hop_length": 160, "window_placement": "start", "padding": "none", "spectrum": "magnitude", "f_min": 60.0,
        "f_max": 7800.0, "triangles": "mel", "compression": {"type": "ln", "floor": 1e-5, "ceiling": 1e8}}),
    "mfcc": ("librosa", {"type": "mfcc", "n_mfcc": 20, "log_mel": PLAIN | {
        "n_fft": 2048, "win_length": 2048, "hop_length": 512, "padding": "zero", "n_mels": 128, "mel_scale": "slaney",
        "mel_norm": "slaney", "compression": {"type": "decibels", "floor": 1e-10, "top_db": 80.0}}}),
}


def grid(reference):
    """Every combination of padding, spectrum, scale and norm, with the rest cycling beside them."""
    sizes = itertools.cycle([(512, 512, 128), (1024, 1024, 256), (2048, 660, 220), (600, 401, 100), (441, 441, 147)]
                            if reference == "librosa" else
                            [(512, 512, 128), (1024, 400, 160), (2048, 2048, 512), (600, 401, 100), (400, 399, 133)])
    windows = itertools.cycle(["hann", "hamming", "blackman", "rectangular"]
                              + (["blackman-harris"] if reference == "librosa" else []))
    rates = itertools.cycle([22050, 16000, 44100])
    mels = itertools.cycle([40, 64, 96, 128, 80])
    lengths = itertools.cycle([3001, 4000, 2999, 4410])
    compressions = itertools.cycle([
        {"type": "none"}, {"type": "decibels", "floor": 1e-10}, {"type": "log10", "offset": 1e-6},
        {"type": "decibels", "floor": 1e-10, "top_db": 30.0}, {"type": "ln", "floor": 1e-3, "ceiling": 1e2},
        {"type": "decibels", "floor": 1e-2}, {"type": "none"}])
    symmetries = itertools.cycle(["periodic", "symmetric", "periodic"] if reference == "torchaudio" else ["periodic"])
    for n, (padding, spectrum, scale, norm) in enumerate(itertools.product(
            ["reflect", "zero", "none"], ["power", "magnitude"], ["htk", "slaney"], ["none", "slaney"])):
        n_fft, win_length, hop_length = next(sizes)
        rate = next(rates)
        yield next(lengths), ("synthetic", "real")[n % 2], PLAIN | {
            "sample_rate": rate, "n_fft": n_fft, "win_length": win_length, "hop_length": hop_length,
            "window": next(windows), "window_symmetry": next(symmetries), "padding": padding, "spectrum": spectrum,
            "n_mels": next(mels), "f_min": [0.0, 50.0, 300.0][n % 3], "f_max": [rate / 2, 0.4 * rate][n % 2],
            "mel_scale": scale, "mel_norm": norm, "compression": next(compressions)}


def case(name, reference, signal, y, config, preset=None):
    values = features(reference, config, y)
    frames = sorted({0, values.shape[1] // 2, values.shape[1] - 1})
    return {
        "name": name, "reference": reference, "signal": signal, "samples": len(y),
        **({"preset": preset} if preset else {"config": config}),
        "bands": values.shape[0], "total_frames": values.shape[1], "frames": frames,
        "values": [[float(f"{v:.7g}") for v in values[:, t]] for t in frames],
    }


def main():
    clip, credit = sys.argv[1:]
    excerpt = soundfile.read(clip, dtype="int16")[0][EXCERPT_START:EXCERPT_START + EXCERPT_LENGTH]
    signals = {"synthetic": synthetic(EXCERPT_LENGTH), "real": excerpt / 32768.0}
    cases = []
    for preset, (reference, config) in PRESETS.items():
        for signal, y in signals.items():
            cases.append(case(f"{preset}, {signal}", reference, signal, y, config, preset))
    for reference in ("librosa", "torchaudio"):
        for n, (length, signal, config) in enumerate(grid(reference)):
            cases.append(case(f"{reference} {n}", reference, signal, signals[signal][:length], config))
    for length in (1, 2, 200):  # shorter than half a window; torch refuses these
        for padding in ("reflect", "zero"):
            config = PLAIN | {"padding": padding}
            cases.append(case(f"{length} samples, {padding}", "librosa", "synthetic",
                              signals["synthetic"][:length], config))
    versions = {m.__name__: m.__version__ for m in (librosa, torchaudio, torch, np, scipy)}
    head = {"made_by": "tests/golden/features.py", "versions": versions | {"python": sys.version.split()[0]},
            "real": {"credit": credit, "start": EXCERPT_START, "samples": excerpt.tolist()}}
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    print(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}")


main()
