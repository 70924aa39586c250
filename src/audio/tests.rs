//! Whole files: every encoding, and every way in which a file can be bad.

use super::*;
use proptest::prelude::*;
use std::{
    f64::consts::TAU,
    fs,
    path::{Path, PathBuf},
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/audio")
        .join(name)
}

fn hz(rate: u32) -> SampleRate {
    SampleRate::new(rate).unwrap()
}

fn read_all(path: &Path) -> Result<Waveform, AudioError> {
    AudioReader::open(path)?.read_all()
}

/// Amplitude of the 1 kHz tone in the middle half of a channel, and the RMS of everything else there.
fn tone(samples: &[f32], rate: SampleRate) -> (f64, f64) {
    // Whole milliseconds hold whole periods.
    let period = rate.hz() as usize / 100;
    let start = samples.len() / 4;
    let middle = &samples[start..start + samples.len() / 2 / period * period];
    let phase = |i: usize| TAU * 1000.0 * i as f64 / f64::from(rate.hz());
    let scale = 2.0 / middle.len() as f64;
    let sum = |f: fn(f64) -> f64| {
        middle
            .iter()
            .enumerate()
            .map(|(i, &x)| f64::from(x) * f(phase(i)))
            .sum::<f64>()
            * scale
    };
    let (re, im) = (sum(f64::cos), sum(f64::sin));
    let rest = middle
        .iter()
        .enumerate()
        .map(|(i, &x)| (f64::from(x) - re * phase(i).cos() - im * phase(i).sin()).powi(2));
    (
        re.hypot(im),
        (rest.sum::<f64>() / middle.len() as f64).sqrt(),
    )
}

