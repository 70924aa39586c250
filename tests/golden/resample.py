"""Golden values for audio::Resampler: soxr (VHQ and, through librosa, HQ) on a real recording.

Usage: python tests/golden/resample.py   (numpy, soundfile, soxr, librosa; in the repository root)

A sixth of a second of a barking dog. Good resamplers agree in the pass band and differ in how steeply they cut below
the lower Nyquist frequency, so each case's input has nothing above 0.88 of that frequency, where soxr's pass band ends at
0.91. It is stored as 16-bit integers, and that is what soxr was given.
"""

import json
import pathlib

import librosa
import numpy as np
import soundfile
import soxr

root = pathlib.Path(__file__).resolve().parents[2]
clip, rate = soundfile.read(root / "data/esc10/audio/1-100032-A-0.ogg")
start = int(np.argmax(np.abs(clip))) - 1000
piece = clip[start : start + 3675]
# Fades to zero at both ends: beyond them every resampler takes silence.
fade = np.hanning(801)[:400]
envelope = np.ones(len(piece))
envelope[:400], envelope[-400:] = fade, fade[::-1]


def band_limited(sound, to):
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(len(sound), 1 / rate) > 0.88 * min(rate, to) / 2] = 0
    return np.fft.irfft(spectrum, len(sound))


cases = []
for to in (16000, 8000, 44100):
    integers = np.round(band_limited(piece, to) * envelope * 32767).astype(int)
    sound = integers / 32768
    vhq = soxr.resample(sound, rate, to, "VHQ")
    hq = librosa.resample(sound, orig_sr=rate, target_sr=to, res_type="soxr_hq")
    n = min(len(vhq), len(hq))
    print(to, len(vhq), len(hq), "largest difference HQ–VHQ", np.abs(vhq[:n] - hq[:n]).max(), "loudest", np.abs(vhq).max())
    cases.append(
        {
            "to": to,
            "input_i16": integers.tolist(),
            "stride": 5,
            "soxr_vhq": [round(float(x), 7) for x in vhq[::5]],
            "librosa_soxr_hq": [round(float(x), 7) for x in hq[::5]],
        }
    )

golden = {
    "made_by": "tests/golden/resample.py",
    "versions": {m.__name__: m.__version__ for m in (librosa, np, soundfile, soxr)},
    "from": rate,
    "cases": cases,
}
(root / "tests/golden/resample.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
