//! A small writer of MaxMind DB files, the format that geolocation databases come in.
//!
//! Format 2.0 as MaxMind publishes it: a binary search tree over address bits, a data section in
//! which equal records and repeated strings are written once, and metadata. IPv4 networks of an
//! IPv6 database stand at `::/96`. The bytes depend on what was inserted and in which order, and on
//! nothing else.
//!
//! ```
//! use plumbline_replay_data::mmdb::{IpVersion, Mmdb, Value};
//!
//! let mut database = Mmdb::new(IpVersion::V4, "Example", "Two networks");
//! let oslo = Value::map([("city", Value::from("Oslo"))]);
//! database.insert("192.0.2.0".parse()?, 24, oslo)?;
//! let bytes = database.to_bytes()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// Why a database cannot be written.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum MmdbError {
    /// A prefix longer than the address.
    #[error("{address}/{prefix}: the prefix is longer than the address")]
    PrefixTooLong {
        /// The address.
        address: IpAddr,
        /// The prefix length.
        prefix: u8,
    },
    /// An IPv6 network for an IPv4 database.
    #[error("{address} is IPv6, the database is IPv4 only; make it an IPv6 database")]
    WrongVersion {
        /// The address.
        address: Ipv6Addr,
    },
    /// A range whose ends are of two kinds or in the wrong order.
    #[error("{first} to {last} is no range of addresses")]
    BadRange {
        /// The first address.
        first: IpAddr,
        /// The last address.
        last: IpAddr,
    },
    /// More data than the format's pointers reach.
    #[error("the database is too large for the format: split it in two")]
    TooLarge,
}

/// A value of the data section.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// UTF-8 text.
    Text(String),
    /// A double.
    Double(f64),
    /// A single.
    Float(f32),
    /// A 16-bit number.
    U16(u16),
    /// A 32-bit number.
    U32(u32),
    /// A 64-bit number.
    U64(u64),
    /// Values by name, in the order given.
    Map(Vec<(String, Value)>),
    /// Values in order.
    Array(Vec<Value>),
}

impl Value {
    /// A map of these entries.
    pub fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        let owned = |(key, value): (&str, Value)| (key.to_owned(), value);
        Self::Map(entries.into_iter().map(owned).collect())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Which addresses a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpVersion {
    /// IPv4 only.
    V4,
    /// IPv6, and IPv4 at `::/96`.
    V6,
}

/// A record of the tree while it is built.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Record {
    Empty,
    Node(u32),
    /// Offset in the data section.
    Data(u32),
}

/// A database being built.
#[derive(Debug)]
pub struct Mmdb {
    version: IpVersion,
    database_type: String,
    description: String,
    build_epoch: u64,
    nodes: Vec<[Record; 2]>,
    data: DataSection,
}

impl Mmdb {
    /// An empty database.
    pub fn new(version: IpVersion, database_type: &str, description: &str) -> Self {
        Self {
            version,
            database_type: database_type.to_owned(),
            description: description.to_owned(),
            build_epoch: 0,
            nodes: vec![[Record::Empty; 2]],
            data: DataSection::default(),
        }
    }

    /// Sets the time that the metadata gives as the database's age, seconds since 1970.
    pub fn built_at(mut self, epoch_s: u64) -> Self {
        self.build_epoch = epoch_s;
        self
    }

    /// Says what is known of a network. What was inserted for all or parts of it is replaced.
    pub fn insert(&mut self, address: IpAddr, prefix: u8, value: Value) -> Result<(), MmdbError> {
        let (bits, depth) = self.path(address, prefix)?;
        let record = Record::Data(self.data.record(&value)?);
        self.set(bits, depth, record)
    }

