#!/usr/bin/env python3
"""Thousands of sound files as people have them, read by chiffchaff and by ffmpeg, and every difference.

    cargo build --no-default-features --example samples
    python3 tests/field/sounds.py --program target/debug/examples/samples --work /tmp/field FOLDER...

Takes good recordings from the folders, makes every variant of each in `variants.py` (re-encoded, retagged, joined, cut,
piped, with wrong sizes, renamed), decodes each with both programs and compares number of samples, shift and values.
Needs numpy, and ffmpeg, sox, flac, lame, oggenc and wavpack in the path. What is made is kept in --work and not made again.

A difference of more than one sample or 1 ms is printed with what the program said of it. It exits with 1 if one was silent.
"""

import argparse
import collections
import json
import pathlib
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy

from variants import VARIANTS, sources

SAME = 1.5e-3  # of full scale: two decoders of a lossy codec round differently


def main():
    arguments = parse()
    work = arguments.work
    good = sources(arguments.folders, work / "good", arguments.sources)
    wanted = [v for v in VARIANTS if any(part in v.name for part in arguments.only)]
    jobs = spread([(variant, source) for source in good for variant in wanted], arguments.files)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        files = [f for f in pool.map(lambda job: job[0].make(job[1], work), jobs) if f]
        told = read_by_program(arguments.program, [f.path for f in files], work / "ours")
        truths = list(pool.map(lambda f: read_by_ffmpeg(f.truth or f.path, work), files))
    findings = [
        compare(file, mine, truth, work / "ours" / f"{n}.f32")
        for n, (file, mine, truth) in enumerate(zip(files, told, truths))
    ]
    return report(files, findings)


def spread(jobs, count):
    """`count` of the jobs, drawn so that every variant and every source has its share."""
    drawn = random.Random(0).sample(jobs, min(count, len(jobs)))
    return sorted(drawn, key=lambda job: (VARIANTS.index(job[0]), job[1]))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path, help="folders of good recordings")
    parser.add_argument("--program", required=True, help="the example `samples`, built")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="where files are made and kept")
    parser.add_argument("--sources", type=int, default=60, help="good recordings")
    parser.add_argument("--files", type=int, default=2000, help="files to make of them")
    parser.add_argument("--only", nargs="+", default=[""], help="variants whose names contain one of these")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


def read_by_program(program, paths, folder):
    """One process reads all files; a line of JSON for each."""
    folder.mkdir(parents=True, exist_ok=True)
    names = "".join(f"{path}\n" for path in paths)
    done = subprocess.run([program, folder], input=names, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != len(paths):
        sys.exit(f"{program} stopped at {paths[len(lines)]}:\n{done.stderr[-2000:]}")
    return [json.loads(line) for line in lines]


def read_by_ffmpeg(path, work):
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


Finding = collections.namedtuple("Finding", "verdict detail said")


def compare(file, mine, truth, raw):
    said = "; ".join([mine["error"] or "", *mine.get("remarks", [])]).strip("; ")
    if truth is None or not len(truth[1]):
        verdict = "both refuse" if mine["error"] else "read though ffmpeg does not"
        return Finding(verdict, f"{mine['samples']} samples", said)
    rate, theirs = truth
    if mine["channels"] == 0:
        return Finding("refused", f"ffmpeg reads {len(theirs)} samples", said)
    ours = numpy.fromfile(raw, "<f4").reshape(-1, mine["channels"])
    differences = [
        f"rate {mine['rate']} for {rate}" if mine["rate"] != rate else "",
        f"{ours.shape[1]} channels for {theirs.shape[1]}" if ours.shape[1] != theirs.shape[1] else "",
        f"{len(ours) - len(theirs):+d} samples ({1e3 * (len(ours) - len(theirs)) / rate:+.1f} ms) of {len(theirs)}"
        if len(ours) != len(theirs) else "",
        *differing(ours, theirs, rate),
    ]
    differences = [d for d in differences if d]
    if not differences:
        return Finding("same", "", said)
    return Finding("different", ", ".join(differences), said)


def differing(ours, theirs, rate):
    """Shift by cross-correlation, and the largest difference where there is none."""
    length = min(len(ours), len(theirs))
    if length < 64 or ours.shape[1] != theirs.shape[1]:
        return []
    one, other = ours[:, 0].astype(float), theirs[:, 0].astype(float)
    apart = numpy.abs(ours[:length] - theirs[:length])
    if apart.max() <= SAME:
        return []
    shift = lag(one[:length], other[:length])
    if shift:
        return [f"shifted by {shift:+d} samples ({1e3 * shift / rate:+.1f} ms)"]
    first = int(numpy.argmax(apart.max(axis=1) > SAME))
    return [f"apart by up to {apart.max():.2g} from {first / rate:.3f} s on"]


def lag(one, other):
    """By how many samples `one` is later than `other`."""
    size = 1 << int(numpy.ceil(numpy.log2(2 * len(one))))
    product = numpy.fft.rfft(one, size) * numpy.conj(numpy.fft.rfft(other, size))
    correlation = numpy.fft.irfft(product, size)
    best = int(numpy.argmax(correlation))
    return best - size if best > size // 2 else best


def report(files, findings):
    verdicts = collections.defaultdict(collections.Counter)
    silent = 0
    for file, finding in zip(files, findings):
        verdicts[file.variant][finding.verdict] += 1
        if finding.verdict in ("same", "both refuse"):
            continue
        remarked = f"said: {finding.said}" if finding.said else "SILENT"
        silent += not finding.said
        print(f"{file.variant:28} {file.path}\n    {finding.verdict}: {finding.detail}\n    {remarked}")
    print(f"\n{len(files)} files")
    for variant, counts in verdicts.items():
        print(f"{variant:28} " + ", ".join(f"{verdict}: {n}" for verdict, n in counts.items()))
    total = sum(verdicts.values(), collections.Counter())
    print("all: " + ", ".join(f"{verdict}: {n}" for verdict, n in total.items()) + f"; silent: {silent}")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
