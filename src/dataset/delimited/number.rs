//! Numbers with a decimal point or a decimal comma.

/// What stands before the fraction of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decimal {
    Point,
    Comma,
}

impl Decimal {
    /// What a table uses, told by all its numbers together. `1,234` alone may be a thousand and more, and is no proof.
    pub(crate) fn of<'v>(numbers: impl Iterator<Item = &'v str>) -> Self {
        let mut is_sure = false;
        for number in numbers {
            match number.trim_start_matches(['-', '+']).split_once(',') {
                None if number.contains('.') => return Self::Point,
                None => {}
                Some((whole, fraction)) => {
                    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
                    if !is_digits(whole) || !is_digits(fraction) {
                        return Self::Point;
                    }
                    is_sure |= fraction.len() != 3 || whole.is_empty() || whole.starts_with('0');
                    is_sure |= whole.len() > 3;
                }
            }
        }
        if is_sure { Self::Comma } else { Self::Point }
    }

    /// The number, if it is one so written.
    pub(crate) fn parse(self, text: &str) -> Option<f64> {
        match self {
            Self::Point => text.parse().ok(),
            Self::Comma => self.with_point(text).parse().ok(),
        }
    }

    /// The text with a decimal point, if this is what separates fractions.
    pub(crate) fn with_point(self, text: &str) -> String {
        match self {
            Self::Comma if text.matches(',').count() == 1 => text.replace(',', "."),
            _ => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_are_decimal_where_that_is_sure_and_nowhere_else() {
        let of = |numbers: &[&str]| Decimal::of(numbers.iter().copied());
        for (numbers, expected) in [
            (&["0,5", "1,25"][..], Decimal::Comma),
            (&["0,500", "1,250"], Decimal::Comma),
            (&["1234,567"], Decimal::Comma),
            (&["1,234", "2,345"], Decimal::Point),
            (&["1,5", "2.5"], Decimal::Point),
            (&["1,234.5"], Decimal::Point),
            (&["1,234,567"], Decimal::Point),
            (&["1", "2"], Decimal::Point),
        ] {
            assert_eq!(of(numbers), expected, "{numbers:?}");
        }
        assert_eq!(Decimal::Comma.parse("-1,5"), Some(-1.5));
        assert_eq!(Decimal::Comma.parse("1,2,3"), None);
        assert_eq!(Decimal::Point.parse("1,5"), None);
    }
}