    /// Says what is known of every address from `first` to `last`, both included.
    pub fn insert_range(
        &mut self,
        first: IpAddr,
        last: IpAddr,
        value: Value,
    ) -> Result<(), MmdbError> {
        let bad = MmdbError::BadRange { first, last };
        let (from, to, width) = match (first, last) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
            _ => return Err(bad),
        };
        if from > to {
            return Err(bad);
        }
        let record = Record::Data(self.data.record(&value)?);
        for (network, prefix) in blocks(from, to, width) {
            let address = match first {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(network as u32)),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(network)),
            };
            let (bits, depth) = self.path(address, prefix)?;
            self.set(bits, depth, record)?;
        }
        Ok(())
    }

    /// The way through the tree: the address's bits from the top of a `u128`, and how many count.
    fn path(&self, address: IpAddr, prefix: u8) -> Result<(u128, u8), MmdbError> {
        let width = if address.is_ipv4() { 32 } else { 128 };
        if prefix > width {
            return Err(MmdbError::PrefixTooLong { address, prefix });
        }
        match (address, self.version) {
            (IpAddr::V4(v4), IpVersion::V4) => Ok((u128::from(v4.to_bits()) << 96, prefix)),
            (IpAddr::V4(v4), IpVersion::V6) => Ok((v4.to_bits().into(), prefix + 96)),
            (IpAddr::V6(v6), IpVersion::V6) => Ok((v6.to_bits(), prefix)),
            (IpAddr::V6(address), IpVersion::V4) => Err(MmdbError::WrongVersion { address }),
        }
    }

    fn set(&mut self, bits: u128, depth: u8, record: Record) -> Result<(), MmdbError> {
        let Some(last) = depth.checked_sub(1) else {
            self.nodes = vec![[record; 2]];
            return Ok(());
        };
        let side = |level: u8| usize::from(bits >> (127 - level) & 1 == 1);
        let mut at = 0;
        for level in 0..last {
            let child = self.nodes[at][side(level)];
            at = match child {
                Record::Node(next) => next as usize,
                // A wider network is there already: its record goes to both halves.
                inherited => {
                    let next = u32::try_from(self.nodes.len()).map_err(|_| MmdbError::TooLarge)?;
                    self.nodes.push([inherited; 2]);
                    self.nodes[at][side(level)] = Record::Node(next);
                    next as usize
                }
            };
        }
        self.nodes[at][side(last)] = record;
        Ok(())
    }

    /// The whole file.
    pub fn to_bytes(&self) -> Result<Vec<u8>, MmdbError> {
        let order = self.reachable();
        let data = &self.data.bytes;
        let count = u32::try_from(order.len()).map_err(|_| MmdbError::TooLarge)?;
        let largest = u64::from(count) + SEPARATOR.len() as u64 + data.len() as u64;
        let record_bits = match largest {
            0..0x100_0000 => 24,
            0x100_0000..0x1000_0000 => 28,
            0x1000_0000..0x1_0000_0000 => 32,
            _ => return Err(MmdbError::TooLarge),
        };
        let mut position = vec![0u32; self.nodes.len()];
        for (new, old) in (0..).zip(&order) {
            position[*old] = new;
        }
        let value = |record: Record| match record {
            Record::Empty => count,
            Record::Node(old) => position[old as usize],
            Record::Data(offset) => count + SEPARATOR.len() as u32 + offset,
        };
        let mut file = Vec::with_capacity(order.len() * record_bits / 4 + data.len() + 256);
        for old in order {
            let [left, right] = self.nodes[old].map(value);
            write_node(&mut file, record_bits, left, right);
        }
        file.extend_from_slice(&SEPARATOR);
        file.extend_from_slice(data);
        file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        let mut metadata = DataSection::default();
        metadata.write(&self.metadata(count, record_bits as u16))?;
        file.extend_from_slice(&metadata.bytes);
        Ok(file)
    }

    /// The nodes in use, parents first; a replaced network leaves nodes behind that are not.
    fn reachable(&self) -> Vec<usize> {
        let mut order = vec![0];
        let mut next = 0;
        while let Some(&node) = order.get(next) {
            for record in self.nodes[node] {
                if let Record::Node(child) = record {
                    order.push(child as usize);
                }
            }
            next += 1;
        }
        order
    }

    fn metadata(&self, node_count: u32, record_size: u16) -> Value {
        let ip_version = match self.version {
            IpVersion::V4 => 4,
            IpVersion::V6 => 6,
        };
        Value::map([
            ("binary_format_major_version", Value::U16(2)),
            ("binary_format_minor_version", Value::U16(0)),
            ("build_epoch", Value::U64(self.build_epoch)),
            ("database_type", self.database_type.as_str().into()),
            (
                "description",
                Value::map([("en", self.description.as_str().into())]),
            ),
            ("ip_version", Value::U16(ip_version)),
            ("languages", Value::Array(vec!["en".into()])),
            ("node_count", Value::U32(node_count)),
            ("record_size", Value::U16(record_size)),
        ])
    }
}

