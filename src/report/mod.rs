//! Results → files a person or program can read.
