//! Fuzzes [`chiffchaff_fuzz::detector`].
#![no_main]

libfuzzer_sys::fuzz_target!(init: chiffchaff_fuzz::let_decoders_panic(), |bytes: &[u8]| {
    chiffchaff_fuzz::detector(bytes);
});