/// A WAV file with the given `fmt ` fields and data.
fn wav(format_tag: u16, bits: u16, channels: u16, rate: u32, data: &[u8]) -> Vec<u8> {
    let align = channels.wrapping_mul(bits / 8);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0");
    bytes.extend(format_tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend(rate.wrapping_mul(u32::from(align)).to_le_bytes());
    bytes.extend(align.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// 16-bit mono WAV of a slow ramp.
fn ramp_wav(len: usize, rate: u32) -> Vec<u8> {
    let data: Vec<u8> = (0..len)
        .flat_map(|i| ((i % 20_000) as i16 - 10_000).to_le_bytes())
        .collect();
    wav(1, 16, 1, rate, &data)
}

fn written(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.bin"); // the content decides, not the extension
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn read_bytes(bytes: &[u8]) -> Result<Waveform, AudioError> {
    let (_folder, path) = written(bytes);
    read_all(&path)
}

#[test]
fn every_encoding_gives_the_tone_that_was_encoded() {
    // name, rate, channels, samples, how far the amplitude may be off, how much noise there may be; both as wide as
    // the encoding is coarse
    let mono = 0.5;
    let stereo = 0.5 / 2_f64.sqrt(); // the encoder's centre is 3 dB down
    let lame = 0.95; // LAME turns sound down before it encodes
    let cases = [
        ("mono.flac", 22_050, 1, 11_025..=11_025, mono, 0.001, 0.001),
        (
            "stereo.flac",
            16_000,
            2,
            8_000..=8_000,
            stereo,
            0.001,
            0.001,
        ),
        ("stereo.ogg", 32_000, 2, 16_000..=16_000, stereo, 0.02, 0.02),
        (
            "mono.mp3",
            44_100,
            1,
            22_050..=22_050,
            mono * lame,
            0.02,
            0.02,
        ),
        (
            "stereo.mp3",
            48_000,
            2,
            24_000..=24_000,
            stereo * lame,
            0.02,
            0.02,
        ),
        ("mono.m4a", 44_100, 1, 22_050..=25_000, mono, 0.02, 0.02),
        ("mono.aac", 44_100, 1, 22_050..=25_000, mono, 0.02, 0.02),
        ("lossless.m4a", 16_000, 1, 8_000..=8_000, mono, 0.001, 0.001),
        ("adpcm_ms.wav", 22_050, 1, 11_025..=12_500, mono, 0.02, 0.02),
        (
            "adpcm_ima.wav",
            11_025,
            2,
            5_512..=6_500,
            stereo,
            0.02,
            0.02,
        ),
        ("alaw.wav", 8_000, 1, 4_000..=4_000, mono, 0.02, 0.02),
        ("mulaw.wav", 8_000, 1, 4_000..=4_000, mono, 0.02, 0.02),
        ("s16.aiff", 16_000, 1, 8_000..=8_000, mono, 0.001, 0.001),
        ("s24.aiff", 8_000, 1, 4_000..=4_000, mono, 0.001, 0.001),
    ];
    for (name, rate, channels, len, amplitude, off, noise) in cases {
        let sound = read_all(&fixture(name)).unwrap();
        assert_eq!(sound.sample_rate().hz(), rate, "{name}");
        assert_eq!(sound.channels().len(), channels, "{name}");
        assert!(
            len.contains(&sound.len()),
            "{name}: {} samples",
            sound.len()
        );
        for channel in sound.channels() {
            let (found, rest) = tone(channel, sound.sample_rate());
            assert!((found - amplitude).abs() < off, "{name}: amplitude {found}");
            assert!(rest < noise, "{name}: noise {rest}");
        }
    }
}

#[test]
fn integers_and_floats_of_every_width_keep_their_values() {
    let halves = [0.0, 0.5, -0.5, -1.0];
    let cases: [(&str, Vec<u8>); 6] = [
        ("8", wav(1, 8, 1, 8000, &[128, 192, 64, 0])),
        (
            "16",
            wav(
                1,
                16,
                1,
                8000,
                &[0_i16, 1 << 14, -1 << 14, i16::MIN]
                    .map(i16::to_le_bytes)
                    .concat(),
            ),
        ),
        (
            "24",
            wav(
                1,
                24,
                1,
                8000,
                &[0, 0, 0, 0, 0, 0x40, 0, 0, 0xc0, 0, 0, 0x80],
            ),
        ),
        (
            "32",
            wav(
                1,
                32,
                1,
                8000,
                &[0_i32, 1 << 30, -1 << 30, i32::MIN]
                    .map(i32::to_le_bytes)
                    .concat(),
            ),
        ),
        (
            "f32",
            wav(
                3,
                32,
                1,
                8000,
                &[0.0_f32, 0.5, -0.5, -1.0].map(f32::to_le_bytes).concat(),
            ),
        ),
        (
            "f64",
            wav(
                3,
                64,
                1,
                8000,
                &[0.0_f64, 0.5, -0.5, -1.0].map(f64::to_le_bytes).concat(),
            ),
        ),
    ];
    for (name, bytes) in cases {
        assert_eq!(
            read_bytes(&bytes).unwrap().channels(),
            [halves],
            "{name} bits"
        );
    }
}

#[test]
fn floats_beyond_full_scale_are_kept() {
    let bytes = wav(
        3,
        32,
        1,
        8000,
        &[3.5_f32, -20_000.0].map(f32::to_le_bytes).concat(),
    );
    assert_eq!(read_bytes(&bytes).unwrap().channels(), [[3.5, -20_000.0]]);
}

#[test]
fn channels_keep_their_order_and_mono_is_their_mean() {
    let frame = [0_i16, 4096, 8192, 12_288, 16_384, -4096];
    let data: Vec<u8> = frame
        .repeat(3000)
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let (_folder, path) = written(&wav(1, 16, 6, 8000, &data));
    let sound = read_all(&path).unwrap();
    for (channel, value) in sound.channels().iter().zip(frame) {
        assert_eq!(channel, &vec![f32::from(value) / 32768.0; 3000]);
    }
    let mono = read_mono(&path, hz(8000)).unwrap();
    assert_eq!(mono.channels(), [vec![0.1875; 3000]]); // (0 + 1 + 2 + 3 + 4 − 1) / 8 / 6
    let stereo = read_stereo(&path, hz(8000)).unwrap();
    assert_eq!(stereo.channels(), [vec![0.0; 3000], vec![0.125; 3000]]);
}

#[test]
fn two_channels_are_kept_apart_at_any_rate_and_one_stays_one() {
    let data: Vec<u8> = (0..16_000_i16)
        .flat_map(|n| [n % 100, 2 * (n % 100)])
        .flat_map(i16::to_le_bytes)
        .collect();
    let (_folder, path) = written(&wav(1, 16, 2, 8000, &data));
    let whole = read_stereo(&path, hz(16_000)).unwrap();
    let [left, right] = whole.channels() else {
        panic!("{} channels", whole.channels().len());
    };
    assert_eq!(left.len(), 32_000);
    assert!(
        left.iter()
            .zip(right)
            .all(|(l, r)| (2.0 * l - r).abs() < 1e-6)
    );
    let part = read_stereo_span(&path, hz(16_000), (0.5, 0.75)).unwrap();
    assert_eq!(part.channels()[0], left[8000..12_000]);
    assert_eq!(part.channels()[1], right[8000..12_000]);
    let late = read_stereo_span(&path, hz(16_000), (3.0, 4.0)).unwrap_err();
    assert!(late.to_string().contains('3'), "{late}");

    let one = read_stereo(fixture("piped.wav"), hz(8000)).unwrap();
    assert_eq!(one.channels().len(), 1);
}

#[test]
fn a_wav_written_to_a_pipe_ends_where_its_data_ends() {
    let sound = read_all(&fixture("piped.wav")).unwrap();
    assert_eq!(sound.len(), 4000);
}

#[test]
fn bad_files_give_an_error_with_name_and_reason() {
    let nan = wav(
        3,
        32,
        1,
        8000,
        &[0.0, f32::NAN].map(f32::to_le_bytes).concat(),
    );
    let infinite = wav(
        3,
        64,
        1,
        8000,
        &[0.0, f64::INFINITY].map(f64::to_le_bytes).concat(),
    );
    let cases: [(&str, Vec<u8>, &str); 14] = [
        ("empty", vec![], "is empty (0 bytes)"),
        (
            "text",
            b"this is not a sound, it is a sentence. ".repeat(50),
            "is not a sound file",
        ),
        (
            "png",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01".to_vec(),
            "is not a sound file",
        ),
        ("zeros", vec![0; 4096], "is not a sound file"),
        (
            "header cut off",
            ramp_wav(100, 8000)[..30].to_vec(),
            "is cut off: 0.000 s can be read",
        ),
        (
            "header of FLAC cut off",
            fs::read(fixture("mono.flac")).unwrap()[..20].to_vec(),
            "is cut off: 0.000 s can be read",
        ),
        (
            "nonsense in the header",
            wav(1, 13, 1, 8000, &[0; 64]),
            "broken header",
        ),
        ("no channel", wav(1, 16, 0, 8000, &[0; 64]), "channel"),
        (
            "too many channels",
            wav(1, 8, 60_000, 8000, &[0; 60_000]),
            "has 60000 channels",
        ),
        ("rate 0", wav(1, 16, 1, 0, &[0; 64]), "sample rate of 0 Hz"),
        (
            "rate of 4 GHz",
            wav(1, 16, 1, u32::MAX, &[0; 64]),
            "sample rate of 4294967295 Hz",
        ),
        ("no samples", wav(1, 16, 1, 8000, &[]), "holds no samples"),
        ("NaN", nan, "a sample of value NaN after 0.000 s"),
        ("infinite", infinite, "a sample of value inf after 0.000 s"),
    ];
    for (name, bytes, reason) in cases {
        let (_folder, path) = written(&bytes);
        for result in [read_all(&path), read_mono(&path, hz(16_000))] {
            let message = result.expect_err(name).to_string();
            assert!(message.contains("clip.bin: "), "{name}: {message}");
            assert!(message.contains(reason), "{name}: {message}");
        }
    }
}

#[test]
fn what_is_no_readable_file_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| AudioReader::open(path).unwrap_err().to_string();
    assert!(message(folder.path()).ends_with("is not a regular file"));
    let missing = message(&folder.path().join("missing.wav"));
    assert!(
        missing.contains("missing.wav: cannot be read: No such file"),
        "{missing}"
    );
}

#[test]
fn cut_off_files_tell_how_much_can_be_read_and_give_it() {
    let names = ["stereo.flac", "piped.wav", "adpcm_ms.wav", "s16.aiff"];
    for name in names {
        let mut bytes = fs::read(fixture(name)).unwrap();
        if name == "piped.wav" {
            let riff = (bytes.len() as u32 - 8).to_le_bytes();
            bytes[4..8].copy_from_slice(&riff);
            let data = (bytes.len() as u32 - 44).to_le_bytes();
            bytes[40..44].copy_from_slice(&data);
        }
        bytes.truncate(bytes.len() * 7 / 10);
        let (_folder, path) = written(&bytes);
        let mut reader = AudioReader::open(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut len = 0;
        while let Some(block) = reader.next_block().unwrap() {
            len += block[0].len();
        }
        let given = len as f64 / f64::from(reader.sample_rate().hz());
        assert!((0.2..0.4).contains(&given), "{name}: {given} s given");
        match reader.remarks() {
            [
                ReadRemark::CutOff {
                    read_secs,
                    promised_secs: Some(promised),
                },
            ] => {
                assert!((read_secs - given).abs() < 0.05, "{name}: {read_secs}");
                assert!((0.49..0.57).contains(promised), "{name}: {promised}");
            }
            other => panic!("{name}: {other:?}"),
        }
        let told = take_remarks();
        let of_file: Vec<_> = told.iter().filter(|(file, _)| *file == path).collect();
        assert!(matches!(of_file[..], [(_, remarks)] if remarks == reader.remarks()));
    }
}

#[test]
fn what_we_do_not_decode_goes_through_ffmpeg_or_is_named() {
    match read_all(&fixture("opus.ogg")) {
        Ok(sound) => {
            assert_eq!((sound.len(), sound.sample_rate().hz()), (24_000, 48_000));
            let (amplitude, rest) = tone(&sound.channels()[0], sound.sample_rate());
            assert!(
                (amplitude - 0.5).abs() < 0.05 && rest < 0.05,
                "{amplitude} {rest}"
            );
        }
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.contains("is Opus, which only the program `ffmpeg` can decode"),
                "{text}"
            );
        }
    }
}

#[test]
fn a_recording_too_long_for_memory_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zeros.wav");
    let bytes = wav(1, 16, 1, 48_000, &[]);
    fs::write(&path, bytes).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(3_000_000_000).unwrap(); // sparse: nothing is written
    for error in [
        read_mono(&path, hz(48_000)).unwrap_err(),
        read_all(&path).unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("too long to be read at once"),
            "{error}"
        );
    }
}

