//! Embeddings of recordings → a table for other programs.

use super::npy::{AxisOrder, npy_head};
use crate::Embeddings;
use crate::dataset::{Span, guarded};
use crate::parquet_columns::{Levels, column, write_column};
use crate::whole_file::write_whole_with;
use parquet::{
    basic::{LogicalType, Repetition, Type as PhysicalType},
    data_type::{ByteArray, ByteArrayType, DoubleType, FloatType},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{Type, TypePtr},
};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The windows of a recording and their embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddedRecording {
    /// The name of the recording, as it is to stand in the table.
    pub recording: String,
    /// Its windows, in seconds.
    pub windows: Vec<Span>,
    /// A row for each window.
    pub embeddings: Embeddings,
}

/// A kind of table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingFormat {
    /// float32 of shape `[windows, dim]`, and beside it a table `NAME.csv` that says of each row `recording,onset,offset`.
    Npy,
    /// `recording,onset,offset,e0,e1,…`
    Csv,
    /// Columns `recording`, `onset`, `offset` and `embedding`, a list of `dim` floats.
    Parquet,
}

impl EmbeddingFormat {
    /// The endings of their files.
    pub const ENDINGS: [&str; 3] = ["npy", "csv", "parquet"];

    /// The kind that a file's ending says.
    pub fn of_path(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match ending.as_str() {
            "npy" => Self::Npy,
            "csv" => Self::Csv,
            "parquet" => Self::Parquet,
            _ => return None,
        })
    }
}

/// A table of embeddings that is to be written.
#[derive(Debug, Clone)]
pub struct EmbeddingTable<'a> {
    /// Where.
    pub path: &'a Path,
    /// How.
    pub format: EmbeddingFormat,
    /// Windows of all recordings.
    pub windows: usize,
    /// Length of an embedding.
    pub dim: usize,
}

impl EmbeddingTable<'_> {
    /// The files that are written: the table, and beside a NumPy file that of its rows.
    pub fn files(path: &Path, format: EmbeddingFormat) -> Vec<PathBuf> {
        let beside = (format == EmbeddingFormat::Npy).then(|| path.with_extension("csv"));
        [path.to_owned()].into_iter().chain(beside).collect()
    }

    /// Writes the table, whole or not at all, with one recording at a time in memory; `recording` gives them, the number of
    /// windows in all is as promised.
    ///
    /// # Errors
    /// If a file cannot be written, or what `recording` says.
    pub fn write(
        &self,
        recordings: usize,
        recording: impl Fn(usize) -> io::Result<EmbeddedRecording>,
    ) -> io::Result<()> {
        let each = || (0..recordings).map(&recording);
        match self.format {
            EmbeddingFormat::Npy => {
                write_whole_with(&self.path.with_extension("csv"), |file| {
                    each().try_fold(Rows::new(file)?, |mut rows, of| {
                        rows.add(&of?, false).map(|()| rows)
                    })?;
                    Ok(())
                })?;
                write_whole_with(self.path, |file| {
                    let shape = [self.windows, self.dim];
                    file.write_all(&npy_head(&shape, AxisOrder::C))?;
                    for of in each() {
                        let values = of?.embeddings;
                        for value in values.values() {
                            file.write_all(&value.to_le_bytes())?;
                        }
                    }
                    Ok(())
                })
            }
            EmbeddingFormat::Csv => write_whole_with(self.path, |file| {
                let mut rows = Rows::with_numbers(file, self.dim)?;
                each().try_for_each(|of| rows.add(&of?, true))
            }),
            EmbeddingFormat::Parquet => write_whole_with(self.path, |file| {
                let groups = self.parquet(file, each());
                groups.map_err(|error| match error {
                    ParquetError::External(error) => match error.downcast::<io::Error>() {
                        Ok(error) => *error,
                        Err(error) => io::Error::other(error),
                    },
                    error => io::Error::other(error),
                })
            }),
        }
    }

    fn parquet<W: Write + Send>(
        &self,
        file: W,
        recordings: impl Iterator<Item = io::Result<EmbeddedRecording>>,
    ) -> Result<(), ParquetError> {
        let properties = Arc::new(WriterProperties::builder().build());
        let mut file = SerializedFileWriter::new(file, schema()?, properties)?;
        let (mut some, mut windows) = (Vec::new(), 0);
        for recording in recordings {
            let recording = recording.map_err(|error| ParquetError::External(Box::new(error)))?;
            windows += recording.windows.len();
            some.push(recording);
            if windows >= ROW_GROUP {
                write_group(file.next_row_group()?, &some)?;
                some.clear();
                windows = 0;
            }
        }
        if windows > 0 {
            write_group(file.next_row_group()?, &some)?;
        }
        file.close().map(|_| ())
    }
}

/// Rows of comma-separated values.
struct Rows<W: Write>(csv::Writer<W>);

impl<W: Write> Rows<W> {
    fn new(file: W) -> io::Result<Self> {
        Self::with_numbers(file, 0)
    }

    fn with_numbers(file: W, dim: usize) -> io::Result<Self> {
        let mut rows = csv::Writer::from_writer(file);
        let names = ["recording", "onset", "offset"].map(str::to_owned);
        rows.write_record(names.into_iter().chain((0..dim).map(|n| format!("e{n}"))))?;
        Ok(Self(rows))
    }

