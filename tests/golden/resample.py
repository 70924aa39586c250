"""Golden values for audio::Resampler: soxr (VHQ and, through librosa, HQ) on a real recording.

Usage: python tests/golden/resample.py   (numpy, soundfile, soxr, librosa; in the repository root)

A quarter of a second of a barking dog, as 16-bit integers, and what soxr makes of it. Two good resamplers agree in the
pass band and differ in how steeply they cut around the lower Nyquist frequency; so the energy in that band bounds
the difference and is stored beside it as `transition_rms`.
"""

import json
import pathlib

import librosa
import numpy as np
import soundfile
import soxr

root = pathlib.Path(__file__).resolve().parents[2]
clip, rate = soundfile.read(root / "data/esc10/audio/1-100032-A-0.ogg")
start = int(np.argmax(np.abs(clip))) - 2000
integers = np.round(clip[start : start + 5512] * 32767).astype(int)
# Fades to zero at both ends: beyond them every resampler takes silence.
fade = np.hanning(401)[:200]
envelope = np.ones(len(integers))
envelope[:200], envelope[-200:] = fade, fade[::-1]
integers = np.round(integers * envelope).astype(int)
sound = integers / 32768


def transition_rms(to, low=0.90, high=1.1):
    """RMS of the part of the sound between `low` and `high` times the lower Nyquist frequency."""
    nyquist = min(rate, to) / 2
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / rate)
    spectrum[(hz < low * nyquist) | (hz > high * nyquist)] = 0
    return float(np.sqrt(np.mean(np.fft.irfft(spectrum, len(sound)) ** 2)))


cases = []
for to in (16000, 8000, 44100):
    vhq = soxr.resample(sound, rate, to, "VHQ")
    hq = librosa.resample(sound, orig_sr=rate, target_sr=to, res_type="soxr_hq")
    cases.append(
        {
            "to": to,
            "soxr_vhq": [round(float(x), 7) for x in vhq[::7]],
            "librosa_soxr_hq": [round(float(x), 7) for x in hq[::7]],
            "stride": 7,
            "transition_rms": transition_rms(to),
        }
    )

golden = {
    "made_by": "tests/golden/resample.py",
    "versions": {m.__name__: m.__version__ for m in (librosa, np, soundfile, soxr)},
    "from": rate,
    "input_i16": integers.tolist(),
    "cases": cases,
}
(root / "tests/golden/resample.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
for case in cases:
    a, b = np.array(case["soxr_vhq"]), np.array(case["librosa_soxr_hq"])
    n = min(len(a), len(b))
    print(case["to"], "HQ–VHQ rms", np.sqrt(np.mean((a[:n] - b[:n]) ** 2)), "transition", case["transition_rms"])
