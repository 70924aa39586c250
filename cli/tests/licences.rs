//! What whoever gets the program must be told.

use assert_cmd::Command;
use std::{fs, path::Path};

fn said(flag: &str) -> String {
    let mut command = Command::cargo_bin("chiffchaff").unwrap();
    let output = command.arg(flag).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_version_says_where_the_source_of_symphonia_is_as_its_licence_asks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let lock = fs::read_to_string(root.join("Cargo.lock")).unwrap();
    let (_, entry) = lock
        .split_once("name = \"symphonia\"\nversion = \"")
        .unwrap();
    let (version, _) = entry.split_once('"').unwrap();
    let text = said("--version");
    assert!(
        text.contains(&format!(
            "Symphonia {version}, unchanged, under the Mozilla"
        )),
        "{text}"
    );
    assert!(text.contains("https://github.com/pdeljanov/Symphonia"));
}

#[test]
fn the_short_version_is_one_line() {
    assert_eq!(
        said("-V"),
        format!("chiffchaff {}\n", env!("CARGO_PKG_VERSION"))
    );
}