/// What comes of a WAV's bytes: samples, and its remarks.
fn read_remarked(bytes: &[u8]) -> (Vec<f32>, Vec<ReadRemark>) {
    let (_folder, path) = written(bytes);
    let mut reader = AudioReader::open(&path).unwrap();
    let mut samples = Vec::new();
    while reader.next_block_mono(&mut samples).unwrap() {}
    (samples, reader.remarks().to_vec())
}

#[test]
fn a_wav_with_wrong_sizes_is_read_to_its_end_with_a_remark() {
    let whole = ramp_wav(16_000, 8000);
    let (expected, none) = read_remarked(&whole);
    assert_eq!((expected.len(), none.len()), (16_000, 0));
    let with = |at: usize, size: u32| {
        let mut bytes = whole.clone();
        bytes[at..at + 4].copy_from_slice(&size.to_le_bytes());
        bytes
    };
    for riff in [0, 0x23, 32_028, u32::MAX] {
        let (part, read_secs) = ("RIFF", 2.0);
        let remark = ReadRemark::WrongSize { part, read_secs };
        let told = read_remarked(&with(4, riff));
        assert_eq!(told, (expected.clone(), vec![remark]), "RIFF {riff}");
    }
    for unfilled in [0, 0x7fff_f000, 0x8000_0000, u32::MAX] {
        let (samples, remarks) = read_remarked(&with(40, unfilled));
        assert_eq!(samples, expected);
        assert_eq!(remarks, [ReadRemark::NoLength { read_secs: 2.0 }]);
    }
    let (samples, remarks) = read_remarked(&with(40, 16_000));
    assert_eq!(samples, expected);
    assert_eq!(
        remarks,
        [ReadRemark::LongerThanStated {
            read_secs: 2.0,
            stated_secs: 1.0
        }]
    );
    let (samples, remarks) = read_remarked(&with(40, 64_000));
    assert_eq!(samples, expected);
    assert_eq!(
        remarks,
        [ReadRemark::CutOff {
            read_secs: 2.0,
            promised_secs: Some(4.0)
        }]
    );
}

