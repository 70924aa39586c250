//! Formulas: embeddings → scalar.
