//! The file of a checkpoint: a frame of Zstandard with a checksum over all of it. It holds a header as JSON, then
//! the entries of each engine. One that breaks off or was changed is damaged, whatever of it can be read.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use plumbline_detectors::Engine;
use plumbline_detectors::state::Restorer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::partial::Partial;

/// What every file begins with: raise the number when something else is written.
const MAGIC: &[u8] = b"plumbline checkpoint 1\n";
/// Stands where the length of a key would, behind the last entry of an engine.
const END: u32 = u32::MAX;
/// States repeat themselves so much that the fastest level halves them several times over, in less time than it
/// takes to write them.
const LEVEL: i32 = 1;
/// No key or value is longer.
const LONGEST: u32 = 1 << 30;

/// Writes a file, which is complete under its name or not there.
pub(super) fn write<'e>(
    path: &Path,
    header: &impl Serialize,
    engines: impl Iterator<Item = &'e mut Engine>,
) -> io::Result<()> {
    let mut partial = BufWriter::with_capacity(1 << 18, Partial::begin(path)?);
    let mut frame = zstd::Encoder::new(&mut partial, LEVEL)?;
    frame.include_checksum(true)?;
    frame.write_all(MAGIC)?;
    let header = serde_json::to_vec(header)?;
    chunk(&mut frame, &header)?;
    for engine in engines {
        engine.write_all(0, &mut |entry| {
            let Some(value) = &entry.value else {
                return Ok(());
            };
            chunk(&mut frame, entry.key.as_bytes())?;
            chunk(&mut frame, value)
        })?;
        frame.write_all(&END.to_le_bytes())?;
    }
    frame.finish()?;
    let partial = partial
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    partial.finish()?;
    // Its name has to survive a power cut as well.
    path.parent()
        .map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

fn chunk(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len())
        .ok()
        .filter(|length| *length <= LONGEST);
    let length = length.ok_or(io::ErrorKind::FileTooLarge)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(bytes)
}

/// A file that is read.
pub(super) struct Reader {
    frame: zstd::Decoder<'static, BufReader<File>>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Reader {
    /// Opens a file, and reads its header.
    pub(super) fn open<H: DeserializeOwned>(path: &Path) -> io::Result<(Self, H)> {
        let frame = zstd::Decoder::new(File::open(path)?)?.single_frame();
        let mut reader = Self {
            frame,
            key: Vec::new(),
            value: Vec::new(),
        };
        let mut magic = [0; MAGIC.len()];
        reader.frame.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(io::Error::other("it is no checkpoint of this version"));
        }
        let length = length(&mut reader.frame)?;
        let mut header = Vec::new();
        fill(&mut reader.frame, length, &mut header)?;
        Ok((reader, serde_json::from_slice(&header)?))
    }

    /// The next engine.
    pub(super) fn engine(&mut self, mut restorer: Restorer) -> io::Result<Engine> {
        loop {
            let key = length(&mut self.frame)?;
            if key == END {
                break;
            }
            fill(&mut self.frame, key, &mut self.key)?;
            let value = length(&mut self.frame)?;
            fill(&mut self.frame, value, &mut self.value)?;
            restorer
                .take(&self.key, Some(&self.value))
                .map_err(io::Error::other)?;
        }
        let engine = restorer.finish().map_err(io::Error::other)?;
        let (mut engine, _) = engine.ok_or_else(|| io::Error::other("an engine is missing"))?;
        engine.keep_no_account();
        Ok(engine)
    }

    /// Reads what is left: behind it the checksum shows whether all of it is as it was written.
    pub(super) fn end(mut self) -> io::Result<()> {
        io::copy(&mut self.frame, &mut io::sink()).map(drop)
    }
}

fn length(from: &mut impl Read) -> io::Result<u32> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    Ok(u32::from_le_bytes(length))
}

/// Replaces what is in `bytes`. No memory is asked for that the file does not fill.
fn fill(from: &mut impl Read, length: u32, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.clear();
    let read = from.take(u64::from(length)).read_to_end(bytes)?;
    match read == length as usize {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