#[test]
fn a_list_that_lies_and_missing_padding_do_not_hide_the_samples() {
    let whole = ramp_wav(800, 8000);
    let expected = read_remarked(&whole).0;
    let lying = b"LIST\x0e\0\0\0INFOICMT\xff\xff\xff\0ab".to_vec(); // the comment claims 16 MB
    let told = ReadRemark::WrongSize {
        part: "LIST",
        read_secs: 0.1,
    };
    let honest = b"LIST\x14\0\0\0INFOICMT\x03\0\0\0ab\0\0ISFT".to_vec();
    let unpadded = b"note\x03\0\0\0abc".to_vec();
    let padded = b"note\x03\0\0\0abc\0".to_vec();
    for (chunk, remarks) in [
        (lying, vec![told]),
        (honest, vec![]),
        (unpadded, vec![]),
        (padded, vec![]),
    ] {
        let before = [&whole[..36], &chunk, &whole[36..]].concat();
        let before = with_riff_size(before);
        assert_eq!(read_remarked(&before), (expected.clone(), remarks));
        let behind = with_riff_size([&whole[..], &chunk].concat());
        assert_eq!(read_remarked(&behind), (expected.clone(), vec![]));
    }
}

/// With the size after `RIFF` that the file has.
fn with_riff_size(mut bytes: Vec<u8>) -> Vec<u8> {
    let size = bytes.len() as u32 - 8;
    bytes[4..8].copy_from_slice(&size.to_le_bytes());
    bytes
}

