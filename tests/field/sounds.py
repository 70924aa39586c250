#!/usr/bin/env python3
"""Thousands of sound files as people have them, read by chiffchaff and by ffmpeg, and every difference.

    cargo build --no-default-features --example samples
    python3 tests/field/sounds.py --program target/debug/examples/samples --work /tmp/field FOLDER...

Takes good recordings from the folders, makes every variant of each in `variants.py` (re-encoded, retagged, joined, cut,
piped, with wrong sizes, renamed), decodes each with both programs and compares number of samples, shift and values.
Needs numpy, and ffmpeg, sox, flac, lame, oggenc and wavpack in the path. What is made is kept in --work and not made again.

A difference is printed with what the program said of it, or why it is right (`explained.py` proves that on the file itself).
It exits with 1 if there is a difference of which nothing is said and that nothing explains.
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

from explained import explain
from theirs import SAME, read_by_ffmpeg
from variants import VARIANTS, sources


def main():
    arguments = parse()
    work = arguments.work
    good = sources(arguments.folders, work / "good", arguments.sources)
    wanted = [v for v in VARIANTS if any(part in v.name for part in arguments.only)]
    jobs = spread([(variant, source) for source in good for variant in wanted], arguments.files)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        files = [f for f in pool.map(lambda job: job[0].make(job[1], work), jobs) if f]
        told = read_by_program(arguments.program, [f.path for f in files], work / "ours")
        truths = list(pool.map(lambda f: read_by_ffmpeg(f.truth or f.path), files))
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


Finding = collections.namedtuple("Finding", "verdict detail said why", defaults=[None])


def compare(file, mine, truth, raw):
    said = "; ".join([mine["error"] or "", *mine.get("remarks", [])]).strip("; ")
    if truth is None or not len(truth[1]):
        if mine["error"]:
            return Finding("both refuse", "", said)
        if not mine["samples"]:
            return Finding("both find nothing", "", said)
        why = why_other(file, mine, None, raw)
        return Finding("read though ffmpeg does not", f"{mine['samples']} samples", said, why)
    rate, theirs = truth
    if mine["channels"] == 0:
        return Finding("refused", f"ffmpeg reads {len(theirs)} samples", said)
    ours = samples_in(raw, mine)
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
    why = why_other(file, mine, theirs, raw) if mine["rate"] == rate else None
    return Finding("different", ", ".join(differences), said, why)


def samples_in(raw, mine):
    return numpy.fromfile(raw, "<f4").reshape(-1, mine["channels"])


def why_other(file, mine, theirs, raw):
    """What explains that samples are others than ffmpeg's, or None; not for files that are to be read as others are."""
    if file.truth or mine["error"]:
        return None
    ours = samples_in(raw, mine)
    theirs = numpy.empty((0, ours.shape[1]), "<f4") if theirs is None else theirs
    return explain(pathlib.Path(file.path).read_bytes(), ours, theirs)


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
    silent, reasons = 0, collections.Counter()
    for file, finding in zip(files, findings):
        verdicts[file.variant][finding.verdict] += 1
        if finding.verdict in ("same", "both refuse") or finding.verdict == "both find nothing" and finding.said:
            continue
        silent += not (finding.said or finding.why)
        reasons[finding.why] += finding.why is not None
        remarks = [f"said: {finding.said}"] if finding.said else []
        remarks += [f"explained: {finding.why}"] if finding.why else []
        lines = [f"{finding.verdict}: {finding.detail}", *(remarks or ["SILENT"])]
        print(f"{file.variant:28} {file.path}", *lines, sep="\n    ")
    print(f"\n{len(files)} files")
    for variant, counts in verdicts.items():
        print(f"{variant:28} " + ", ".join(f"{verdict}: {n}" for verdict, n in counts.items()))
    for why, count in (+reasons).most_common():
        print(f"{count} explained: {why}")
    total = sum(verdicts.values(), collections.Counter())
    print("all: " + ", ".join(f"{verdict}: {n}" for verdict, n in total.items()) + f"; silent and not explained: {silent}")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
