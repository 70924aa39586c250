"""Where ffmpeg departs from the format, or loses sound: the table in docs/datasets.md.

A difference is explained if the file itself proves the cause: ours is then what ffmpeg gives of the file's parts, or of the file
without what leads ffmpeg astray. A file that fails its proof stays unexplained, whatever kind it is of.
"""

import struct

import numpy

from theirs import SAME, same, samples_of

EXPLANATIONS = []


def explanation(text):
    def register(proves):
        EXPLANATIONS.append((text, proves))
        return proves

    return register


def explain(data, ours, theirs):
    """Why samples of a file of these bytes are others than ffmpeg's; None: nobody knows."""
    if ours.shape[1] != theirs.shape[1]:
        return None
    return next((text for text, proves in EXPLANATIONS if proves(data, ours, theirs)), None)


# Joined files


def halves(data):
    """The part that is there twice, or None."""
    half = data[: len(data) // 2]
    return half if half + half == data else None


@explanation("joined FLAC: twice the sound of the half, bit for bit")
def joined_flac(data, ours, theirs):
    half = halves(data)
    if half is None or not half.startswith(b"fLaC"):
        return False
    once = samples_of(half, ".flac")
    return same(ours, numpy.concatenate([once, once]), 0)


@explanation("Ogg: each stream ends where its last page says")
def ogg(data, ours, theirs):
    parts = ogg_streams(data)
    if not parts or sum(length for _, length in parts) != len(ours):
        return False
    at = 0
    for part, length in parts:
        alone, heard = samples_of(part, ".ogg"), ours[at : at + length]
        held = min(len(alone), length)
        # What ffmpeg leaves out, or adds, is less than the longest block of Vorbis.
        if abs(len(alone) - length) > 8192 or not same(heard[:held], alone[:held]):
            return False
        at += length
    return True


def ogg_streams(data):
    """The bytes of each of the streams that follow one another, and the position on its last page; None: this is not Ogg."""
    streams, at = [], 0
    while data[at : at + 4] == b"OggS" and len(data) >= at + 27:
        flags, position = data[at + 5], struct.unpack("<q", data[at + 6 : at + 14])[0]
        lengths = data[at + 27 : at + 27 + data[at + 26]]
        end = at + 27 + len(lengths) + sum(lengths)
        if flags & 2:
            streams.append([b"", 0])
        if not streams:
            return None
        streams[-1][0] += data[at:end]
        streams[-1][1] = position if position >= 0 else streams[-1][1]
        at = end
    return streams if at == len(data) else None


@explanation("joined MP3: ffmpeg loses the first frame behind an ID3v2 tag, and gives it without the tag")
def tag_in_the_middle(data, ours, theirs):
    start = id3_len(data)
    at = data.find(b"ID3", start)
    kept = data[:start]
    while at > 0 and id3_len(data[at:]):
        kept += data[start:at]
        start = at + id3_len(data[at:])
        at = data.find(b"ID3", start)
    is_mpeg = data[start : start + 1] == b"\xff"
    return is_mpeg and len(kept) > id3_len(data) and same(ours, samples_of(kept + data[start:], ".mp3"))


def id3_len(data):
    if data[:3] != b"ID3":
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 127
    return 10 + size


LONG, LONG_START, SHORT, LONG_STOP = range(4)


@explanation("joined ADTS: the overlap of two blocks that do not go with each other, at the joint alone")
def joined_adts(data, ours, theirs):
    """A block that ends in short ones must be followed by one that begins so. Where the joint breaks this, the format gives each half
    the window of its own block, and ffmpeg one to both."""
    half = halves(data)
    frames = adts_frames(half) if half else []
    if not frames or ours.shape != theirs.shape or len(ours) != 2 * 1024 * len(frames):
        return False
    ends_short = window_sequence(frames[-1]) in (LONG_START, SHORT)
    begins_short = window_sequence(frames[0]) in (SHORT, LONG_STOP)
    apart = numpy.abs(ours - theirs).max(axis=1) > SAME
    joint = len(ours) // 2
    outside = numpy.concatenate([apart[:joint], apart[joint + 1024 :]])
    return ends_short != begins_short and not outside.any()


def adts_frames(data):
    """The frames' contents; none if something else lies between or behind them."""
    frames, at = [], 0
    while data[at : at + 1] == b"\xff" and len(data) >= at + 7:
        length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        header = 7 if data[at + 1] & 1 else 9
        if data[at + 1] & 0xF6 != 0xF0 or length < header:
            break
        frames.append(data[at + header : at + length])
        at += length
    return frames if at == len(data) else []


def window_sequence(frame):
    """That of a frame's first channel (ISO 14496-3, 4.4.2.1)."""
    whole, length = int.from_bytes(frame, "big"), 8 * len(frame)

    def bits(at, count):
        return whole >> (length - at - count) & ((1 << count) - 1)

    at = 0
    while bits(at, 3) == 6:  # fills up
        count, at = bits(at + 3, 4), at + 7
        if count == 15:
            count, at = 14 + bits(at, 8), at + 8
        at += 8 * count
    pair = bits(at, 3) == 1
    common = pair and bits(at + 7, 1)
    gain = 0 if common else 8
    return bits(at + 7 + pair + gain + 1, 2)


# MP4


@explanation("MP4: ffmpeg leaves out the packet in which an edit begins if the edit is short, or of no length")
def short_edit(data, ours, theirs):
    """ffmpeg takes the edit's length for that of the last packet, and leaves the packet out if the edit begins behind that."""
    at = data.find(b"elst")
    if at < 0 or data.count(b"elst") != 1 or data[at + 4] != 0:
        return False
    longer = data[: at + 12] + struct.pack(">I", 0x7FFFFFFF) + data[at + 16 :]
    return same(ours, samples_of(longer, ".m4a"))
