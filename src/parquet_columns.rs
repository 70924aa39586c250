//! Columns of Parquet files, for the tables that are written in this format.

use parquet::{
    basic::{LogicalType, Repetition, Type as PhysicalType},
    data_type::DataType,
    errors::ParquetError,
    file::writer::SerializedRowGroupWriter,
    schema::types::{Type, TypePtr},
};
use std::io::Write;
use std::sync::Arc;

/// What the schema says of a column; bytes are text.
pub(crate) fn column(
    name: &str,
    kind: PhysicalType,
    repetition: Repetition,
) -> Result<TypePtr, ParquetError> {
    let is_text = kind == PhysicalType::BYTE_ARRAY;
    Type::primitive_type_builder(name, kind)
        .with_logical_type(is_text.then_some(LogicalType::String))
        .with_repetition(repetition)
        .build()
        .map(Arc::new)
}

/// The levels of values that need not be one for each row (Parquet's definition and repetition levels).
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Levels<'a> {
    /// 1 for each place that has a value.
    pub(crate) definition: Option<&'a [i16]>,
    /// 0 where a row begins, 1 where a list goes on.
    pub(crate) repetition: Option<&'a [i16]>,
}

/// Writes the next column.
pub(crate) fn write_column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<W>,
    values: &[T::T],
    levels: Levels<'_>,
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General(
            "more columns than in the schema".into(),
        ));
    };
    column
        .typed::<T>()
        .write_batch(values, levels.definition, levels.repetition)?;
    column.close()
}
