"""Small files of every container and codec in tests/audio/clicks/, and what ffmpeg makes of each and of changed copies.

Writes sounds.json: for each file and each change of its bytes, ffmpeg's rate, channels, number of samples, and where the clicks
lie in its output. tests/sounds.rs makes the same changes and compares. HE-AAC files are kept where `fdkaac` is not installed.
"""

import json
import pathlib
import random
import shutil
import struct
import subprocess
import wave

import imageio_ffmpeg
import numpy

HERE = pathlib.Path(__file__).parent
OUT = HERE.parent / "audio" / "clicks"
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()

SECS = 0.6
CLICKS = (0.1, 0.23, 0.41, 0.53)

# Name of the file: rate, channels, options of ffmpeg.
MP3 = "-c:a libmp3lame"
AAC = "-c:a aac -b:a 48k"
FRAGMENTS = "-movflags +frag_keyframe+empty_moov"
PICTURE = "-f lavfi -i testsrc=size=32x32:rate=5 -shortest -map 0:a -map 1:v -c:v mpeg4"
FILES = {
    "u8.wav": (8000, 1, "-c:a pcm_u8"),
    "s16.wav": (8000, 2, "-c:a pcm_s16le"),
    "s24.wav": (8000, 1, "-c:a pcm_s24le"),
    "s32.wav": (8000, 1, "-c:a pcm_s32le"),
    "f32.wav": (8000, 1, "-c:a pcm_f32le"),
    "f64.wav": (8000, 1, "-c:a pcm_f64le"),
    "alaw.wav": (8000, 1, "-c:a pcm_alaw"),
    "mulaw.wav": (8000, 1, "-c:a pcm_mulaw"),
    "adpcm_ms.wav": (16000, 1, "-c:a adpcm_ms"),
    "adpcm_ima.wav": (16000, 2, "-c:a adpcm_ima_wav"),
    "mp3_inside.wav": (16000, 1, "-c:a libmp3lame -f wav"),
    "g726.wav": (8000, 1, "-c:a g726"),
    "broadcast.bwf": (8000, 1, "-f wav -write_bext 1 -metadata description=dawn"),
    "rf64.wav": (8000, 1, "-rf64 always"),
    "wave64.w64": (8000, 1, ""),
    "s16.aiff": (8000, 1, ""),
    "sowt.aifc": (8000, 1, "-c:a pcm_s16le -f aiff"),
    "f32.aifc": (8000, 1, "-c:a pcm_f32be -f aiff"),
    "s16.au": (8000, 1, ""),
    "mulaw.au": (8000, 1, "-c:a pcm_mulaw"),
    "s16.caf": (8000, 1, ""),
    "alac.caf": (8000, 1, "-c:a alac"),
    "mono.flac": (8000, 1, "-c:a flac -frame_size 1024"),
    "stereo24.flac": (8000, 2, "-c:a flac -sample_fmt s32 -bits_per_raw_sample 24"),
    "flac.oga": (8000, 1, "-c:a flac"),
    "lossless.m4a": (8000, 1, "-c:a alac"),
    "vbr.mp3": (44100, 2, MP3 + " -q:a 6"),
    "cbr.mp3": (32000, 1, MP3 + " -b:a 48k"),
    "mpeg2.mp3": (16000, 1, MP3 + " -b:a 24k"),
    "mpeg25.mp3": (8000, 1, MP3 + " -b:a 16k"),
    "tagless.mp3": (44100, 1, MP3 + " -q:a 6 -write_xing 0"),
    "tagged.mp3": (16000, 1, MP3 + " -b:a 24k -metadata title=dawn -id3v2_version 3 -write_id3v1 1"),
    "layer2.mp2": (32000, 1, "-c:a mp2 -b:a 64k"),
    "vorbis.ogg": (16000, 2, "-c:a libvorbis -q:a 0"),
    "pages.ogg": (16000, 1, "-c:a libvorbis -q:a 0 -page_duration 1"),
    "low.aac": (16000, 1, AAC),
    "low.m4a": (16000, 2, AAC),
    "no_edit_list.m4a": (16000, 1, AAC + " -use_editlist 0"),
    "index_first.m4a": (16000, 1, AAC + " -movflags +faststart"),
    "fragments.m4a": (16000, 1, AAC + " " + FRAGMENTS),
    "mp3_inside.mp4": (16000, 1, "-c:a libmp3lame -b:a 24k"),
    "low.mov": (16000, 1, AAC),
    "s16.mov": (8000, 1, "-c:a pcm_s16le"),
    "low.3gp": (16000, 1, AAC),
    "video.mp4": (16000, 1, AAC + " " + PICTURE),
    "vorbis.mka": (16000, 1, "-c:a libvorbis -q:a 0"),
    "flac.mka": (8000, 1, "-c:a flac"),
    "s16.mka": (8000, 1, "-c:a pcm_s16le"),
    "low.mka": (16000, 1, AAC),
    "mp3.mka": (16000, 1, "-c:a libmp3lame -b:a 24k"),
    "vorbis.webm": (16000, 1, "-c:a libvorbis -q:a 0"),
    "opus.webm": (48000, 1, "-c:a libopus -b:a 24k"),
    "opus.opus": (48000, 1, "-c:a libopus -b:a 24k"),
    "speex.spx": (16000, 1, "-c:a libspeex"),
    "wavpack.wv": (8000, 1, "-c:a wavpack"),
    "tta.tta": (8000, 1, "-c:a tta"),
    "wma.wma": (16000, 1, "-c:a wmav2 -b:a 24k"),
    "ac3.ac3": (32000, 1, "-c:a ac3 -b:a 32k"),
    "video.avi": (8000, 1, "-c:a pcm_s16le " + PICTURE),
}
# Written to a pipe, which cannot be gone back in: the options need a format.
PIPED = {
    "piped.wav": (8000, 1, "-f wav"),
    "piped.w64": (8000, 1, "-f w64"),
    "piped.au": (8000, 1, "-f au"),
    "piped.caf": (8000, 1, "-f caf"),
    "piped.flac": (8000, 1, "-f flac"),
    "piped.mp3": (16000, 1, MP3 + " -q:a 6 -f mp3"),
    "piped.ogg": (16000, 1, "-c:a libvorbis -q:a 0 -f ogg"),
    "piped.m4a": (16000, 1, AAC + " -f ipod " + FRAGMENTS),
    "piped.mka": (8000, 1, "-c:a flac -f matroska"),
}
# Name: rate, options of fdkaac (5: HE-AAC, 29: HE-AAC of version 2).
HIGH = {
    "high.m4a": (32000, 1, "-p 5 -b 24k"),
    "high.aac": (32000, 1, "-p 5 -b 24k -f 2"),
    "high2.m4a": (32000, 2, "-p 29 -b 24k"),
}
WRONG = -1  # a size of all ones