    fn add(&mut self, of: &EmbeddedRecording, has_numbers: bool) -> io::Result<()> {
        let name = guarded(&of.recording);
        for (window, row) in of.windows.iter().zip(of.embeddings.rows()) {
            let times = [window.onset(), window.offset()].map(|secs| format!("{secs:.6}"));
            let row = row.iter().filter(|_| has_numbers).map(f32::to_string);
            let values = [name.to_string()].into_iter().chain(times).chain(row);
            self.0.write_record(values)?;
        }
        Ok(())
    }
}

/// Windows of a row group, at least.
const ROW_GROUP: usize = 8192;

/// One row group of the columns `recording`, `onset`, `offset`, `embedding`.
fn write_group<W: Write + Send>(
    mut group: SerializedRowGroupWriter<W>,
    recordings: &[EmbeddedRecording],
) -> Result<(), ParquetError> {
    let names = recordings.iter().flat_map(|of| {
        std::iter::repeat_n(ByteArray::from(of.recording.as_str()), of.windows.len())
    });
    write_column::<ByteArrayType, _>(&mut group, &names.collect::<Vec<_>>(), Levels::default())?;
    for place in [Span::onset, Span::offset] {
        let times = recordings.iter().flat_map(|of| &of.windows).map(place);
        write_column::<DoubleType, _>(&mut group, &times.collect::<Vec<_>>(), Levels::default())?;
    }
    let rows: Vec<&[f32]> = (recordings.iter())
        .flat_map(|of| of.embeddings.rows())
        .collect();
    let goes_on = rows
        .iter()
        .flat_map(|row| (0..row.len()).map(|n| i16::from(n > 0)));
    let goes_on: Vec<i16> = goes_on.collect();
    let levels = Levels {
        definition: Some(&vec![1; goes_on.len()]),
        repetition: Some(&goes_on),
    };
    write_column::<FloatType, _>(&mut group, &rows.concat(), levels)?;
    group.close().map(|_| ())
}

fn schema() -> Result<TypePtr, ParquetError> {
    let column = |name, kind| column(name, kind, Repetition::REQUIRED);
    let element = column("element", PhysicalType::FLOAT)?;
    let list = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![element])
        .build()?;
    let embedding = Type::group_type_builder("embedding")
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(list)])
        .build()?;
    let fields = vec![
        column("recording", PhysicalType::BYTE_ARRAY)?,
        column("onset", PhysicalType::DOUBLE)?,
        column("offset", PhysicalType::DOUBLE)?,
        Arc::new(embedding),
    ];
    let table = Type::group_type_builder("embeddings").with_fields(fields);
    table.build().map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn recording(index: usize) -> io::Result<EmbeddedRecording> {
        let names = ["=A01/dawn.wav", "dusk, late.wav"];
        let windows = [(0.0, 1.0), (1.0, 2.0)][..2 - index].iter();
        Ok(EmbeddedRecording {
            recording: names[index].to_owned(),
            windows: windows.map(|&span| span.try_into().unwrap()).collect(),
            embeddings: Embeddings::from_rows(
                3,
                [0.5, -1.25, 1e-9, 4.0, 5.0, 6.0][..3 * (2 - index)].to_vec(),
            ),
        })
    }

    fn write(name: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let table = EmbeddingTable {
            path: &path,
            format: EmbeddingFormat::of_path(&path).unwrap(),
            windows: 3,
            dim: 3,
        };
        table.write(2, recording).unwrap();
        (folder, path)
    }

    #[test]
    fn numpy_has_the_numbers_and_a_table_beside_it_the_windows() {
        let (_folder, path) = write("all.npy");
        let bytes = fs::read(&path).unwrap();
        let head = String::from_utf8_lossy(&bytes[10..128]).into_owned();
        assert!(
            head.contains("'fortran_order': False, 'shape': (3, 3)"),
            "{head}"
        );
        let numbers = bytes[bytes.len() - 36..].as_chunks::<4>().0;
        let numbers: Vec<f32> = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
        assert_eq!(numbers, [0.5, -1.25, 1e-9, 4.0, 5.0, 6.0, 0.5, -1.25, 1e-9]);
        let rows = fs::read_to_string(path.with_extension("csv")).unwrap();
        assert_eq!(
            rows,
            "recording,onset,offset\n'=A01/dawn.wav,0.000000,1.000000\n\
             '=A01/dawn.wav,1.000000,2.000000\n\"dusk, late.wav\",0.000000,1.000000\n"
        );
    }

    #[test]
    fn csv_has_a_column_for_each_number() {
        let (_folder, path) = write("all.csv");
        let text = fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("recording,onset,offset,e0,e1,e2"));
        assert_eq!(
            lines.next(),
            Some("'=A01/dawn.wav,0.000000,1.000000,0.5,-1.25,0.000000001")
        );
        assert_eq!(lines.count(), 2);
    }

    #[test]
    fn parquet_has_a_list_for_each_window() {
        use parquet::file::reader::{FileReader, SerializedFileReader};
        use parquet::record::RowAccessor;
        let (_folder, path) = write("all.parquet");
        let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
        let rows: Vec<_> = reader
            .get_row_iter(None)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].get_string(0).unwrap(), "=A01/dawn.wav");
        assert_eq!(rows[1].get_double(1).unwrap(), 1.0);
        let list = rows[1].get_list(3).unwrap();
        assert_eq!(
            format!("{:?}", list.elements()),
            "[Float(4.0), Float(5.0), Float(6.0)]"
        );
        assert_eq!(rows[2].get_string(0).unwrap(), "dusk, late.wav");
    }
}
