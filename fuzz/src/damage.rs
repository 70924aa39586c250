//! Whole files → damaged ones.

/// `whole` with the changes that `edits` spells out, each as place (four bytes), bytes to cut out (one), bytes to put in
/// (one), and these.
pub(crate) fn damaged(whole: &[u8], mut edits: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    while let Some((&[a, b, c, d, cut, put], rest)) = edits.split_first_chunk() {
        let at = u32::from_le_bytes([a, b, c, d]) as usize % (bytes.len() + 1);
        let end = (at + usize::from(cut)).min(bytes.len());
        let (put, rest) = rest.split_at(usize::from(put).min(rest.len()));
        bytes.splice(at..end, put.iter().copied());
        edits = rest;
    }
    bytes
}
