//! The table of augmentations of a half.

/// Makes of a table of augmentations, one line each, the names of their types, the enum `Augmentation` that files hold,
/// the list of all of them, and the way from the enum to what each can do.
///
/// A line is `"type in files" => file::Type`; its comment is that of the enum's variant. The module `augment` beside it
/// has the traits `Augment` and `AnyAugment`.
macro_rules! augmentations {
    (
        $(#[$about:meta])*
        enum Augmentation {
            $( $(#[$what:meta])* $name:literal => $file:ident::$kind:ident, )+
        }
    ) => {
        $( pub use $file::$kind; )+

        $(#[$about])*
        #[serde(tag = "type")]
        pub enum Augmentation {
            $( $(#[$what])* #[serde(rename = $name)] $kind($kind), )+
        }

        impl Augmentation {
            /// Every augmentation with its defaults, in the order of the table.
            pub fn all() -> Vec<Self> {
                vec![$( Self::$kind($kind::default()) ),+]
            }

            /// Its `type`, as files spell it.
            pub fn name(&self) -> &'static str {
                match self {
                    $( Self::$kind(_) => $name, )+
                }
            }

            /// Every augmentation that has a strength, at strength 0.
            #[cfg(test)]
            fn all_at_strength_zero() -> Vec<Self> {
                let all = [$( <$kind as augment::Augment>::at_strength_zero().map(Self::$kind) ),+];
                all.into_iter().flatten().collect()
            }

            /// What it can do.
            fn of_any_kind(&self) -> &dyn augment::AnyAugment {
                match self {
                    $( Self::$kind(augmentation) => augmentation, )+
                }
            }
        }
    };
}

pub(super) use augmentations;
