#!/bin/sh
# Makes the sounds in this folder: an eighth of a second of 1 kHz, small, one file per container that `tests/audio` lacks and
# per way of writing one that a reader must tell apart. Needs ffmpeg and sox. Run in this folder.
set -eu
tone() { # channels
    echo "sine=frequency=1000:sample_rate=8000:duration=0.125,volume=4,aformat=channel_layouts=$1"
}
make() { # file layout options…
    file=$1 layout=$2
    shift 2
    ffmpeg -v error -y -f lavfi -i "$(tone "$layout")" -map_metadata -1 -fflags +bitexact -flags:a +bitexact "$@" "$file"
}
make rf64.wav mono -c:a pcm_s16le -rf64 always
make float.wav stereo -c:a pcm_f32le
make extensible.wav 5.1 -c:a pcm_s24le
make unsigned.wav mono -c:a pcm_u8
make mp3.wav mono -c:a libmp3lame -b:a 16k -ar 16000
sox -R -B float.wav -b 16 -e signed rifx.wav
make s16.w64 mono -c:a pcm_s16le
make s16.caf mono -c:a pcm_s16be
make alac.caf mono -c:a alac
make s16.au mono -c:a pcm_s16be
make alaw.au mono -c:a pcm_alaw
make float.aifc mono -c:a pcm_f32be -f aiff
make little.aifc mono -c:a pcm_s16le -f aiff
make flac.ogg mono -c:a flac -f ogg
make vorbis.mka mono -c:a libvorbis
make s16.mka stereo -c:a pcm_s16le -f matroska
make flac.mka mono -c:a flac -f matroska
make vorbis.webm mono -c:a libvorbis
make fragmented.m4a mono -c:a aac -b:a 16k -movflags frag_keyframe+empty_moov+default_base_moof
# What comes first is left to the edit list.
make whole.m4a mono -c:a aac -b:a 16k
ffmpeg -v error -y -ss 0.06 -i whole.m4a -map_metadata -1 -fflags +bitexact -c copy edits.m4a
rm whole.m4a
make vorbis.ogg mono -c:a libvorbis
cat vorbis.ogg vorbis.ogg > chained.ogg
rm vorbis.ogg
make tagless.mp3 mono -ar 16000 -c:a libmp3lame -b:a 16k -write_xing 0 -id3v2_version 0
make tagged.mp3 mono -ar 16000 -c:a libmp3lame -b:a 16k -metadata title=tone -write_id3v1 1
cat tagged.mp3 tagged.mp3 > joined.mp3
make stereo.aac stereo -ar 16000 -c:a aac -b:a 24k
