//! Events → the bytes of a Parquet file.

use super::marked::{Row, has_marks, rows};
use super::{Band, Began, Found, TableKind, Writer};
use crate::dataset::Span;
use crate::parquet_columns::{Levels, column, write_column};
use parquet::{
    basic::{Repetition, Type as PhysicalType},
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{Type, TypePtr},
};
use std::io::Write;
use std::sync::Arc;

pub(super) const KIND: TableKind = TableKind {
    title: "Parquet",
    suffix: "",
    extension: "parquet",
    names_recordings: true,
    tells_marks: true,
    writer: Writer::Bytes(|found| parquet(found).map_err(|error| error.to_string())),
};

/// Which columns there are beside those that all tables have.
#[derive(Clone, Copy)]
struct Further {
    band: bool,
    date: bool,
    verdict: bool,
}

/// One row group of the columns `recording`, `onset`, `offset`, `score`, `label`, and of `low_hz` and `high_hz`, `date` and `time`
/// of the onset, and `verdict` where they are wanted.
fn parquet(found: &[Found]) -> Result<Vec<u8>, ParquetError> {
    let mut bytes = Vec::new();
    let properties = Arc::new(WriterProperties::builder().build());
    let further = Further {
        band: Band::is_shown(found),
        date: Began::is_shown(found),
        verdict: has_marks(found),
    };
    let mut file = SerializedFileWriter::new(&mut bytes, schema(further)?, properties)?;
    let mut group = file.next_row_group()?;
    let rows: Vec<_> = rows(found).collect();

    let recordings = rows.iter().map(|(of, _)| ByteArray::from(of.recording));
    write_column::<ByteArrayType, _>(
        &mut group,
        &recordings.collect::<Vec<_>>(),
        Levels::default(),
    )?;
    for time in [Span::onset, Span::offset] {
        let times = rows.iter().map(|(_, row)| time(&row.span));
        write_column::<DoubleType, _>(&mut group, &times.collect::<Vec<_>>(), Levels::default())?;
    }
    let scores = rows.iter().map(|(_, row)| row.score);
    match further.verdict {
        true => write_optional::<FloatType, _>(&mut group, scores)?,
        false => write_column::<FloatType, _>(
            &mut group,
            &scores.flatten().collect::<Vec<_>>(),
            Levels::default(),
        )?,
    }
    let labels = rows
        .iter()
        .map(|(of, row)| of.label_of(row.kind).map(ByteArray::from));
    write_optional::<ByteArrayType, _>(&mut group, labels)?;

    if further.band {
        let bands = rows.iter().map(|(_, row)| row.band_hz.unzip());
        let (low, high): (Vec<Option<f64>>, Vec<Option<f64>>) = bands.unzip();
        write_optional::<DoubleType, _>(&mut group, low.into_iter())?;
        write_optional::<DoubleType, _>(&mut group, high.into_iter())?;
    }
    if further.date {
        let when = |(of, row): &(&Found, Row)| of.began.later(row.span.onset()).unzip();
        let (dates, times): (Vec<Option<String>>, Vec<Option<String>>) =
            rows.iter().map(when).unzip();
        for texts in [dates, times] {
            let texts = texts
                .iter()
                .map(|text| text.as_deref().map(ByteArray::from));
            write_optional::<ByteArrayType, _>(&mut group, texts)?;
        }
    }
    if further.verdict {
        let verdicts = rows.iter().map(|(_, row)| row.verdict());
        let verdicts = verdicts.map(|text| (!text.is_empty()).then(|| ByteArray::from(text)));
        write_optional::<ByteArrayType, _>(&mut group, verdicts)?;
    }

    group.close()?;
    file.close()?;
    Ok(bytes)
}

/// Writes the next column, in which values may be absent.
fn write_optional<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<W>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let values: Vec<_> = values.collect();
    // 1 where there is one.
    let is_there: Vec<_> = values.iter().map(|v| i16::from(v.is_some())).collect();
    let values: Vec<_> = values.into_iter().flatten().collect();
    let levels = Levels {
        definition: Some(&is_there),
        repetition: None,
    };
    write_column::<T, _>(group, &values, levels)
}

/// What the file says of its columns; a mark has no score, and all but recording, onset and offset of an event may be absent.
fn schema(further: Further) -> Result<TypePtr, ParquetError> {
    let score = match further.verdict {
        true => Repetition::OPTIONAL,
        false => Repetition::REQUIRED,
    };
    let mut fields = vec![
        column("recording", PhysicalType::BYTE_ARRAY, Repetition::REQUIRED)?,
        column("onset", PhysicalType::DOUBLE, Repetition::REQUIRED)?,
        column("offset", PhysicalType::DOUBLE, Repetition::REQUIRED)?,
        column("score", PhysicalType::FLOAT, score)?,
        column("label", PhysicalType::BYTE_ARRAY, Repetition::OPTIONAL)?,
    ];
    let optional = [
        (further.band, "low_hz", PhysicalType::DOUBLE),
        (further.band, "high_hz", PhysicalType::DOUBLE),
        (further.date, "date", PhysicalType::BYTE_ARRAY),
        (further.date, "time", PhysicalType::BYTE_ARRAY),
        (further.verdict, "verdict", PhysicalType::BYTE_ARRAY),
    ];
    for (_, name, kind) in optional.into_iter().filter(|(is_there, ..)| *is_there) {
        fields.push(column(name, kind, Repetition::OPTIONAL)?);
    }
    let table = Type::group_type_builder("events").with_fields(fields);
    table.build().map(Arc::new)
}
