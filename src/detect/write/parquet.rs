//! Events → the bytes of a Parquet file.

use super::cells::rows;
use super::{Began, Found, TableKind, Writer};
use crate::parquet_columns::{Levels, column, write_column};
use parquet::{
    basic::{Repetition, Type as PhysicalType},
    data_type::{ByteArray, ByteArrayType, DoubleType, FloatType},
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::{Type, TypePtr},
};
use std::sync::Arc;

pub(super) const KIND: TableKind = TableKind {
    title: "Parquet",
    suffix: "",
    extension: "parquet",
    names_recordings: true,
    writer: Writer::Bytes(|found| parquet(found).map_err(|error| error.to_string())),
};

/// One row group of the columns `recording`, `onset`, `offset`, `score`, `label`, and `date`, `time` of the onset where that is
/// wanted.
fn parquet(found: &[Found]) -> Result<Vec<u8>, ParquetError> {
    let mut bytes = Vec::new();
    let properties = Arc::new(WriterProperties::builder().build());
    let is_dated = Began::is_shown(found);
    let mut file = SerializedFileWriter::new(&mut bytes, schema(is_dated)?, properties)?;
    let mut group = file.next_row_group()?;

    let of_events = |value: fn(&super::Event) -> f64| -> Vec<f64> {
        let events = found.iter().flat_map(|of| of.events);
        events.map(value).collect()
    };
    let recordings = found
        .iter()
        .flat_map(|of| std::iter::repeat_n(ByteArray::from(of.recording), of.events.len()));
    write_column::<ByteArrayType, _>(
        &mut group,
        &recordings.collect::<Vec<_>>(),
        Levels::default(),
    )?;
    write_column::<DoubleType, _>(
        &mut group,
        &of_events(|event| event.span.onset()),
        Levels::default(),
    )?;
    write_column::<DoubleType, _>(
        &mut group,
        &of_events(|event| event.span.offset()),
        Levels::default(),
    )?;
    let scores = found
        .iter()
        .flat_map(|of| of.events)
        .map(|event| event.score);
    write_column::<FloatType, _>(&mut group, &scores.collect::<Vec<_>>(), Levels::default())?;
    let labels = rows(found).map(|(of, event)| of.labels.get(event.kind)?.as_deref());
    let labels: Vec<Option<&str>> = labels.collect();
    // 1 where there is a label.
    let is_labelled = labels.iter().map(|label| i16::from(label.is_some()));
    let is_labelled: Vec<i16> = is_labelled.collect();
    let labels = labels.into_iter().flatten().map(ByteArray::from);
    write_column::<ByteArrayType, _>(
        &mut group,
        &labels.collect::<Vec<_>>(),
        Levels {
            definition: Some(&is_labelled),
            repetition: None,
        },
    )?;

    if is_dated {
        let when = found.iter().flat_map(|of| {
            let began = |event: &super::Event| of.began.later(event.span.onset());
            of.events.iter().map(began)
        });
        let when: Vec<_> = when.collect();
        // 1 where it is known.
        let is_known: Vec<i16> = when.iter().map(|at| i16::from(at.is_some())).collect();
        let levels = Levels {
            definition: Some(&is_known),
            repetition: None,
        };
        let (dates, times): (Vec<_>, Vec<_>) = when.into_iter().flatten().unzip();
        for texts in [dates, times] {
            let texts: Vec<_> = texts
                .iter()
                .map(|text: &String| ByteArray::from(text.as_str()))
                .collect();
            write_column::<ByteArrayType, _>(&mut group, &texts, levels)?;
        }
    }

    group.close()?;
    file.close()?;
    Ok(bytes)
}

/// What the file says of its columns; label, date and time may be absent.
fn schema(is_dated: bool) -> Result<TypePtr, ParquetError> {
    let mut fields = vec![
        column("recording", PhysicalType::BYTE_ARRAY, Repetition::REQUIRED)?,
        column("onset", PhysicalType::DOUBLE, Repetition::REQUIRED)?,
        column("offset", PhysicalType::DOUBLE, Repetition::REQUIRED)?,
        column("score", PhysicalType::FLOAT, Repetition::REQUIRED)?,
        column("label", PhysicalType::BYTE_ARRAY, Repetition::OPTIONAL)?,
    ];
    for name in ["date", "time"].into_iter().filter(|_| is_dated) {
        fields.push(column(
            name,
            PhysicalType::BYTE_ARRAY,
            Repetition::OPTIONAL,
        )?);
    }
    let table = Type::group_type_builder("events").with_fields(fields);
    table.build().map(Arc::new)
}
