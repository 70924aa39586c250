//! Embeddings and labels → accuracies.
