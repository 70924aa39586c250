#!/bin/sh
# Makes data/esc10 from an ESC-10 or ESC-50 tree of WAV or FLAC clips:
#
#     data/make_esc10.sh TREE
#
# TREE holds audio/ and either esc10.csv or meta/esc50.csv. Clips become Ogg Vorbis, mono, 22.05 kHz,
# quality 3 (about 45 kbit/s), 11.1 MB in all. Needs oggenc (vorbis-tools). The stream's serial number is the row
# number, so that the same encoder writes the same bytes each time. ATTRIBUTION is kept by hand.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 TREE" >&2; exit 2; }
tree=$1
here=$(cd "$(dirname "$0")" && pwd)/esc10

if [ -f "$tree/esc10.csv" ]; then table=$tree/esc10.csv; else table=$tree/meta/esc50.csv; fi
mkdir -p "$here/audio"

# Columns: filename,fold,target,category,esc10,src_file,take
tr -d '\r' < "$table" | awk -F, 'NR == 1 || $5 == "True"' > "$here/rows.tmp"
sed -E 's/^([^,]*)\.(wav|flac),/\1.ogg,/' "$here/rows.tmp" > "$here/esc10.csv"

serial=0
tail -n +2 "$here/rows.tmp" | cut -d, -f1 | while read -r clip; do
    serial=$((serial + 1))
    oggenc --quiet --serial "$serial" --quality 3 --resample 22050 \
        --output "$here/audio/${clip%.*}.ogg" "$tree/audio/$clip" < /dev/null
done
rm "$here/rows.tmp"
