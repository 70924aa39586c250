//! What encoders give and everything after them measures.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

/// Embeddings of several items, plain numbers: `[items, dim]`, row after row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Packed", into = "Packed")]
pub struct Embeddings {
    dim: usize,
    values: Vec<f32>,
}

/// As they are kept in a text: little-endian bytes in base64.
#[derive(Serialize, Deserialize)]
struct Packed {
    dim: usize,
    values: String,
}

impl From<Embeddings> for Packed {
    fn from(Embeddings { dim, values }: Embeddings) -> Self {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        Self {
            dim,
            values: BASE64_STANDARD.encode(bytes),
        }
    }
}

impl TryFrom<Packed> for Embeddings {
    type Error = &'static str;

    fn try_from(Packed { dim, values }: Packed) -> Result<Self, &'static str> {
        let bytes = BASE64_STANDARD.decode(values).map_err(|_| "no base64")?;
        let (values, rest) = bytes.as_chunks::<4>();
        if dim == 0 || !rest.is_empty() || !values.len().is_multiple_of(dim) {
            return Err("no whole number of rows");
        }
        let values = values.iter().map(|bytes| f32::from_le_bytes(*bytes));
        Ok(Self::from_rows(dim, values.collect()))
    }
}

impl Embeddings {
    /// Takes `values` as rows of `dim` numbers.
    ///
    /// # Panics
    /// If `dim` is 0 or `values` is not a whole number of rows.
    pub fn from_rows(dim: usize, values: Vec<f32>) -> Self {
        assert!(dim > 0, "embeddings need at least one dimension");
        assert_eq!(
            values.len() % dim,
            0,
            "{} values are not rows of {dim}",
            values.len()
        );
        Self { dim, values }
    }

    /// Number of rows.
    pub fn items(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Length of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The row of one item.
    pub fn row(&self, item: usize) -> &[f32] {
        &self.values[item * self.dim..(item + 1) * self.dim]
    }

    /// All rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim)
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The rows of `items`, in that order.
    pub fn select(&self, items: &[usize]) -> Self {
        let values = items.iter().flat_map(|&item| self.row(item)).copied();
        Self {
            dim: self.dim,
            values: values.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_as_text_they_are_the_same_to_the_bit() {
        let rows = Embeddings::from_rows(2, vec![0.1, -0.0, f32::MIN_POSITIVE, 1e30]);
        let text = serde_json::to_string(&rows).unwrap();
        assert_eq!(serde_json::from_str::<Embeddings>(&text).unwrap(), rows);
        for (dim, values) in [(0, ""), (2, "AAAA"), (2, "AAAAAA=="), (2, "?")] {
            let text = format!(r#"{{"dim":{dim},"values":"{values}"}}"#);
            assert!(serde_json::from_str::<Embeddings>(&text).is_err(), "{text}");
        }
    }
}
