//! The program `chiffchaff`.

fn main() {}
