//! What encoders give and everything after them measures.

/// Embeddings of several items, plain numbers: `[items, dim]`, row after row.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    dim: usize,
    values: Vec<f32>,
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