/// The WAV as RF64, BW64, RIFX and Wave64.
fn dialects(whole: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let samples = &whole[44..];
    let long = |magic: &[u8]| {
        let mut bytes = [magic, &[0xff; 4], b"WAVEds64\x1c\0\0\0"].concat();
        for size in [whole.len() as u64 + 28, samples.len() as u64, 0] {
            bytes.extend(size.to_le_bytes());
        }
        bytes.extend([0; 4]);
        bytes.extend(&whole[12..40]);
        bytes.extend([0xff; 4]);
        bytes.extend(samples);
        bytes
    };
    let mut rifx =
        b"RIFX....WAVEfmt \0\0\0\x10\0\x01\0\x01\0\0\x1f\x40\0\0\x3e\x80\0\x02\0\x10data".to_vec();
    rifx[4..8].copy_from_slice(&(36 + samples.len() as u32).to_be_bytes());
    rifx.extend((samples.len() as u32).to_be_bytes());
    rifx.extend(
        samples
            .chunks_exact(2)
            .flat_map(|sample| [sample[1], sample[0]]),
    );
    let name = |four: &[u8], rest: &[u8]| [four, rest].concat();
    const RIFF: &[u8] = b"\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00";
    const OTHERS: &[u8] = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a";
    let mut w64 = name(b"riff", RIFF);
    w64.extend((40 + 40 + 24 + samples.len() as u64).to_le_bytes());
    w64.extend(name(b"wave", OTHERS));
    w64.extend(name(b"fmt ", OTHERS));
    w64.extend(40_u64.to_le_bytes());
    w64.extend(&whole[20..36]);
    w64.extend(name(b"data", OTHERS));
    w64.extend((24 + samples.len() as u64).to_le_bytes());
    w64.extend(samples);
    vec![
        ("RF64", long(b"RF64")),
        ("BW64", long(b"BW64")),
        ("RIFX", rifx),
        ("W64", w64),
    ]
}