def main():
    OUT.mkdir(exist_ok=True)
    for name, (rate, channels, options) in (FILES | PIPED).items():
        source = write_clicks(rate, channels)
        target = OUT / name
        plain = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
        inputs, _, rest = options.partition("-shortest")
        lavfi, options = (inputs[inputs.index("-f lavfi"):], inputs[:inputs.index("-f lavfi")] + "-shortest" + rest) if rest else ("", options)
        command = ["-i", source, *lavfi.split(), *plain, *options.split()]
        if name in PIPED:
            target.write_bytes(ffmpeg(*command, "-"))
        else:
            ffmpeg(*command, target)
        source.unlink()
    if shutil.which("fdkaac"):
        for name, (rate, channels, options) in HIGH.items():
            source = write_clicks(rate, channels)
            subprocess.run(["fdkaac", "-S", *options.split(), "-o", OUT / name, source], check=True)
            source.unlink()
    cases = []
    for path in sorted(OUT.iterdir()):
        data = path.read_bytes()
        whole = truth(path.name, data, None)
        cases += [{"file": path.name, "change": None} | whole]
        cases += [{"file": path.name, "change": change} | truth(path.name, data, change, whole) for change in changes(path.name, data)]
    lines = ",\n".join(json.dumps(case) for case in cases)
    version = ffmpeg("-version").decode().split()[2]
    (HERE / "sounds.json").write_text(f'{{"ffmpeg": "{version}", "clicks": {list(CLICKS)}, "cases": [\n{lines}\n]}}\n')


def write_clicks(rate, channels):
    """Clicks of three samples in faint noise; each further channel 7 ms later and half as loud."""
    draws = random.Random(rate)
    sound = numpy.array([[draws.randint(-40, 40) for _ in range(channels)] for _ in range(int(SECS * rate))])
    for channel in range(channels):
        for secs in CLICKS:
            at = round((secs + 0.007 * channel) * rate)
            sound[at - 1 : at + 2, channel] = numpy.array([-9000, 20000, -11000]) // (channel + 1)
    path = OUT / "source.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((channels, 2, rate, len(sound), "NONE", ""))
        out.writeframes(sound.astype("<i2").tobytes())
    return path


