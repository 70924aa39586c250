"""What ffmpeg makes of a file."""

import json
import pathlib
import subprocess
import tempfile

import numpy

SAME = 1.5e-3  # of full scale: two decoders of a lossy codec round differently


def read_by_ffmpeg(path):
    """Rate, and samples [samples, channels] or None where ffmpeg finds no sound."""
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "a:0", "-show_entries", "stream=sample_rate,channels", "-of", "json", path],
        capture_output=True, text=True,
    )
    streams = json.loads(probe.stdout or "{}").get("streams") or []
    if not streams or not streams[0].get("channels"):
        return None
    rate, channels = int(streams[0]["sample_rate"]), int(streams[0]["channels"])
    decoded = subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "f32le", "-"],
        capture_output=True,
    ).stdout
    samples = numpy.frombuffer(decoded[: len(decoded) // (4 * channels) * 4 * channels], "<f4")
    return rate, samples.reshape(-1, channels)


def samples_of(data, ending):
    """What ffmpeg gives of these bytes; without samples if it finds no sound."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / f"bytes{ending}"
        path.write_bytes(data)
        truth = read_by_ffmpeg(path)
    return truth[1] if truth else numpy.empty((0, 1), "<f4")


def same(one, other, within=SAME):
    """Whether two sounds have the same samples, or samples that are only so far apart."""
    return one.shape == other.shape and (not len(one) or float(numpy.abs(one - other).max()) <= within)
