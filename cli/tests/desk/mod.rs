//! Running the program in a folder, for the tests of its commands.

use assert_cmd::Command;
use std::path::Path;

/// Exit code, stdout and stderr of `chiffchaff COMMAND ARGUMENTS…` in `desk`.
pub(crate) fn run(desk: &Path, command: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut chiffchaff = Command::cargo_bin("chiffchaff").unwrap();
    let chiffchaff = chiffchaff
        .current_dir(desk)
        .env("NO_COLOR", "1")
        .arg(command)
        .args(arguments);
    let output = chiffchaff.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}