/// Stands between tree and data.
const SEPARATOR: [u8; 16] = [0; 16];

fn write_node(file: &mut Vec<u8>, record_bits: usize, left: u32, right: u32) {
    let (l, r) = (left.to_be_bytes(), right.to_be_bytes());
    match record_bits {
        24 => {
            file.extend_from_slice(&l[1..]);
            file.extend_from_slice(&r[1..]);
        }
        // The high nibbles of both share the byte in the middle.
        28 => {
            file.extend_from_slice(&l[1..]);
            file.push(l[0] << 4 | r[0]);
            file.extend_from_slice(&r[1..]);
        }
        _ => {
            file.extend_from_slice(&l);
            file.extend_from_slice(&r);
        }
    }
}

/// The fewest aligned blocks that make up a range, as (network, prefix length).
fn blocks(first: u128, last: u128, width: u32) -> impl Iterator<Item = (u128, u8)> {
    let mut next = Some(first);
    std::iter::from_fn(move || {
        let from = next.filter(|from| *from <= last)?;
        let aligned = from.trailing_zeros().min(width);
        // The largest power of two that is no longer than what remains.
        let remaining = last - from;
        let fits = match remaining.checked_add(1) {
            Some(count) => count.ilog2(),
            None => 128,
        };
        let host_bits = aligned.min(fits);
        next = match 1u128.checked_shl(host_bits) {
            Some(size) => from.checked_add(size),
            None => None,
        };
        Some((from, (width - host_bits) as u8))
    })
}

/// The data section: every record and every longer string stands there once.
#[derive(Debug, Default)]
struct DataSection {
    bytes: Vec<u8>,
    records: HashMap<Vec<u8>, u32>,
    strings: HashMap<String, u32>,
}

/// A shorter string takes no more room than the pointer to it.
const SHARED_STRING_BYTES: usize = 5;

impl DataSection {
    /// Where the record stands; writes it if it is new.
    fn record(&mut self, value: &Value) -> Result<u32, MmdbError> {
        let mut plain = DataSection::default();
        plain.write_plain(value)?;
        if let Some(offset) = self.records.get(&plain.bytes) {
            return Ok(*offset);
        }
        let offset = self.offset()?;
        self.write(value)?;
        self.records.insert(plain.bytes, offset);
        Ok(offset)
    }

    fn offset(&self) -> Result<u32, MmdbError> {
        u32::try_from(self.bytes.len()).map_err(|_| MmdbError::TooLarge)
    }

    /// Writes a value, with pointers to the strings that stand in the section already.
    fn write(&mut self, value: &Value) -> Result<(), MmdbError> {
        self.write_with(value, &mut Self::shared_text)
    }

    /// Writes a value with every string in full.
    fn write_plain(&mut self, value: &Value) -> Result<(), MmdbError> {
        self.write_with(value, &mut Self::plain_text)
    }

