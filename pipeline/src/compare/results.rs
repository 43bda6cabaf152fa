//! The results of one replay, as they are compared: item by item, never all at once.
//!
//! Of every finding and command an index holds where it stands and a digest of it, 40 bytes or so, and no
//! body. A body is read when it is its turn, or by its place when its other half has come.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use plumbline_schemas::command::Command;
use plumbline_schemas::finding::Finding;
use plumbline_schemas::time::EventTime;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::CompareError;
use crate::replay::labels::{self, LabelledEvent};

/// A finding or a command.
pub(super) trait Item: DeserializeOwned + Serialize {
    /// Its name in a message, and in `differences.ndjson`.
    const NAME: &'static str;
    /// The file that holds it.
    const FILE: &'static str;

    fn id(&self) -> &str;
    fn time(&self) -> EventTime;
    /// What two of different ids share when they answer the same event; `None` where the id says it.
    fn moment(&self) -> Option<u64>;
}

impl Item for Finding {
    const NAME: &'static str = "finding";
    const FILE: &'static str = "findings.ndjson";

    fn id(&self) -> &str {
        &self.id
    }
    fn time(&self) -> EventTime {
        self.time
    }
    /// The id is made of the event, the identity and the detector.
    fn moment(&self) -> Option<u64> {
        None
    }
}

impl Item for Command {
    const NAME: &'static str = "command";
    const FILE: &'static str = "commands.ndjson";

    fn id(&self) -> &str {
        &self.id
    }
    fn time(&self) -> EventTime {
        self.time
    }
    /// The id is made of the event, the identity and the action. An event of which another action came is
    /// known by whom, in what session and with what it was done, and when.
    fn moment(&self) -> Option<u64> {
        let target = &self.target;
        let lifts = self.action.strength().is_none();
        let moment = (
            &target.tenant,
            &target.identity,
            &target.session_id,
            &target.credential_id,
            self.time.as_millis(),
            lifts,
        );
        serde_json::to_vec(&moment).ok().map(|text| xxh3_64(&text))
    }
}

/// What `summary.json` says of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// Records read.
    pub events: u64,
    /// Identities with a profile at the end.
    pub identities: u64,
    /// The smallest event time.
    pub event_time_first: Option<EventTime>,
    /// The largest event time.
    pub event_time_last: Option<EventTime>,
}

/// Where an item stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    offset: u64,
    bytes: u32,
    /// Of the line: two items with the same are the same.
    pub(super) digest: u64,
    pub(super) moment: Option<u64>,
}

/// A file of items with the places of all. One that stands there twice, such as a command that was sent
/// again, is one item.
pub(super) struct Listing<T> {
    pub(super) path: PathBuf,
    places: HashMap<u64, Place>,
    of: PhantomData<T>,
}

impl<T: Item> Listing<T> {
    fn open(directory: &Path) -> Result<Self, CompareError> {
        let path = directory.join(T::FILE);
        if !path.is_file() {
            return Err(CompareError::NoFile(path));
        }
        let mut places = HashMap::new();
        let mut lines = Lines::<T>::open(&path)?;
        while let Some((number, place, _)) = lines.next()? {
            places.entry(number).or_insert(place);
        }
        Ok(Self {
            path,
            places,
            of: PhantomData,
        })
    }

    pub(super) fn place(&self, number: u64) -> Option<Place> {
        self.places.get(&number).copied()
    }

    /// Every item once, in the order of the file.
    pub(super) fn items(&self) -> Result<Items<'_, T>, CompareError> {
        Ok(Items {
            listing: self,
            lines: Lines::open(&self.path)?,
        })
    }

    /// Reads single items by their places.
    pub(super) fn reader(&self) -> Result<Reader<'_, T>, CompareError> {
        Ok(Reader {
            listing: self,
            file: File::open(&self.path).map_err(|source| read_failed(&self.path, source))?,
        })
    }
}

/// The items of a file in its order, with the number of their id.
pub(super) struct Items<'l, T> {
    listing: &'l Listing<T>,
    lines: Lines<T>,
}

