//! Sound files in, raw samples out: what `tests/field/sounds.py` compares with ffmpeg.
//!
//!     cargo run --no-default-features --example samples -- FOLDER < list_of_files
//!
//! Of the n-th file (from 0) FOLDER/n.f32 gets every channel, interleaved, 32-bit floats; a line of JSON for each file says
//! what was read, and what the program has to say about it.

#![expect(clippy::print_stdout, reason = "a program that writes to a pipe")]

use chiffchaff::audio::{AudioError, AudioReader};
use serde_json::json;
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Write};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("give a folder")?;
    let folder = PathBuf::from(folder);
    for (n, file) in io::stdin().lock().lines().enumerate() {
        let file = file?;
        let mut out = BufWriter::new(File::create(folder.join(format!("{n}.f32")))?);
        let mut read = Read::default();
        let error = copy(&file, &mut read, &mut out).err();
        out.flush()?;
        println!(
            "{}",
            json!({
                "file": file,
                "rate": read.rate,
                "channels": read.channels,
                "samples": read.samples,
                "error": error.map(|error| error.to_string()),
                "remarks": read.remarks,
            })
        );
    }
    Ok(())
}

/// What came out before the end or an error.
#[derive(Default)]
struct Read {
    rate: u32,
    channels: usize,
    samples: usize,
    remarks: Vec<String>,
}

fn copy(file: &str, read: &mut Read, out: &mut impl Write) -> Result<(), AudioError> {
    let mut reader = AudioReader::open(file)?;
    read.rate = reader.sample_rate().hz();
    read.channels = reader.channels();
    let end = copy_blocks(&mut reader, read, out);
    read.remarks = reader.remarks().iter().map(ToString::to_string).collect();
    end
}

fn copy_blocks(
    reader: &mut AudioReader,
    read: &mut Read,
    out: &mut impl Write,
) -> Result<(), AudioError> {
    while let Some(block) = reader.next_block()? {
        read.samples += block[0].len();
        for i in 0..block[0].len() {
            for plane in block {
                out.write_all(&plane[i].to_le_bytes())
                    .expect("a disk with space");
            }
        }
    }
    Ok(())
}