def ffmpeg(*arguments):
    return subprocess.run([FFMPEG, "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True, capture_output=True).stdout


def changes(name, data):
    """What people do to files: cut, join, tag, and leave sizes wrong; each a name and how it is made."""
    kind = name.rpartition(".")[2]
    headers = data.find(b"\xff\xf8", 8000) if kind == "flac" else 0  # mostly padding
    yield {"keep": headers + (len(data) - headers) * 6 // 10}
    if kind in ("mp3", "mp2", "ogg", "oga", "opus", "flac", "aac", "wav"):
        yield "twice"
    if kind in ("mp3", "flac", "aac"):
        yield {"before": (b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)).hex()}
    if kind in ("mp3", "wav", "ogg"):
        yield {"behind": (b"TAG" + bytes(125)).hex()}
    if kind in ("mp3", "mp2"):
        yield {"before": bytes(range(1, 60)).hex()}
    tag = max(data.find(b"Xing"), data.find(b"Info")) if kind == "mp3" else -1
    if tag > 0:
        start = data.rindex(b"\xff", 0, tag - 8)
        frames = struct.unpack(">I", data[tag + 8 : tag + 12])[0]
        yield {"drop": [start, start + frame_len(data[start:])]}
        yield {"put": [tag + 8, struct.pack(">I", frames // 3).hex()]}
        yield {"put": [tag + 8, struct.pack(">I", frames * 3).hex()]}
    sizes = data.find(b"data") + 4 if kind == "wav" and data.startswith(b"RIFF") else -1
    if sizes > 3 and name not in ("piped.wav", "mp3_inside.wav", "g726.wav"):
        yield {"put": [4, bytes(4).hex()]}
        yield {"put": [4, struct.pack("<I", len(data) - 16).hex()]}
        yield {"put": [sizes, bytes(4).hex()]}
        yield {"put": [sizes, bytes([255] * 4).hex()]}
        yield {"put": [sizes, struct.pack("<I", 2 * len(data)).hex()]}
    if name == "rf64.wav":
        yield {"put": [0, b"BW64".hex()]}


def frame_len(frame):
    """Bytes of a frame of layer 3."""
    version, rate = frame[1] >> 3 & 3, frame[2] >> 2 & 3
    of_one = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    of_two = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
    rate = [44100, 48000, 32000][rate] // {3: 1, 2: 2, 0: 4}[version]
    kilobits = (of_one if version == 3 else of_two)[frame[2] >> 4]
    return (144 if version == 3 else 72) * 1000 * kilobits // rate + (frame[2] >> 1 & 1)


def changed(data, change):
    match change:
        case None:
            return data
        case {"keep": length}:
            return data[:length]
        case "twice":
            return data + data
        case {"before": more}:
            return bytes.fromhex(more) + data
        case {"behind": more}:
            return data + bytes.fromhex(more)
        case {"drop": [start, end]}:
            return data[:start] + data[end:]
        case {"put": [at, some]}:
            some = bytes.fromhex(some)
            return data[:at] + some + data[at + len(some) :]


def truth(name, data, change, whole=None):
    """What ffmpeg gives, but where it departs from the format."""
    kind = name.rpartition(".")[2]
    if change == "twice" and kind in ("flac", "ogg", "oga"):
        # Joined streams: it loses frames where one ends, and goes on with the position of the first.
        again = [[at + whole["samples"], value] for at, value in whole["clicks"]]
        return whole | {"samples": 2 * whole["samples"], "clicks": whole["clicks"] + again}
    if change == "twice" and name in ("tagless.mp3", "piped.mp3"):
        # It loses the first frame behind an ID3v2 tag in the middle.
        return decoded(name, data + data[data.index(b"\xff", 10) :])
    if name == "piped.w64":
        # It takes a size that was never filled in for no sound at all.
        return decoded("wave64.w64", changed((OUT / "wave64.w64").read_bytes(), change))
    found = decoded(name, changed(data, change))
    if kind == "ogg" and "keep" not in (change or {}):
        # The position of the last page says where the sound ends, even if the page is not the first one.
        found["samples"] = min(found["samples"], round(SECS * found["rate"]))
    return found


def decoded(name, data):
    """What ffmpeg gives: as a Sun file, whose header says rate and channels."""
    path = OUT / f"changed.{name.rpartition('.')[2]}"
    path.write_bytes(data)
    command = [FFMPEG, "-v", "error", "-nostdin", "-i", path, "-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "-"]
    sound = subprocess.run(command, capture_output=True).stdout
    path.unlink()
    if len(sound) < 28:
        return {"rate": 0, "channels": 0, "samples": 0, "clicks": []}
    start, rate, channels = (struct.unpack(">I", sound[at : at + 4])[0] for at in (4, 16, 20))
    samples = numpy.frombuffer(sound[start:], ">f4").reshape(-1, channels)
    return {"rate": rate, "channels": channels, "samples": len(samples), "clicks": clicks(samples[:, 0], rate)}


def clicks(samples, rate):
    """Place and value of what is loudest within 30 ms."""
    found = []
    loud = numpy.abs(samples)
    for at in numpy.flatnonzero(loud > 0.15):
        around = loud[max(0, at - int(0.03 * rate)) : at + int(0.03 * rate) + 1]
        if loud[at] == around.max() and (not found or at - found[-1][0] > 0.03 * rate):
            found.append([int(at), round(float(samples[at]), 4)])
    return found


if __name__ == "__main__":
    main()
