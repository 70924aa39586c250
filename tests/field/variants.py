"""The ways in which people's sound files come about, each from one good recording."""

import dataclasses
import pathlib
import random
import shutil
import struct
import subprocess
import wave

VARIANTS = []


@dataclasses.dataclass
class Made:
    """A file to be read; `truth`, where given, is the file that ffmpeg is to read in its place."""

    variant: str
    path: str
    truth: str | None = None


@dataclasses.dataclass
class Variant:
    name: str
    ending: str
    write: callable

    def make(self, source, work):
        """None where this cannot be made of this source (a codec without its rate)."""
        folder = work / "made" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{source.stem}{self.ending}"
        failed = path.with_suffix(".failed")
        if failed.exists():
            return None
        if not path.exists():
            try:
                self.write(source, path)
            except (subprocess.CalledProcessError, ValueError):
                path.unlink(missing_ok=True)
                failed.touch()
                return None
        truth = path.parent / f"{path.name}.truth"
        return Made(self.name, str(path), str(truth) if truth.exists() else None)


def variant(name, ending):
    def register(write):
        VARIANTS.append(Variant(name, ending, write))
        return write

    return register


# Sources


def sources(folders, out, count):
    """Up to `count` recordings of at most 3 s as 16-bit WAV: found ones, half of them made stereo, and clicks."""
    out.mkdir(parents=True, exist_ok=True)
    found = [p for folder in folders for p in sorted(folder.rglob("*")) if p.suffix in (".wav", ".flac")]
    random.Random(0).shuffle(found)
    made = [clicks(out / f"clicks{rate}.wav", rate) for rate in (8000, 22050, 44100, 48000)][:count]
    for n, path in enumerate(found[: max(0, count - len(made))]):
        target = out / f"good{n:02}.wav"
        if not target.exists():
            rate = (None, 44100, 48000, None, 16000, 32000)[n % 6]
            resampled = ["-ar", str(rate)] if rate else []
            # The other side half as loud and 7 ms later: two channels that can be told apart.
            stereo = ["-filter_complex", "[0:a]aformat=channel_layouts=mono,asplit[a][b];[b]adelay=7,volume=0.5[c];[a][c]join=inputs=2"]
            ffmpeg("-t", "3", "-i", path, *(stereo if n % 2 else []), *resampled, "-c:a", "pcm_s16le", target)
        made.append(target)
    return made


def clicks(path, rate):
    """A click of three samples every 0.25 s in faint noise, 2 s."""
    draws = random.Random(rate)
    samples = [draws.randint(-60, 60) for _ in range(2 * rate)]
    for n in range(1, 8):
        at = n * rate // 4
        samples[at : at + 3] = [20000, -16000, 9000]
    write_wav(path, samples, rate)
    return path


def write_wav(path, samples, rate):
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, rate, len(samples), "NONE", ""))
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))


# Tools


def ffmpeg(*arguments, to=None):
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    if to is None:
        subprocess.run(command, check=True, capture_output=True)
    else:
        piped = subprocess.run(command, check=True, capture_output=True).stdout
        pathlib.Path(to).write_bytes(piped)


def by_ffmpeg(name, ending, *options):
    """Written by ffmpeg to a file that it can go back in."""
    variant(name, ending)(lambda source, path: ffmpeg("-i", source, *options, path))


def piped(name, ending, *options):
    """Written by ffmpeg to a pipe: lengths are never filled in."""
    variant(name, ending)(lambda source, path: ffmpeg("-i", source, *options, "-", to=path))


def from_bytes(name, ending, change, *options):
    """A file that ffmpeg wrote, changed."""

    def write(source, path):
        ffmpeg("-i", source, *options, path)
        path.write_bytes(change(path.read_bytes()))

    variant(name, ending)(write)


def renamed(name, ending, true_ending, *options):
    def write(source, path):
        before = path.with_suffix(".tmp" + true_ending)
        ffmpeg("-i", source, *options, before)
        before.rename(path)

    variant(name, ending)(write)


