use serde_json::Value as Json;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use tch::Kind;
use zip::write::SimpleFileOptions;

use super::*;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pth")
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(golden().join(format!("{name}.pth"))).unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    tensors_of(bytes).unwrap_err().to_string()
}

/// An archive as `torch.save` writes it, of this pickle and of one storage, `0`.
fn archive(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    packed(
        &[("data.pkl", pickle), ("data/0", storage)],
        zip::CompressionMethod::Stored,
    )
}

fn packed(entries: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, content) in entries {
        zip.start_file(format!("archive/{name}"), options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn int(number: i64) -> Vec<u8> {
    [&b"\x8a\x08"[..], &number.to_le_bytes()].concat()
}

fn text(text: &str) -> Vec<u8> {
    [
        b"X",
        &(text.len() as u32).to_le_bytes()[..],
        text.as_bytes(),
    ]
    .concat()
}

fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
    [b"(", &items.concat()[..], b"t"].concat()
}

fn numbers(numbers: &[i64]) -> Vec<u8> {
    tuple(&numbers.iter().copied().map(int).collect::<Vec<_>>())
}

fn storage(class: &str, length: i64) -> Vec<u8> {
    let class = format!("ctorch\n{class}\n").into_bytes();
    let id = [text("storage"), class, text("0"), text("cpu"), int(length)];
    [&tuple(&id)[..], b"Q"].concat()
}

/// `{"w": tensor}`, a tensor of `length` fp32 numbers seen so.
fn one_tensor(length: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let arguments = [
        storage("FloatStorage", length),
        int(offset),
        numbers(shape),
        numbers(strides),
        b"\x89".to_vec(),
        b"}".to_vec(),
    ];
    let call = b"ctorch._utils\n_rebuild_tensor_v2\n";
    let parts = [
        b"\x80\x02}",
        &text("w")[..],
        call,
        &tuple(&arguments),
        b"Rs.",
    ];
    parts.concat()
}

#[test]
fn every_tensor_has_the_numbers_that_pytorch_reads() {
    let golden: Json =
        serde_json::from_slice(&std::fs::read(golden().join("values.json")).unwrap()).unwrap();
    let files = golden["files"].as_object().unwrap();
    assert!(files.len() >= 13);
    for (name, wanted) in files {
        let read = tensors_of(&file(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let wanted = wanted.as_object().unwrap();
        assert!(read.keys().eq(wanted.keys()), "{name}: {:?}", read.keys());
        for (key, wanted) in wanted {
            let shape: Vec<i64> = serde_json::from_value(wanted["shape"].clone()).unwrap();
            let values: Vec<f64> = serde_json::from_value(wanted["values"].clone()).unwrap();
            assert_eq!(read[key].size(), shape, "{name}: {key}");
            let read = read[key].to_kind(Kind::Double).flatten(0, -1);
            assert_eq!(Vec::<f64>::try_from(read).unwrap(), values, "{name}: {key}");
        }
    }
}

#[test]
fn what_holds_no_plain_weights_says_what_it_holds() {
    for (name, said) in [
        (
            "whole_network",
            "a whole `torch.nn.modules.container.Sequential`",
        ),
        ("torchscript", "a TorchScript program"),
        (
            "quantized",
            "`a.weight` is made by `torch._utils._rebuild_qtensor`",
        ),
        (
            "complex",
            "`a.weight` is made by `torch._utils._rebuild_tensor_v2`",
        ),
        (
            "two_networks",
            "several dictionaries of tensors: `one`, `two`",
        ),
        ("no_weights", "a dictionary of `epoch`, `log`"),
    ] {
        let error = refusal(&file(name));
        assert!(
            error.contains(said) && error.contains("hint: "),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for name in ["module", "old"] {
        let whole = file(name);
        for length in 0..whole.len() {
            assert!(
                tensors_of(&whole[..length]).is_err(),
                "{name}, {length} bytes"
            );
        }
    }
}

#[test]
fn a_byte_changed_in_an_archive_is_refused_or_changes_nothing() {
    let whole = file("module");
    let sound = tensors_of(&whole).unwrap();
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x55;
        if let Ok(read) = tensors_of(&damaged) {
            assert_eq!(read, sound, "byte {place}");
        }
    }
}

#[test]
fn a_byte_changed_in_an_old_file_ends_nothing() {
    let whole = file("old");
    for place in 0..whole.len() {
        for change in [0x01, 0x55, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[place] ^= change;
            let _ = tensors_of(&damaged);
        }
    }
}

#[test]
fn a_view_is_read_as_far_as_its_storage_goes_and_no_further() {
    let bytes: Vec<u8> = [1f32, 2.0, 3.0, 4.0]
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect();
    let read = |offset, shape: &[i64], strides: &[i64]| {
        tensors_of(&archive(&one_tensor(4, offset, shape, strides), &bytes))
    };
    for (offset, shape, strides) in [
        (0, &[2, 2][..], &[2, 1][..]),
        (3, &[1, 1], &[1 << 60, 1]),
        (0, &[1 << 40, 4], &[0, 1]),
        (4, &[0], &[1]),
    ] {
        let read = read(offset, shape, strides).unwrap();
        assert_eq!(read["w"].size(), shape);
    }
    for (offset, shape, strides) in [
        (1, &[2, 2][..], &[2, 1][..]),
        (0, &[2, 2], &[3, 1]),
        (-1, &[2], &[1]),
        (0, &[2], &[-1]),
        (0, &[-2], &[1]),
        (5, &[], &[]),
        (i64::MAX, &[2], &[1]),
        (0, &[1 << 62], &[1 << 62]),
        (0, &[1 << 40, 1 << 40], &[0, 0]),
        (0, &[0, 1 << 40, 1 << 40], &[0, 0, 0]),
        (0, &[2, 2], &[1]),
    ] {
        let error = read(offset, shape, strides).unwrap_err().to_string();
        assert!(error.starts_with("`w`: shape "), "{error}");
    }
}

#[test]
fn a_storage_of_another_size_than_declared_is_refused() {
    for length in [-1, 3, 5, 1 << 40, i64::MAX] {
        let error = refusal(&archive(&one_tensor(length, 0, &[1], &[1]), &[0; 16]));
        assert!(error.starts_with("`w`: "), "{error}");
    }
    let error = refusal(&packed(
        &[("data.pkl", &one_tensor(4, 0, &[4], &[1]))],
        zip::CompressionMethod::Stored,
    ));
    assert!(error.contains("storage `0` is not in the file"), "{error}");
}

#[test]
fn declared_lengths_take_no_memory() {
    let claims: [&[u8]; 6] = [
        b"X\xff\xff\xff\xff",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"B\xff\xff\xff\x7f",
        b"\x8b\xff\xff\xff\x7f",
        b"\x96\xff\xff\xff\xff\xff\xff\xff\xff",
        b"C\xff",
    ];
    for claim in claims {
        let error = refusal(&archive(&[b"\x80\x02", claim].concat(), &[]));
        assert!(error.contains("ends within a value at byte 2"), "{error}");
    }
}

#[test]
fn depth_and_loops_end_nothing() {
    let deep = [b"\x80\x02", &b")"[..], &b"\x85".repeat(500_000), b"."].concat();
    assert!(refusal(&archive(&deep, &[])).contains("it holds a list"));
    // A list that holds itself, and a dictionary that does.
    for pickle in [
        &b"\x80\x02]q\x00h\x00a."[..],
        b"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s.",
    ] {
        assert!(refusal(&archive(pickle, &[])).contains("no dictionary of tensors"));
    }
    // Dictionaries in dictionaries, each a thousand times: a million million ways down.
    let mut pickle = b"\x80\x02}q\x00".to_vec();
    for level in 0..4u8 {
        pickle.extend([b'}', b'q', level + 1, b'(']);
        for name in 0..1000 {
            pickle.extend(text(&name.to_string()));
            pickle.extend([b'h', level]);
        }
        pickle.push(b'u');
    }
    pickle.push(b'.');
    assert!(refusal(&archive(&pickle, &[])).contains("no dictionary of tensors"));
}

#[test]
fn more_values_than_any_checkpoint_has_are_refused() {
    // As values, as marks, and as copies that calls make of a list.
    let list = [b"](", &b"N".repeat(1000)[..], b"e\x85q\x00"].concat();
    let copies = b"0ccollections\nOrderedDict\nh\x00R".repeat(3000);
    for pickle in [
        b"}".repeat(2_100_000),
        b"(".repeat(2_100_000),
        b"h\x00".repeat(2_100_000),
        [list, copies].concat(),
    ] {
        let start = b"\x80\x02Nq\x00";
        let pickle = [&start[..], &pickle, b"."].concat();
        let refused = tensors_of(&archive(&pickle, &[]));
        assert!(matches!(
            refused,
            Err(PthError::TooManyValues(_) | PthError::NoStateDict { .. })
        ));
    }
}

#[test]
fn a_pickle_that_would_run_something_is_refused_by_its_name() {
    for (call, said) in [
        (
            &b"cos\nsystem\nX\x04\x00\x00\x00true\x85R."[..],
            "`os.system`",
        ),
        (
            b"cposix\nsystem\nX\x04\x00\x00\x00true\x85R.",
            "`posix.system`",
        ),
        (
            b"cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
            "`builtins.eval`",
        ),
        (
            b"X\x0a\x00\x00\x00subprocessX\x05\x00\x00\x00Popen\x93)R.",
            "`subprocess.Popen`",
        ),
        (b"cos\nsystem\n)\x81.", "`os.system`"),
    ] {
        let error = refusal(&archive(&[b"\x80\x02", call].concat(), &[]));
        assert!(
            error.contains(said) && error.contains("nothing was run"),
            "{error}"
        );
    }
}

#[test]
fn damaged_pickles_are_refused_with_the_place() {
    for (pickle, said) in [
        (&b""[..], "at byte 0"),
        (b"\x80\x02.", "an empty stack at byte 2"),
        (b"\x80\x02t", "an end without a beginning at byte 2"),
        (b"\x80\x02N(0", "an empty stack at byte 4"),
        (b"\x80\x02h\x07", "never noted at byte 2"),
        (b"\x80\x02}(NuN.", "a key without a value"),
        (b"\x80\x02NNR.", "cannot be called"),
        (b"\x80\x02NQ.", "no storage"),
        (b"\x80\x02cos", "ends within a name"),
        (b"\x80\x02NN\x93.", "a name that is no text"),
        (b"\x80\x02\x97.", "instruction 0x97 at byte 2"),
    ] {
        let error = refusal(&archive(pickle, &[]));
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn archives_of_other_things_are_told_apart() {
    let stored = zip::CompressionMethod::Stored;
    let other = packed(&[("clip.wav", b"RIFF")], stored);
    assert!(refusal(&other).contains("without `data.pkl`"));
    let pickle = one_tensor(1, 0, &[1], &[1]);
    let swapped = [
        ("byteorder", &b"big"[..]),
        ("data.pkl", &pickle),
        ("data/0", &[0; 4]),
    ];
    assert!(refusal(&packed(&swapped, stored)).contains("highest byte first"));
    assert!(refusal(b"not weights").contains("neither a `.safetensors` file nor"));
}
