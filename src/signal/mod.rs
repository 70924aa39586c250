//! Mathematics on samples: windows, STFT, filter banks.