def as_if(path, truth_bytes):
    """Keeps what the file should read as."""
    (path.parent / f"{path.name}.truth").write_bytes(truth_bytes)


def half(data):
    return data[: len(data) * 6 // 10]


def twice(data):
    return data + data


# WAV and what is like it

for codec in ["u8", "s16le", "s24le", "s32le", "f32le", "f64le", "alaw", "mulaw"]:
    by_ffmpeg(f"wav-{codec}", ".wav", "-c:a", f"pcm_{codec}")
by_ffmpeg("wav-adpcm-ms", ".wav", "-c:a", "adpcm_ms")
by_ffmpeg("wav-adpcm-ima", ".wav", "-c:a", "adpcm_ima_wav")
by_ffmpeg("wav-12-channels", ".wav", "-af", "pan=12c|" + "|".join(f"c{n}=c0" for n in range(12)))
by_ffmpeg("wav-34-channels", ".wav", "-af", "pan=34c|" + "|".join(f"c{n}=c0" for n in range(34)))
by_ffmpeg("wav-broadcast", ".bwf", "-f", "wav", "-write_bext", "1", "-metadata", "description=dawn chorus")
by_ffmpeg("wav-tagged", ".wav", "-metadata", "title=dawn", "-metadata", "artist=a wren")
by_ffmpeg("wav-mp3-inside", ".wav", "-c:a", "libmp3lame", "-f", "wav")
by_ffmpeg("wav-aac-inside", ".wav", "-c:a", "aac", "-f", "wav")
by_ffmpeg("wav-gsm-adpcm-g726", ".wav", "-ac", "1", "-ar", "8000", "-c:a", "g726")
by_ffmpeg("rf64", ".rf64", "-rf64", "always", "-f", "wav")
by_ffmpeg("rf64-as-wav", ".wav", "-rf64", "always")
from_bytes("bw64", ".wav", lambda d: d.replace(b"RF64", b"BW64", 1), "-rf64", "always")
by_ffmpeg("w64", ".w64")
by_ffmpeg("w64-24", ".w64", "-c:a", "pcm_s24le")
piped("w64-piped", ".w64", "-f", "w64")
piped("wav-piped", ".wav", "-f", "wav")


def wav_change(name):
    """A change of WAV bytes after which the sound is that of the unchanged file."""

    def register(change):
        def write(source, path):
            whole = source.read_bytes()
            path.write_bytes(change(bytearray(whole), whole.index(b"data")))
            as_if(path, whole)

        variant(name, ".wav")(write)
        return change

    return register


def put(data, at, value):
    data[at : at + 4] = struct.pack("<I", value)
    return bytes(data)


wav_change("wav-data-size-0")(lambda d, at: put(d, at + 4, 0))
wav_change("wav-data-size-unknown")(lambda d, at: put(d, at + 4, 0xFFFFFFFF))
wav_change("wav-data-size-too-big")(lambda d, at: put(d, at + 4, 0x7FFFFFF0))
wav_change("wav-riff-size-0")(lambda d, at: put(d, 4, 0))
wav_change("wav-riff-size-8-short")(lambda d, at: put(d, 4, len(d) - 16))
wav_change("wav-riff-size-unknown")(lambda d, at: put(d, 4, 0xFFFFFFFF))
wav_change("wav-both-sizes-0")(lambda d, at: put(bytearray(put(d, 4, 0)), at + 4, 0))
wav_change("wav-list-behind")(lambda d, at: bytes(d) + b"LIST" + struct.pack("<I", 8) + b"INFOabcd")
wav_change("wav-rubbish-behind")(lambda d, at: bytes(d) + bytes(range(200)))
wav_change("wav-odd-chunk-before")(lambda d, at: bytes(d[:at]) + b"junk" + struct.pack("<I", 3) + b"abc\0" + bytes(d[at:]))
wav_change("wav-guano")(lambda d, at: bytes(d) + b"guan" + struct.pack("<I", 12) + b"GUANO|Versi\n")


@wav_change("wav-big-endian")
def rifx(data, at):
    fmt = data.index(b"fmt ")
    fields = struct.unpack("<HHIIHH", data[fmt + 8 : fmt + 24])
    sound = data[at + 8 :]
    sound[0::2], sound[1::2] = sound[1::2], sound[0::2]
    return (
        b"RIFX" + struct.pack(">I", 36 + len(sound)) + b"WAVEfmt " + struct.pack(">I", 16)
        + struct.pack(">HHIIHH", *fields) + b"data" + struct.pack(">I", len(sound)) + bytes(sound)
    )


from_bytes("wav-cut", ".wav", half)
from_bytes("wav-cut-in-sample", ".wav", lambda d: d[:-1])
from_bytes("wav-joined", ".wav", twice)
from_bytes("rf64-cut", ".wav", half, "-rf64", "always")
from_bytes("w64-cut", ".w64", half)

# Lossless

by_ffmpeg("flac", ".flac")
by_ffmpeg("flac-24", ".flac", "-c:a", "flac", "-sample_fmt", "s32")
piped("flac-piped", ".flac", "-f", "flac")
from_bytes("flac-tagged-id3", ".flac", lambda d: b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + d)
from_bytes("flac-cut", ".flac", half)
from_bytes("flac-joined", ".flac", twice)
by_ffmpeg("flac-in-ogg", ".oga", "-c:a", "flac")
by_ffmpeg("alac", ".m4a", "-c:a", "alac")
by_ffmpeg("alac-in-caf", ".caf", "-c:a", "alac")
by_ffmpeg("wavpack", ".wv")
by_ffmpeg("tta", ".tta")
by_ffmpeg("aiff", ".aiff")
by_ffmpeg("aifc-little-endian", ".aifc", "-f", "aiff", "-c:a", "pcm_s16le")
by_ffmpeg("aifc-float", ".aifc", "-f", "aiff", "-c:a", "pcm_f32be")
from_bytes("aiff-cut", ".aiff", half)
by_ffmpeg("au", ".au")
by_ffmpeg("au-mulaw", ".au", "-c:a", "pcm_mulaw")
piped("au-piped", ".au", "-f", "au")
by_ffmpeg("caf", ".caf")
by_ffmpeg("caf-24", ".caf", "-c:a", "pcm_s24le")
piped("caf-piped", ".caf", "-f", "caf")
from_bytes("caf-cut", ".caf", half)

# MP3

MP3 = ["-c:a", "libmp3lame", "-f", "mp3"]
by_ffmpeg("mp3-cbr", ".mp3", *MP3, "-b:a", "96k")
by_ffmpeg("mp3-vbr", ".mp3", *MP3, "-q:a", "4")
by_ffmpeg("mp3-without-length", ".mp3", *MP3, "-q:a", "4", "-write_xing", "0")
by_ffmpeg("mp3-cbr-without-length", ".mp3", *MP3, "-b:a", "64k", "-write_xing", "0")
by_ffmpeg("mp3-tagged", ".mp3", *MP3, "-metadata", "title=dawn", "-write_id3v1", "1")
by_ffmpeg("mp3-mpeg2", ".mp3", *MP3, "-ar", "22050", "-q:a", "5")
by_ffmpeg("mp3-mpeg25", ".mp3", *MP3, "-ar", "8000", "-b:a", "16k")
piped("mp3-piped", ".mp3", *MP3, "-q:a", "4")
by_ffmpeg("mp2", ".mp2", "-c:a", "mp2", "-b:a", "96k")
from_bytes("mp3-cut", ".mp3", half, *MP3, "-q:a", "4")
from_bytes("mp3-cut-without-length", ".mp3", half, *MP3, "-q:a", "4", "-write_xing", "0")
from_bytes("mp3-joined", ".mp3", twice, *MP3, "-q:a", "4")
from_bytes("mp3-joined-without-length", ".mp3", twice, *MP3, "-q:a", "4", "-write_xing", "0")
from_bytes("mp3-rubbish-before", ".mp3", lambda d: bytes(range(1, 200)) + d, *MP3)
from_bytes("mp3-rubbish-behind", ".mp3", lambda d: d + bytes(range(1, 200)) * 3, *MP3)


def wrong_length(factor):
    """The number of frames in the length tag, changed."""

    def change(data):
        at = max(data.find(b"Xing"), data.find(b"Info"))
        if at < 0:
            raise ValueError("no length tag")
        (frames,) = struct.unpack(">I", data[at + 8 : at + 12])
        return data[: at + 8] + struct.pack(">I", int(frames * factor)) + data[at + 12 :]

    return change


def wrong_length_variant(name, factor):
    def write(source, path):
        ffmpeg("-i", source, *MP3, "-q:a", "4", path)
        whole = path.read_bytes()
        path.write_bytes(wrong_length(factor)(whole))
        as_if(path, whole)

    variant(name, ".mp3")(write)


wrong_length_variant("mp3-length-too-short", 0.4)
wrong_length_variant("mp3-length-too-long", 2)


@variant("mp3-lame", ".mp3")
def lame(source, path):
    subprocess.run(["lame", "--quiet", "-V4", source, path], check=True, capture_output=True)


@variant("mp3-damaged", ".mp3")
def mp3_damaged(source, path):
    ffmpeg("-i", source, *MP3, path)
    data = bytearray(path.read_bytes())
    at = len(data) // 2
    data[at : at + 300] = bytes(300)
    path.write_bytes(data)


# Ogg

VORBIS = ["-c:a", "libvorbis", "-f", "ogg"]
by_ffmpeg("ogg", ".ogg", *VORBIS)
piped("ogg-piped", ".ogg", *VORBIS)
from_bytes("ogg-cut", ".ogg", half, *VORBIS)
from_bytes("ogg-joined", ".ogg", twice, *VORBIS)
by_ffmpeg("opus", ".opus", "-c:a", "libopus")
from_bytes("opus-joined", ".opus", twice, "-c:a", "libopus")
by_ffmpeg("speex", ".spx", "-c:a", "libspeex", "-ar", "16000", "-ac", "1")


@variant("ogg-oggenc", ".ogg")
def oggenc(source, path):
    subprocess.run(["oggenc", "-Q", "-q", "3", "-o", path, source], check=True, capture_output=True)


@variant("ogg-many-small-pages", ".ogg")
def small_pages(source, path):
    """A page for every packet."""
    ffmpeg("-i", source, *VORBIS, "-page_duration", "1", path)


@variant("ogg-joined-others", ".ogg")
def ogg_joined_others(source, path):
    """Two different recordings one after the other, as `cat` joins them."""
    ffmpeg("-i", source, *VORBIS, path)
    other = path.with_suffix(".other.ogg")
    ffmpeg("-i", source, "-af", "volume=0.5,areverse", *VORBIS, other)
    path.write_bytes(path.read_bytes() + other.read_bytes())
    other.unlink()


# MPEG-4 and its kin

AAC = ["-c:a", "aac"]
by_ffmpeg("m4a", ".m4a", *AAC)
by_ffmpeg("m4a-without-edit-list", ".m4a", *AAC, "-use_editlist", "0")
by_ffmpeg("m4a-index-first", ".m4a", *AAC, "-movflags", "+faststart")
by_ffmpeg("m4a-fragmented", ".m4a", *AAC, "-movflags", "+frag_keyframe+empty_moov")
piped("m4a-piped", ".m4a", *AAC, "-f", "ipod", "-movflags", "+frag_keyframe+empty_moov")
by_ffmpeg("mp4-mp3-inside", ".mp4", "-c:a", "libmp3lame")
by_ffmpeg("mov", ".mov", *AAC)
by_ffmpeg("mov-pcm", ".mov", "-c:a", "pcm_s16le")
by_ffmpeg("3gp", ".3gp", *AAC)
by_ffmpeg("aac", ".aac", *AAC)
from_bytes("aac-joined", ".aac", twice, *AAC)
from_bytes("aac-cut", ".aac", half, *AAC)
from_bytes("m4a-cut", ".m4a", half, *AAC)
from_bytes("m4a-cut-index-first", ".m4a", half, *AAC, "-movflags", "+faststart")


@variant("m4a-begins-later", ".m4a")
def m4a_begins_later(source, path):
    """Cut without encoding again, as phones trim: the edit list says where it begins."""
    whole = path.with_suffix(".whole.m4a")
    ffmpeg("-i", source, *AAC, whole)
    ffmpeg("-ss", "0.4", "-i", whole, "-c", "copy", path)
    whole.unlink()


def edited(length, start=None):
    """The first edit of so many milliseconds, from that sample on."""

    def change(data):
        at = data.index(b"elst") + 12
        first = data[at + 4 : at + 8] if start is None else struct.pack(">I", start)
        return data[:at] + struct.pack(">I", length) + first + data[at + 8 :]

    return change


from_bytes("m4a-edit-of-no-length", ".m4a", edited(0), *AAC)
from_bytes("m4a-edit-too-long", ".m4a", edited(100_000), *AAC)
from_bytes("m4a-edit-behind-the-end", ".m4a", edited(1000, 1_000_000), *AAC)
from_bytes("m4a-edit-in-the-middle", ".m4a", edited(150, 3000), *AAC)


@variant("mp4-video", ".mp4")
def video(source, path):
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10"]
    ffmpeg("-i", source, *picture, "-shortest", "-map", "1:v", "-map", "0:a", "-c:v", "mpeg4", *AAC, path)


@variant("avi-video", ".avi")
def avi(source, path):
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10"]
    ffmpeg("-i", source, *picture, "-shortest", "-map", "1:v", "-map", "0:a", "-c:v", "mpeg4", "-c:a", "pcm_s16le", path)


# Matroska

for codec in ["libvorbis", "flac", "pcm_s16le", "aac", "libopus", "libmp3lame"]:
    by_ffmpeg(f"mka-{codec}", ".mka", "-c:a", codec)
# So long that LAME leaves padding in the last packet but one, too.
by_ffmpeg("mka-two-paddings", ".mka", "-af", "aresample=44100,apad,atrim=end_sample=10408", "-c:a", "libmp3lame")
by_ffmpeg("webm-opus", ".webm", "-c:a", "libopus")
by_ffmpeg("webm-vorbis", ".webm", "-c:a", "libvorbis")
piped("mka-piped", ".mka", "-c:a", "flac", "-f", "matroska")
piped("mka-piped-vorbis", ".mkv", "-c:a", "libvorbis", "-f", "matroska")
from_bytes("mka-cut", ".mka", half, "-c:a", "flac")

# Others

by_ffmpeg("wma", ".wma")
by_ffmpeg("ac3", ".ac3")

# Other names

renamed("wav-called-mp3", ".mp3", ".wav")
renamed("mp3-called-wav", ".wav", ".mp3", *MP3)
renamed("wavpack-called-wav", ".wav", ".wv")
renamed("m4a-called-mp3", ".mp3", ".m4a", *AAC)
renamed("flac-without-ending", "", ".flac")
renamed("ogg-called-dat", ".dat", ".ogg", *VORBIS)


@variant("zip-with-wav-inside", ".wav")
def zipped(source, path):
    shutil.make_archive(str(path.with_suffix("")), "zip", source.parent, source.name)
    path.with_suffix(".zip").rename(path)


@variant("text-called-wav", ".wav")
def text(source, path):
    path.write_text("recorder 4, battery low\n" * 200)