#[test]
fn long_and_big_endian_wavs_are_read() {
    let whole = ramp_wav(20_000, 8000);
    let expected = read_remarked(&whole).0;
    for (name, bytes) in dialects(&whole) {
        let (samples, remarks) = read_remarked(&bytes);
        assert!(samples == expected, "{name}");
        assert_eq!(remarks, [], "{name}");
    }
}

#[test]
fn forty_channels_are_read() {
    let data: Vec<u8> = (0..40_i16 * 100)
        .flat_map(|n| (n % 40).to_le_bytes())
        .collect();
    let sound = read_bytes(&wav(1, 16, 40, 8000, &data)).unwrap();
    assert_eq!((sound.channels().len(), sound.len()), (40, 100));
    assert!(sound.channels()[39].iter().all(|&x| x == 39.0 / 32_768.0));
}

#[test]
fn joined_files_give_the_sum_of_their_parts() {
    // MP3 as ffmpeg: behind the first part, the tag, delay and padding of the others are decoded as any frame.
    for (name, both) in [
        ("stereo.flac", 16_000),
        ("mono.flac", 22_050),
        ("stereo.ogg", 32_000),
        ("mono.aac", 47_104),
        ("mono.mp3", 47_279),
    ] {
        let once = fs::read(fixture(name)).unwrap();
        let (_folder, path) = written(&once.repeat(2));
        let sound = read_all(&path).unwrap();
        assert_eq!(sound.len(), both, "{name}");
        assert_eq!(
            AudioReader::counted_len(&path).unwrap().0,
            both as u64,
            "{name}"
        );
    }
}

#[test]
fn edit_lists_cut_off_the_delay_of_encoders() {
    // As many samples as ffmpeg gives: the packet in which the edit ends is given whole.
    assert_eq!(read_all(&fixture("mono.m4a")).unwrap().len(), 22_528);
    let mut bytes = fs::read(fixture("mono.m4a")).unwrap();
    let elst = bytes.windows(4).position(|four| four == b"elst").unwrap();
    bytes[elst - 8..elst - 4].copy_from_slice(b"\0\0\0\x24");
    bytes[elst..elst + 4].copy_from_slice(b"free");
    assert_eq!(read_bytes(&bytes).unwrap().len(), 23_552);
}

#[test]
fn an_edit_list_that_promises_what_is_not_there_is_remarked() {
    let bytes = fs::read(fixture("mono.m4a")).unwrap();
    let at = bytes.windows(4).position(|four| four == b"elst").unwrap() + 12;
    let with = |millis: u32, start: u32| {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&millis.to_be_bytes());
        bytes[at + 4..at + 8].copy_from_slice(&start.to_be_bytes());
        let (samples, remarks) = read_remarked(&bytes);
        (samples.len(), remarks)
    };
    assert_eq!(with(500, 1024), (22_528, vec![]));
    // Lengths that count in the delay are no reason for a word, and neither is an end in the last packet.
    assert_eq!(with(535, 1024), (22_528, vec![]));
    let read_secs = 22_528.0 / 44_100.0;
    let promised_secs = Some(5.0);
    let short = ReadRemark::CutOff {
        read_secs,
        promised_secs,
    };
    assert_eq!(with(5000, 1024), (22_528, vec![short]));
    let (from_secs, held_secs) = (30_000.0 / 44_100.0, 23_552.0 / 44_100.0);
    let nothing = ReadRemark::NothingKept {
        from_secs,
        held_secs,
    };
    assert_eq!(with(500, 30_000), (0, vec![nothing]));
    let stated_secs = 0.0;
    let unstated = ReadRemark::LongerThanStated {
        read_secs,
        stated_secs,
    };
    assert_eq!(with(0, 1024), (22_528, vec![unstated]));
}

