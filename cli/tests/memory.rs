//! What hostile files take of the memory: measured on the program.
#![cfg(target_os = "linux")]

mod clips;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The program with libtorch takes a ninth of a gigabyte to start.
const MOST_MIB: u64 = 400;

/// Exit code, what it says on stderr, and the largest memory in MiB, as the system counts it (`VmHWM`).
fn peak(desk: &Path, arguments: &[&str]) -> (i32, String, u64) {
    let errors = desk.join("errors.txt");
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("chiffchaff"))
        .current_dir(desk)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(File::create(&errors).unwrap())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0) / 1024);
        if let Some(status) = child.try_wait().unwrap() {
            let said = fs::read_to_string(&errors).unwrap();
            return (status.code().unwrap(), said, peak);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The model that is built in, with another card.
fn with_card(desk: &Path, change: impl Fn(&mut serde_json::Value)) -> PathBuf {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/calls.safetensors");
    let bytes = fs::read(model).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let (header, numbers) = bytes[8..].split_at(length);
    let mut header: serde_json::Value = serde_json::from_slice(header).unwrap();
    let card = &mut header["__metadata__"]["chiffchaff"];
    let mut changed = serde_json::from_str(card.as_str().unwrap()).unwrap();
    change(&mut changed);
    *card = changed.to_string().into();
    let mut header = header.to_string();
    header += &" ".repeat(header.len().next_multiple_of(8) - header.len());
    let path = desk.join("hostile.safetensors");
    let mut file = File::create(&path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.write_all(numbers).unwrap();
    path
}

#[test]
fn a_small_model_that_declares_a_wide_network_is_refused_before_it_is_built() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    let export = |change: &dyn Fn(&mut serde_json::Value)| {
        with_card(desk, change);
        let arguments = ["--model", "hostile.safetensors", "--out", "x.safetensors"];
        peak(desk, &[&["export"][..], &arguments].concat())
    };
    let wide = serde_json::json!({"type": "resnet18", "width": 1024, "pool": "mean-max"});
    let (code, said, mib) = export(&|card| card["encoder"] = wide.clone());
    assert!(code == 2 && said.contains("has shape"), "{said}");
    assert!(mib < MOST_MIB, "{mib} MiB");
    let (code, said, _) = export(&|card| card["embed"]["statistics"] = serde_json::json!([]));
    assert!(
        code == 2 && said.contains("`embed.statistics` is empty"),
        "{said}"
    );
    let (code, said, mib) = export(&|card| {
        card["front_end"] = serde_json::json!({
            "type": "wavelet", "n_bands": 512, "f_min": 2.3, "f_max": 11_000.0, "omega0": 20.0
        });
    });
    assert!(code < 3 && mib < MOST_MIB, "{mib} MiB: {said}");
}

#[test]
fn weights_that_declare_a_string_of_gigabytes_take_none() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    clips::write_clips(desk, |_| None);
    let four_bytes = [&b"\x80\x02X"[..], &u32::MAX.to_le_bytes(), b"abc"].concat();
    let eight_bytes = [
        &b"\x80\x04\x8d"[..],
        &4_300_000_000u64.to_le_bytes(),
        b"abc",
    ]
    .concat();
    for pickle in [four_bytes, eight_bytes] {
        fs::write(desk.join("x.pth"), pickle).unwrap();
        let data = [
            "--data",
            "csv:clips.csv",
            "--cache",
            "cache",
            "--out",
            "run",
        ];
        let more = ["pretrain", "--preset", "small", "--init", "x.pth"];
        let (code, said, mib) = peak(desk, &[&more[..], &data].concat());
        assert!(code == 2 && said.contains("x.pth"), "{said}");
        assert!(mib < MOST_MIB, "{mib} MiB");
    }
}

/// A gigabyte of numbers of eight bytes each, of which the disk has only the first.
fn write_gigabyte(path: &Path) {
    const BYTES: u32 = 1 << 30;
    let mut file = File::create(path).unwrap();
    let numbers = |values: &[u32]| {
        let bytes = values.iter().flat_map(|n| n.to_le_bytes());
        bytes.collect::<Vec<_>>()
    };
    let head = [
        &b"RIFF"[..],
        &numbers(&[BYTES + 36]),
        b"WAVEfmt ",
        &numbers(&[16, 3 | 1 << 16, 44_100, 8 * 44_100, 8 | 64 << 16]),
        b"data",
        &numbers(&[BYTES]),
    ];
    file.write_all(&head.concat()).unwrap();
    file.set_len(u64::from(BYTES) + 44).unwrap();
}

#[test]
fn a_recording_of_gigabytes_in_a_folder_is_looked_at_piece_by_piece() {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    fs::create_dir(desk.join("sounds")).unwrap();
    write_gigabyte(&desk.join("sounds/zeros.wav"));
    let (code, said, mib) = peak(desk, &["doctor", "--data", "folder:sounds"]);
    assert!(code == 1 && mib < MOST_MIB, "{mib} MiB: {said}");
}

/// Learns from a gigabyte by a preset; gives the largest memory in MiB, and the bytes of the caches.
///
/// A single clip is no batch: the program ends when its features are kept.
fn learned(preset: &str, settings: &[&str]) -> (u64, u64) {
    let desk = tempfile::tempdir().unwrap();
    let desk = desk.path();
    fs::create_dir(desk.join("sounds")).unwrap();
    write_gigabyte(&desk.join("sounds/zeros.wav"));
    let data = [
        "--data",
        "folder:sounds",
        "--cache",
        "cache",
        "--out",
        "run",
    ];
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    let arguments: Vec<&str> = ["pretrain", "--preset", preset]
        .into_iter()
        .chain(data)
        .chain(settings)
        .collect();
    let (code, said, mib) = peak(desk, &arguments);
    assert!(code < 3, "{said}");
    let caches = fs::read_dir(desk.join("cache")).unwrap();
    let bytes = caches.map(|file| file.unwrap().metadata().unwrap().len());
    (mib, bytes.sum())
}

/// Three quarters of an hour, 270 MB at the rate of the front end and as much again at each further step.
#[test]
fn a_recording_of_gigabytes_is_learned_from_piece_by_piece() {
    let tiny = ["encoder.width=4", "features.n_mels=32", "train.max_steps=1"];
    let (mib, cached) = learned("small", &tiny);
    assert!(mib < MOST_MIB, "{mib} MiB");
    assert!(cached > 4_000_000, "{cached} bytes"); // frames of 20 ms, 64 bytes each
}

/// The same of a preset which scales a clip by all of it, and keeps its sound: 195 MB of samples.
#[test]
fn a_recording_of_gigabytes_is_measured_piece_by_piece() {
    let tiny = ["features.n_mels=32", "train.max_steps=1"];
    let (mib, cached) = learned("saeed-cola", &tiny);
    assert!(mib < MOST_MIB, "{mib} MiB");
    assert!(cached > 200_000_000, "{cached} bytes"); // frames of 10 ms, 64 bytes each, and the samples
}
