#!/bin/sh
# Makes the fixtures in this folder: half a second of 1 kHz at 0.5 of full scale, one file per encoding.
# Needs ffmpeg with its own encoders. Run in this folder.
set -eu
tone() { # channels rate
    echo "sine=frequency=1000:sample_rate=$2:duration=0.5,volume=4,aformat=channel_layouts=$1"
}
make() { # file layout rate options…
    file=$1 layout=$2 rate=$3
    shift 3
    ffmpeg -v error -y -f lavfi -i "$(tone "$layout" "$rate")" -map_metadata -1 -fflags +bitexact -flags:a +bitexact "$@" "$file"
}
make mono.mp3 mono 44100 -c:a libmp3lame -b:a 64k
make stereo.mp3 stereo 48000 -c:a libmp3lame -b:a 96k
make mono.m4a mono 44100 -c:a aac -b:a 64k
make lossless.m4a mono 16000 -c:a alac
make mono.aac mono 44100 -c:a aac -b:a 64k
make mono.flac mono 22050 -c:a flac
make stereo.flac stereo 16000 -c:a flac
make stereo.ogg stereo 32000 -c:a libvorbis -q:a 3
make adpcm_ms.wav mono 22050 -c:a adpcm_ms
make adpcm_ima.wav stereo 11025 -c:a adpcm_ima_wav
make alaw.wav mono 8000 -c:a pcm_alaw
make mulaw.wav mono 8000 -c:a pcm_mulaw
make opus.ogg mono 48000 -c:a libopus -b:a 32k
make s16.aiff mono 16000 -c:a pcm_s16be
make s24.aiff mono 8000 -c:a pcm_s24be
make two_paddings.mka mono 16000 -c:a libmp3lame -b:a 24k -af atrim=end_sample=6952
ffmpeg -v error -f lavfi -i "$(tone mono 8000)" -fflags +bitexact -f wav pipe:1 > piped.wav < /dev/null
