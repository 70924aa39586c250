//! The presets that are built in.

use super::nearest;

/// The presets that are built in, by name.
pub const PRESETS: &[(&str, &str)] = &[
    ("small", include_str!("../../presets/small.toml")),
    ("large", include_str!("../../presets/large.toml")),
    (
        "fonseca-simclr",
        include_str!("../../presets/fonseca-simclr.toml"),
    ),
    (
        "moummad-supcon",
        include_str!("../../presets/moummad-supcon.toml"),
    ),
    (
        "moummad-supcon-compat",
        include_str!("../../presets/moummad-supcon-compat.toml"),
    ),
    ("calls", include_str!("../../presets/calls.toml")),
    (
        "prototypical",
        include_str!("../../presets/prototypical.toml"),
    ),
    ("simclr", include_str!("../../presets/simclr.toml")),
    ("moco-v1", include_str!("../../presets/moco-v1.toml")),
    ("moco-v2", include_str!("../../presets/moco-v2.toml")),
    ("swav", include_str!("../../presets/swav.toml")),
    ("clar", include_str!("../../presets/clar.toml")),
    ("cld", include_str!("../../presets/cld.toml")),
    ("saeed-cola", include_str!("../../presets/saeed-cola.toml")),
    ("emami-cola", include_str!("../../presets/emami-cola.toml")),
    (
        "emami-cola-noise",
        include_str!("../../presets/emami-cola-noise.toml"),
    ),
    (
        "emami-cola-stretch",
        include_str!("../../presets/emami-cola-stretch.toml"),
    ),
    (
        "emami-cola-rir",
        include_str!("../../presets/emami-cola-rir.toml"),
    ),
    (
        "emami-cola-masks",
        include_str!("../../presets/emami-cola-masks.toml"),
    ),
    (
        "hornauer-dls",
        include_str!("../../presets/hornauer-dls.toml"),
    ),
    ("lin-npid", include_str!("../../presets/lin-npid.toml")),
    ("lin-moco", include_str!("../../presets/lin-moco.toml")),
];

/// The nearest name, or all of them.
pub(super) fn preset_hint(name: &str) -> String {
    let names: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
    match nearest(name, &names).as_str() {
        "" => format!("the presets are {}", names.join(", ")),
        near => near
            .trim_start_matches(" (")
            .trim_end_matches(')')
            .to_owned(),
    }
}