    fn write_with(
        &mut self,
        value: &Value,
        text: &mut impl FnMut(&mut Self, &str) -> Result<(), MmdbError>,
    ) -> Result<(), MmdbError> {
        match value {
            Value::Text(string) => text(self, string)?,
            Value::Double(number) => self.scalar(Kind::Double, &number.to_be_bytes())?,
            Value::Float(number) => self.scalar(Kind::Float, &number.to_be_bytes())?,
            Value::U16(number) => self.number(Kind::U16, (*number).into())?,
            Value::U32(number) => self.number(Kind::U32, (*number).into())?,
            Value::U64(number) => self.number(Kind::U64, *number)?,
            Value::Map(entries) => {
                self.control(Kind::Map, entries.len())?;
                for (key, value) in entries {
                    text(self, key)?;
                    self.write_with(value, text)?;
                }
            }
            Value::Array(values) => {
                self.control(Kind::Array, values.len())?;
                for value in values {
                    self.write_with(value, text)?;
                }
            }
        }
        Ok(())
    }

    fn plain_text(&mut self, text: &str) -> Result<(), MmdbError> {
        self.scalar(Kind::Text, text.as_bytes())
    }

    fn shared_text(&mut self, text: &str) -> Result<(), MmdbError> {
        if text.len() < SHARED_STRING_BYTES {
            return self.plain_text(text);
        }
        if let Some(offset) = self.strings.get(text) {
            self.bytes.extend_from_slice(&pointer(*offset));
            return Ok(());
        }
        let offset = self.offset()?;
        self.strings.insert(text.to_owned(), offset);
        self.plain_text(text)
    }

    /// Numbers are written without their leading zero bytes.
    fn number(&mut self, kind: Kind, number: u64) -> Result<(), MmdbError> {
        let bytes = number.to_be_bytes();
        self.scalar(kind, &bytes[number.leading_zeros() as usize / 8..])
    }

    fn scalar(&mut self, kind: Kind, payload: &[u8]) -> Result<(), MmdbError> {
        self.control(kind, payload.len())?;
        self.bytes.extend_from_slice(payload);
        Ok(())
    }

    /// The byte or bytes that give type and size.
    fn control(&mut self, kind: Kind, size: usize) -> Result<(), MmdbError> {
        let (short, extra) = match size {
            0..29 => (size as u8, vec![]),
            29..285 => (29, vec![(size - 29) as u8]),
            285..65_821 => (30, ((size - 285) as u16).to_be_bytes().to_vec()),
            65_821..16_843_037 => (31, ((size - 65_821) as u32).to_be_bytes()[1..].to_vec()),
            _ => return Err(MmdbError::TooLarge),
        };
        match kind as u8 {
            basic @ 1..8 => self.bytes.push(basic << 5 | short),
            extended => self.bytes.extend_from_slice(&[short, extended - 7]),
        }
        self.bytes.extend_from_slice(&extra);
        Ok(())
    }
}

/// Types by their number in the format.
#[derive(Clone, Copy)]
enum Kind {
    Text = 2,
    Double = 3,
    U16 = 5,
    U32 = 6,
    Map = 7,
    U64 = 9,
    Array = 11,
    Float = 15,
}

/// A pointer into the data section, in the shortest of its four forms.
fn pointer(offset: u32) -> Vec<u8> {
    let form = |size: u8, value: u32, bytes: usize| {
        let mut written = value.to_be_bytes()[4 - bytes..].to_vec();
        // All forms but the longest keep three bits of the value in the control byte.
        if bytes < 4 {
            let high = value >> (8 * bytes) & 0b111;
            written.insert(0, 0b0010_0000 | size << 3 | high as u8);
        } else {
            written.insert(0, 0b0010_0000 | size << 3);
        }
        written
    };
    match offset {
        0..2_048 => form(0, offset, 1),
        2_048..526_336 => form(1, offset - 2_048, 2),
        526_336..134_744_064 => form(2, offset - 526_336, 3),
        _ => form(3, offset, 4),
    }
}

#[cfg(test)]
#[path = "mmdb_tests.rs"]
mod tests;