#[test]
fn each_packet_of_a_matroska_loses_its_own_padding() {
    // LAME leaves 7 samples too many in the last packet but one, and nothing but padding in the last; so does ffmpeg count.
    let sound = read_all(&fixture("two_paddings.mka")).unwrap();
    assert_eq!(sound.len(), 6952 + 1105);
}

#[test]
fn a_damaged_frame_of_flac_is_silence_and_the_rest_stays_in_its_place() {
    let bytes = fs::read(fixture("clicks/mono.flac")).unwrap(); // frames of 1024 samples
    let (whole, _) = read_remarked(&bytes);
    let third = bytes
        .windows(5)
        .position(|five| five[..2] == [0xff, 0xf8] && five[4] == 2)
        .unwrap();
    let mut damaged = bytes.clone();
    damaged[third + 100..third + 140].fill(0);
    let (samples, remarks) = read_remarked(&damaged);
    assert_eq!(samples.len(), whole.len());
    assert_eq!(samples[..2048], whole[..2048]);
    assert!(samples[2048..3072].iter().all(|&x| x == 0.0));
    assert_eq!(samples[3072..], whole[3072..]);
    assert!(
        matches!(remarks[..], [ReadRemark::Damaged { at_secs, lost_secs, .. }] if at_secs == 0.256 && lost_secs == 0.128),
        "{remarks:?}"
    );
    let (_folder, path) = written(&damaged);
    assert_eq!(AudioReader::counted_len(&path).unwrap().0, 4800);
}

#[test]
fn a_wav_inside_another_file_is_not_taken_for_it() {
    let inside = ramp_wav(4000, 8000);
    for (outside, name) in [(&b"wvpk"[..], "WavPack"), (b"PK\x03\x04", "ZIP")] {
        let message = read_bytes(&[outside, &[0; 60], &inside].concat())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(name) || message.contains("ffmpeg"),
            "{message}"
        );
    }
}

#[test]
fn an_mp3_without_or_with_a_wrong_tag_is_read_to_its_end() {
    let bytes = fs::read(fixture("mono.mp3")).unwrap();
    let info = bytes
        .windows(4)
        .position(|four| matches!(four, b"Info" | b"Xing"))
        .unwrap();
    let whole = read_bytes(&bytes).unwrap().len();
    let mut few = bytes.clone();
    few[info + 8..info + 12].copy_from_slice(&3_u32.to_be_bytes());
    few[info + 12..info + 16].copy_from_slice(&700_u32.to_be_bytes());
    assert!(
        read_bytes(&few).unwrap().len() >= whole,
        "a tag that says less"
    );
    let mut many = bytes.clone();
    many[info + 8..info + 12].copy_from_slice(&300_u32.to_be_bytes());
    let (samples, remarks) = read_remarked(&many);
    assert!(samples.len() >= whole);
    assert!(
        matches!(remarks[..], [ReadRemark::CutOff { .. }]),
        "{remarks:?}"
    );
    let mut untagged = bytes;
    untagged[info..info + 4].copy_from_slice(b"none");
    assert!(read_bytes(&untagged).unwrap().len() > whole);
}

#[test]
fn blocks_joined_are_the_whole_file() {
    for (name, rate) in [
        ("mono.flac", 16_000),
        ("stereo.ogg", 32_000),
        ("stereo.mp3", 22_050),
    ] {
        let mut reader = MonoReader::open(fixture(name))
            .unwrap()
            .at_rate(hz(rate))
            .unwrap();
        let mut joined = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            assert!(!block.is_empty());
            joined.extend_from_slice(block);
        }
        let whole = read_mono(fixture(name), hz(rate)).unwrap();
        assert_eq!(whole.channels(), [joined], "{name}");
        let by_hand = read_all(&fixture(name))
            .unwrap()
            .mix_down()
            .resampled(hz(rate))
            .unwrap();
        assert_eq!(whole, by_hand, "{name}");
        let (counted, from) = AudioReader::counted_len(fixture(name)).unwrap();
        let counted = counted * u64::from(rate) / u64::from(from.hz());
        assert!(counted.abs_diff(whole.len() as u64) <= 1, "{name}");
    }
}

