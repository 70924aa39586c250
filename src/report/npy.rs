//! The head of NumPy's files.

/// Which axis of an array is the fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisOrder {
    /// The last.
    C,
    /// The first.
    Fortran,
}

/// What stands before the numbers of a NumPy file (format 1.0) of `<f4` and two axes or more: the numbers begin at a multiple
/// of 64 bytes.
pub fn npy_head(shape: &[usize], order: AxisOrder) -> Vec<u8> {
    let order = match order {
        AxisOrder::C => "False",
        AxisOrder::Fortran => "True",
    };
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    let shape = shape.join(", ");
    let header = format!("{{'descr': '<f4', 'fortran_order': {order}, 'shape': ({shape}), }}");
    const BEFORE_HEADER: usize = 10;
    let padded = (BEFORE_HEADER + header.len() + 1).next_multiple_of(64) - BEFORE_HEADER;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(format!("{header:<width$}\n", width = padded - 1).bytes());
    bytes
}
