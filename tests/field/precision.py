"""How likely a found event is right by its score: the two numbers in src/detect/precision.rs, measured.

    chiffchaff detect --threshold 0 --shots marks.csv recordings/ --out found.csv
    python3 tests/field/precision.py --found found.csv --reference TABLE|FOLDER...

Found events are held against references as `chiffchaff score` does: the first five marks of a recording were given away with
all that ends before the last of them, a found event is right if its intersection over union with a mark is above 0.3, each at
most once (the pair that agrees best first), and one that matches an unknown mark (UNK) does not count. The references must
mark all events of their recordings. A logistic curve is fitted by Newton's method; beside it stands, for each step of the
score, how many events were right and how many the curve expects.
"""

import argparse
import bisect
import csv
import math
import pathlib
import sys

COLUMNS = {
    "recording": ["recording", "audiofilename", "filename", "file", "begin file"],
    "onset": ["onset", "starttime", "begin time (s)", "start"],
    "offset": ["offset", "endtime", "end time (s)", "end"],
    "mark": ["q", "mark"],
    "score": ["score"],
}
SURE = 1e-9  # a step of both parameters that no longer matters


def rows(path):
    """Rows of a table with the columns that we know, times as numbers; None if it has no times. A row without times names a
    recording without events."""
    text = path.read_text(encoding="utf-8-sig")
    separator = "\t" if "\t" in text.split("\n", 1)[0] else ","
    reader = csv.reader(text.splitlines(), delimiter=separator)
    header = [name.strip().lower() for name in next(reader, [])]
    places = {what: next((header.index(n) for n in names if n in header), None) for what, names in COLUMNS.items()}
    if places["onset"] is None or places["offset"] is None:
        return None
    table = []
    for record in reader:
        row = {what: record[at].strip() for what, at in places.items() if at is not None and at < len(record)}
        row["recording"] = stem(row.get("recording") or path.name)
        if row.get("onset"):
            row["onset"], row["offset"] = float(row["onset"]), float(row["offset"])
        table.append(row)
    return table


def stem(name):
    return pathlib.PurePosixPath(name.replace("\\", "/")).stem


def by_recording(paths):
    """Events of tables, or of all in a folder, by recording; a table without rows is of the recording that it is called after."""
    tables = {}
    for path in paths:
        files = sorted(f for f in path.rglob("*") if f.suffix in {".csv", ".txt", ".tsv"}) if path.is_dir() else [path]
        for file in files:
            table = rows(file)
            if table is None and not path.is_dir():
                sys.exit(f"{file}: has no columns for onset and offset")
            if table == []:
                tables.setdefault(stem(file.name), [])
            for row in table or []:
                events = tables.setdefault(row["recording"], [])
                if row.get("onset") not in (None, ""):
                    events.append(row)
    return tables


def iou(a, b):
    both = min(a["offset"], b["offset"]) - max(a["onset"], b["onset"])
    return both / (max(a["offset"], b["offset"]) - min(a["onset"], b["onset"])) if both > 0 else 0.0


def matched(references, found, least):
    """Places of the found events that have a partner, each reference having one at most."""
    references = sorted(references, key=lambda row: row["onset"])
    onsets = [row["onset"] for row in references]
    longest = max((row["offset"] - row["onset"] for row in references), default=0.0)
    pairs = []
    for j, event in enumerate(found):
        first, end = bisect.bisect_left(onsets, event["onset"] - longest), bisect.bisect_left(onsets, event["offset"])
        pairs += [(-iou(references[i], event), i, j) for i in range(first, end)]
    taken, hits = set(), set()
    for _, i, j in sorted(pair for pair in pairs if -pair[0] > least):
        if i not in taken and j not in hits:
            taken.add(i)
            hits.add(j)
    return hits


