//! Networks: `[batch, 1, mels, frames]` → embeddings `[batch, dim]`.