impl<T: Item> Items<'_, T> {
    pub(super) fn next(&mut self) -> Result<Option<(u64, Place, T)>, CompareError> {
        while let Some((number, place, item)) = self.lines.next()? {
            let first = self.listing.place(number);
            if first.is_some_and(|first| first.offset == place.offset) {
                return Ok(Some((number, place, item)));
            }
        }
        Ok(None)
    }
}

/// Reads single items.
pub(super) struct Reader<'l, T> {
    listing: &'l Listing<T>,
    file: File,
}

impl<T: Item> Reader<'_, T> {
    pub(super) fn get(&mut self, place: Place) -> Result<T, CompareError> {
        let path = &self.listing.path;
        let mut line = vec![0; place.bytes as usize];
        self.file
            .seek(SeekFrom::Start(place.offset))
            .and_then(|_| self.file.read_exact(&mut line))
            .map_err(|source| read_failed(path, source))?;
        serde_json::from_slice(&line).map_err(|source| CompareError::Line {
            path: path.clone(),
            line: 0,
            source,
        })
    }
}

/// The lines of a file, parsed.
struct Lines<T> {
    path: PathBuf,
    file: BufReader<File>,
    text: Vec<u8>,
    line: u64,
    offset: u64,
    of: PhantomData<T>,
}

impl<T: Item> Lines<T> {
    fn open(path: &Path) -> Result<Self, CompareError> {
        let file = File::open(path).map_err(|source| read_failed(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(1 << 17, file),
            text: Vec::new(),
            line: 0,
            offset: 0,
            of: PhantomData,
        })
    }

    fn next(&mut self) -> Result<Option<(u64, Place, T)>, CompareError> {
        self.text.clear();
        let read = self.file.read_until(b'\n', &mut self.text);
        let read = read.map_err(|source| read_failed(&self.path, source))?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        let wrong = |source| CompareError::Line {
            path: self.path.clone(),
            line: self.line,
            source,
        };
        let item: T = serde_json::from_slice(&self.text).map_err(wrong)?;
        let number = number(item.id())
            .ok_or_else(|| wrong(serde_json::Error::custom("its id is none of Plumbline's")))?;
        let bytes = u32::try_from(read)
            .map_err(|_| wrong(serde_json::Error::custom("longer than 4 GiB")))?;
        let place = Place {
            offset: self.offset,
            bytes,
            digest: xxh3_64(self.text.trim_ascii_end()),
            moment: item.moment(),
        };
        self.offset += read as u64;
        Ok(Some((number, place, item)))
    }
}

/// The number in an id such as `c-099e69b48ef34d9f`.
fn number(id: &str) -> Option<u64> {
    let (_, digits) = id.split_once('-')?;
    u64::from_str_radix(digits, 16).ok()
}

/// One directory that a replay wrote.
pub(super) struct Results {
    pub(super) directory: PathBuf,
    pub(super) overview: Overview,
    pub(super) findings: Listing<Finding>,
    pub(super) commands: Listing<Command>,
}

impl Results {
    pub(super) fn open(directory: &Path) -> Result<Self, CompareError> {
        if !directory.is_dir() {
            return Err(CompareError::NoDirectory(directory.to_owned()));
        }
        let path = directory.join("summary.json");
        let overview = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|source| CompareError::Line {
                path,
                line: source.line() as u64,
                source,
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CompareError::NoFile(path));
            }
            Err(source) => return Err(read_failed(&path, source)),
        };
        Ok(Self {
            directory: directory.to_owned(),
            overview,
            findings: Listing::open(directory)?,
            commands: Listing::open(directory)?,
        })
    }

    /// The labelled events of its log; none where nothing was labelled.
    pub(super) fn labels(&self) -> Result<Vec<LabelledEvent>, CompareError> {
        let path = self.directory.join(labels::FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(read_failed(&path, source)),
        };
        let lines = text.lines().zip(1..);
        let events = lines.map(|(text, line)| {
            serde_json::from_str(text).map_err(|source| CompareError::Line {
                path: path.clone(),
                line,
                source,
            })
        });
        events.collect()
    }
}

fn read_failed(path: &Path, source: io::Error) -> CompareError {
    CompareError::Read {
        path: path.to_owned(),
        source,
    }
}
