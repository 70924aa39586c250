//! Fuzzes [`chiffchaff_fuzz::checkpoint`].
#![no_main]

libfuzzer_sys::fuzz_target!(init: chiffchaff_fuzz::let_decoders_panic(), |bytes: &[u8]| {
    chiffchaff_fuzz::checkpoint(bytes);
});
