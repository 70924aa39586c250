//! Telling one content from another.

/// What stands for `bytes` where only sameness matters: 16 hexadecimal digits, the same on every machine and in every
/// version (64-bit FNV-1a).
///
/// ```
/// use chiffchaff::output::fingerprint;
///
/// assert_eq!(fingerprint(b""), "cbf29ce484222325");
/// assert_ne!(fingerprint(b"dawn"), fingerprint(b"dusk"));
/// ```
pub fn fingerprint(bytes: &[u8]) -> String {
    let mix = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix))
}
