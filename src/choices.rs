//! Enums whose values have names that a user types.

/// A set of named values, such as the methods of detection: what a command line offers and a file may hold.
pub trait Choice: Copy + Send + Sync + 'static {
    /// All values, in the order in which users see them.
    const ALL: &'static [Self];

    /// What a user types for this value.
    fn name(self) -> &'static str;

    /// What it is, in one line for a list of possible values.
    fn about(self) -> &'static str;

    /// The value of this name.
    ///
    /// # Errors
    /// If no value has the name; the error lists those there are.
    fn named(name: &str) -> Result<Self, UnknownChoice> {
        let found = Self::ALL.iter().copied().find(|value| value.name() == name);
        found.ok_or_else(|| UnknownChoice {
            given: name.to_owned(),
            allowed: Self::ALL.iter().map(|value| value.name()).collect(),
        })
    }
}

/// A name that none of the values has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is unknown, but must be one of: {}", allowed.join(", "))]
pub struct UnknownChoice {
    /// What was given.
    pub given: String,
    /// The names there are.
    pub allowed: Vec<&'static str>,
}

/// Makes an enum a [`Choice`]: the first line of each value's documentation is its [`Choice::about`].
///
/// In the second form every value also has a part of its own, `Value = "name" => PART`, which `own()` gives.
macro_rules! choices {
    (
        $(#[$meta:meta])*
        $vis:vis enum $type:ident {
            $(#[doc = $about:literal] $(#[$attribute:meta])* $value:ident = $name:literal,)+
        }
    ) => {
        $(#[$meta])*
        $vis enum $type {
            $(#[doc = $about] $(#[$attribute])* $value,)+
        }

        impl $crate::Choice for $type {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }

            fn about(self) -> &'static str {
                match self {
                    $(Self::$value => $about.trim().trim_end_matches('.'),)+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::Choice::name(*self))
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownChoice;

            fn from_str(name: &str) -> Result<Self, $crate::UnknownChoice> {
                <Self as $crate::Choice>::named(name)
            }
        }
    };
    (
        $(#[$meta:meta])*
        $vis:vis enum $type:ident: $part:ty {
            $(#[doc = $about:literal] $(#[$attribute:meta])* $value:ident = $name:literal => $own:expr,)+
        }
    ) => {
        $crate::choices::choices! {
            $(#[$meta])*
            $vis enum $type {
                $(#[doc = $about] $(#[$attribute])* $value = $name,)+
            }
        }

        impl $type {
            fn own(self) -> &'static $part {
                match self {
                    $(Self::$value => &$own,)+
                }
            }
        }
    };
}

pub(crate) use choices;

#[cfg(test)]
mod tests {
    use super::*;

    choices! {
        /// A bird.
        #[derive(Debug, Clone, Copy, PartialEq, Default)]
        enum Bird: str {
            /// It sings two notes.
            ///
            /// Again and again.
            #[default]
            Chiffchaff = "chiffchaff" => *"Phylloscopus collybita",
            /// It mocks.
            IcterineWarbler = "icterine-warbler" => *"Hippolais icterina",
        }
    }

    #[test]
    fn every_value_is_parsed_and_printed_back() {
        for &bird in Bird::ALL {
            assert_eq!(bird.to_string().parse(), Ok(bird));
        }
        assert_eq!(Bird::default().about(), "It sings two notes");
        assert_eq!(Bird::IcterineWarbler.own(), "Hippolais icterina");
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_there_are() {
        let message = "wren".parse::<Bird>().unwrap_err().to_string();
        let expected = "`wren` is unknown, but must be one of: chiffchaff, icterine-warbler";
        assert_eq!(message, expected);
    }
}
