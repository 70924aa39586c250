//! Choices of the library as possible values of an option.

use chiffchaff::Choice;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// Takes the names of a choice, which help and error messages list.
pub(crate) fn choice<T: Choice>() -> impl TypedValueParser<Value = T> {
    let value = |choice: &T| PossibleValue::new(choice.name()).help(choice.about());
    PossibleValuesParser::new(T::ALL.iter().map(value))
        .map(|name| T::named(&name).expect("only names of the choice are possible"))
}
