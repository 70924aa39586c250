//! The head of NumPy's files.

/// What stands before the numbers of a NumPy file (format 1.0) of `<f4` and this `shape`, such as `(2, 3)`: the numbers begin
/// at a multiple of 64 bytes.
pub fn npy_head(shape: &str, is_fortran_order: bool) -> Vec<u8> {
    let order = match is_fortran_order {
        true => "True",
        false => "False",
    };
    let header = format!("{{'descr': '<f4', 'fortran_order': {order}, 'shape': {shape}, }}");
    const BEFORE_HEADER: usize = 10;
    let padded = (BEFORE_HEADER + header.len() + 1).next_multiple_of(64) - BEFORE_HEADER;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(format!("{header:<width$}\n", width = padded - 1).bytes());
    bytes
}