def judged(references, found, shots, least):
    """Score of each found event, and whether it is right; without those that may be either."""
    mark = lambda row: row.get("mark", "POS").upper()
    given = sorted((r for r in references if mark(r) == "POS"), key=lambda row: row["onset"])[:shots]
    end = given[-1]["offset"] if given else 0.0
    left = [r for r in references if r["offset"] > end] if given else references
    right = matched([r for r in left if mark(r) == "POS"], found, least)
    rest = [f for j, f in enumerate(found) if j not in right]
    excused = matched([r for r in left if mark(r) == "UNK"], rest, least)
    wrong = [f for j, f in enumerate(rest) if j not in excused]
    return [(float(found[j]["score"]), 1) for j in sorted(right)] + [(float(f["score"]), 0) for f in wrong]


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def fitted(events):
    """Steepness a and even score b of `1 / (1 + exp(-a (score - b)))`, with their standard errors; None if all high scores are
    right and all low ones wrong, when the curve has no end to its steepness."""
    middle = sum(score for score, _ in events) / len(events)
    loss = lambda u, a: sum(softplus(u + a * (s - middle)) - y * (u + a * (s - middle)) for s, y in events)
    height, slope = 0.0, 0.0  # of the logit, at the mean score, so that the two hardly depend on each other
    for _ in range(100):
        g0 = g1 = h00 = h01 = h11 = 0.0
        for score, is_right in events:
            x = score - middle
            p = sigmoid(height + slope * x)
            g0, g1 = g0 + is_right - p, g1 + (is_right - p) * x
            w = p * (1 - p)
            h00, h01, h11 = h00 + w, h01 + w * x, h11 + w * x * x
        determinant = h00 * h11 - h01 * h01
        if determinant <= 1e-12 * max(h00 * h11, 1e-300) or abs(slope) > 1e4:
            return None
        d0, d1 = (h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant
        step, before = 1.0, loss(height, slope)
        while loss(height + step * d0, slope + step * d1) > before + 1e-9 and step > 1e-6:
            step /= 2
        height, slope = height + step * d0, slope + step * d1
        if max(abs(d0), abs(d1)) < SURE * max(1, abs(slope)):
            break
    even = middle - height / slope
    of_slope = math.sqrt(h00 / determinant)
    # b = middle − height / slope, by the delta method.
    by_height, by_slope = -1 / slope, height / slope**2
    variance = by_height**2 * h11 - 2 * by_height * by_slope * h01 + by_slope**2 * h00
    return slope, even, of_slope, math.sqrt(max(variance / determinant, 0.0))


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def print_reliability(events, a, b):
    print("\nscore          events  right   seen  expected")
    step = lambda score: min(int(20 * score + 1e-6), 20)
    for n in sorted({step(score) for score, _ in events}):
        own = [(score, is_right) for score, is_right in events if step(score) == n]
        right = sum(is_right for _, is_right in own)
        expected = sum(sigmoid(a * (score - b)) for score, _ in own) / len(own)
        name = f"{n / 20:.2f} to {(n + 1) / 20:.2f}" if n < 20 else "1.00"
        print(f"{name:13} {len(own):7} {right:6} {100 * right / len(own):5.1f} % {100 * expected:6.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--found", type=pathlib.Path, nargs="+", required=True, help="tables with scores, found with a low threshold")
    parser.add_argument("--reference", type=pathlib.Path, nargs="+", required=True, help="tables of all events, or folders of such")
    parser.add_argument("--shots", type=int, default=5, help="marks at the start of each recording that were given away")
    parser.add_argument("--least", type=float, default=0.3, help="intersection over union above which two events are one")
    arguments = parser.parse_args()
    references = by_recording(arguments.reference)
    found = by_recording(arguments.found)
    missing = sorted(name for name in found if found[name] and name not in references)
    if missing:
        sys.exit(f"no reference of: {', '.join(missing)}")
    if any(not row.get("score") for table in found.values() for row in table):
        sys.exit("a found event has no score")
    judge = lambda name: judged(references[name], found[name], arguments.shots, arguments.least)
    events = [event for name in sorted(found) if found[name] for event in judge(name)]
    right = sum(is_right for _, is_right in events)
    print(f"{len(events)} found events of {len(found)} recordings, {right} of them right")
    if right in (0, len(events)):
        sys.exit("nothing can be fitted: some must be right and some wrong")
    fit = fitted(events)
    if fit is None:
        sys.exit("nothing can be fitted: scores tell right from wrong without exception, or not at all")
    a, b, a_error, b_error = fit
    print(f"STEEPNESS   {a:8.3f}   standard error {a_error:.3f}, as if recordings did not differ")
    print(f"EVEN_SCORE  {b:8.4f}   standard error {b_error:.4f}")
    print(f"of events that score 1, {100 * sigmoid(a * (1 - b)):.1f} % are expected to be right")
    print_reliability(events, a, b)


if __name__ == "__main__":
    main()