#[test]
fn a_span_is_that_part_of_the_file() {
    let path = fixture("mono.flac"); // 0.5 s
    for rate in [22_050, 16_000] {
        let whole = read_mono(&path, hz(rate)).unwrap();
        let at = |secs: f64| (secs * f64::from(rate)).round() as usize;
        for (onset, offset) in [
            (0.0, 0.5),
            (0.1, 0.2),
            (0.123, 0.4567),
            (0.3, 9.0),
            (0.0, 0.01),
        ] {
            let part = read_mono_span(&path, hz(rate), (onset, offset)).unwrap();
            let expected = &whole.channels()[0][at(onset)..at(offset).min(whole.len())];
            assert_eq!(
                part.channels()[0],
                expected,
                "{onset} to {offset} s at {rate} Hz"
            );
        }
    }
    let message = read_mono_span(&path, hz(16_000), (0.6, 0.7))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("ends at 0.500 s, before the wanted part from 0.600 to 0.700 s"),
        "{message}"
    );
}

#[test]
fn bundled_clips_have_their_five_seconds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/esc10/audio");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 400);
    for path in paths.iter().step_by(40) {
        let sound = read_all(path).unwrap();
        assert_eq!(
            (sound.len(), sound.sample_rate().hz()),
            (110_250, 22_050),
            "{}",
            path.display()
        );
    }
}

/// Against soxr on a real recording without sound in the transition bands, where any two resamplers differ. What is left
/// is the ripple of soxr's HQ (some −90 dB) and 16-bit noise in the transition bands: −80 dB of full scale is allowed.
#[test]
fn agrees_with_soxr_on_a_real_recording() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/resample.json");
    let golden: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f32> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_f64().unwrap() as f32)
            .collect()
    };
    let from = hz(golden["from"].as_u64().unwrap() as u32);
    for case in golden["cases"].as_array().unwrap() {
        let to = hz(case["to"].as_u64().unwrap() as u32);
        let input = numbers(&case["input_i16"])
            .iter()
            .map(|x| x / 32768.0)
            .collect();
        let ours = Waveform::mono(input, from).resampled(to).unwrap();
        let stride = case["stride"].as_u64().unwrap() as usize;
        for peer in ["soxr_vhq", "librosa_soxr_hq"] {
            let theirs = numbers(&case[peer]);
            assert_eq!(theirs.len(), ours.len().div_ceil(stride));
            let pairs = theirs.iter().zip(ours.channels()[0].iter().step_by(stride));
            let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-4, "{from} → {to}, {peer}: {worst}");
        }
    }
}

/// A valid file of each format, short, to be damaged.
fn victims() -> Vec<Vec<u8>> {
    let names = [
        "mono.flac",
        "stereo.flac",
        "stereo.ogg",
        "mono.mp3",
        "mono.m4a",
        "mono.aac",
        "lossless.m4a",
        "adpcm_ms.wav",
        "adpcm_ima.wav",
        "alaw.wav",
        "mulaw.wav",
        "s16.aiff",
        "piped.wav",
    ];
    names
        .iter()
        .map(|name| fs::read(fixture(name)).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    /// Sound or an error that names the file, never a panic: with overflow checks on, some decoders have one, which
    /// is caught and is an error like any other.
    #[test]
    fn damaged_files_never_panic(
        which in any::<prop::sample::Index>(),
        header_bytes in prop::collection::vec((0_usize..200, any::<u8>()), 0..4),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 0..6),
        keep in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = which.get(&victims()).clone();
        for (at, byte) in header_bytes {
            if let Some(target) = bytes.get_mut(at) {
                *target = byte;
            }
        }
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Some(keep) = keep {
            bytes.truncate(keep.index(bytes.len()));
        }
        let (_folder, path) = written(&bytes);
        match read_mono(&path, hz(16_000)) {
            Ok(sound) => prop_assert!(sound.channels()[0].iter().all(|x| x.is_finite())),
            Err(error) => {
                let text = error.to_string();
                prop_assert!(text.contains("clip.bin") || text.contains("cannot resample"), "{}", text)
            }
        }
    }
}
