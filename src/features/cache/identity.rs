//! What a cached entry is of.

use crate::audio::ChannelChoice;
use crate::dataset::Clip;
use std::{
    fs::{self, Metadata},
    io,
    path::{Path, absolute},
    time::UNIX_EPOCH,
};

/// Length of the state of a file: size, seconds and nanoseconds of its last change.
const STATE: usize = 24;
/// Length of a span: whether there is one and which channel is heard, onset, offset.
const SPAN: usize = 24;

/// A clip and the state of its file, as bytes: state, span and channel, path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity(Vec<u8>);

impl Identity {
    /// Looks at the clip's file.
    pub(super) fn of(clip: &Clip) -> io::Result<Self> {
        let path = absolute(&clip.path)?;
        let metadata = fs::metadata(&path)?;
        let (onset, offset) = clip.span.map_or((0.0, 0.0), <(f64, f64)>::from);
        let mut bytes = state(&metadata)?.to_vec();
        bytes.extend(part(clip).to_ne_bytes());
        bytes.extend(onset.to_ne_bytes());
        bytes.extend(offset.to_ne_bytes());
        bytes.extend(path.as_os_str().as_encoded_bytes());
        Ok(Self(bytes))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Size of the file in bytes.
    pub(super) fn file_size(&self) -> u64 {
        self.0
            .first_chunk()
            .map_or(0, |size| u64::from_ne_bytes(*size))
    }
}

/// Which part of its file a clip is, apart from the times: whether there is a span, and above that bit the channel.
fn part(clip: &Clip) -> u64 {
    let channel = match clip.channel {
        ChannelChoice::Mix => 0,
        ChannelChoice::Number(number) => u64::from(number.get()),
        ChannelChoice::Loudest => LOUDEST,
    };
    channel << 1 | u64::from(clip.span.is_some())
}

/// No channel has this number.
const LOUDEST: u64 = 1 << 32;

/// The part of a stored identity that stays when its file changes: span and path.
pub(super) fn subject(identity: &[u8]) -> &[u8] {
    identity.get(STATE..).unwrap_or_default()
}

/// Whether the file of a stored identity is still there, in the same state.
pub(super) fn is_current(identity: &[u8]) -> bool {
    let path = identity.get(STATE + SPAN..).map(str::from_utf8);
    let Some(Ok(path)) = path else { return false };
    fs::metadata(Path::new(path))
        .and_then(|metadata| state(&metadata))
        .is_ok_and(|state| identity.starts_with(&state))
}

fn state(metadata: &Metadata) -> io::Result<[u8; STATE]> {
    // A time before 1970 is as good a mark as any other: only whether it changes matters.
    let changed = match metadata.modified()?.duration_since(UNIX_EPOCH) {
        Ok(since) => since,
        Err(before) => before.duration(),
    };
    let mut bytes = [0; STATE];
    bytes[..8].copy_from_slice(&metadata.len().to_ne_bytes());
    bytes[8..16].copy_from_slice(&changed.as_secs().to_ne_bytes());
    bytes[16..].copy_from_slice(&u64::from(changed.subsec_nanos()).to_ne_bytes());
    Ok(bytes)
}
