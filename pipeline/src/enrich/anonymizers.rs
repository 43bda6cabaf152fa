//! Lists of anonymiser ranges: CSV lines `cidr,kind`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use plumbline_schemas::event::Anonymizer;

use super::EnrichError;

/// Ranges that never overlap, in the order of their addresses.
///
/// IPv4 addresses stand in the same order at `::ffff:0:0/96`, so that one search serves both.
#[derive(Debug, Default)]
pub(super) struct Anonymizers {
    ranges: Vec<Range>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    first: u128,
    last: u128,
    kind: Anonymizer,
}

impl Anonymizers {
    /// Reads the files. Of ranges that contain each other the narrower wins, of equal ones the
    /// first.
    pub(super) fn open(paths: &[PathBuf]) -> Result<Self, EnrichError> {
        let mut listed = Vec::new();
        for path in paths {
            let text = std::fs::read_to_string(path).map_err(|cause| EnrichError::Unreadable {
                path: path.clone(),
                cause,
            })?;
            read_list(path, &text, &mut listed)?;
        }
        Ok(Self::from_ranges(listed))
    }

    /// As [`Anonymizers::open`], from text in memory; `name` stands for the path in errors.
    pub(super) fn read(name: &Path, text: &str) -> Result<Self, EnrichError> {
        let mut listed = Vec::new();
        read_list(name, text, &mut listed)?;
        Ok(Self::from_ranges(listed))
    }

    fn from_ranges(mut listed: Vec<Range>) -> Self {
        // Outer ranges before the inner ones that begin at the same address. The sort is stable,
        // so of equal ranges the first listed stays first, and `dedup` keeps it.
        listed.sort_by_key(|range| (range.first, std::cmp::Reverse(range.last)));
        listed.dedup_by_key(|range| (range.first, range.last));
        Self {
            ranges: flatten(&listed),
        }
    }

    /// What hides behind the address, if it is listed.
    pub(super) fn lookup(&self, address: IpAddr) -> Option<Anonymizer> {
        let key = key(address);
        let after = self.ranges.partition_point(|range| range.first <= key);
        let range = self.ranges.get(after.checked_sub(1)?)?;
        (key <= range.last).then_some(range.kind)
    }
}

fn key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Cuts nested ranges into pieces, each with the kind of the innermost range around it. Ranges that
/// are CIDR blocks are either apart or one inside the other, so a stack of the open ones is enough.
fn flatten(sorted: &[Range]) -> Vec<Range> {
    let mut pieces = Vec::with_capacity(sorted.len());
    let mut open: Vec<Range> = Vec::new();
    for range in sorted {
        close_before(range.first, &mut open, &mut pieces);
        if let Some(outer) = open.last()
            && outer.first < range.first
        {
            pieces.push(Range {
                last: range.first - 1,
                ..*outer
            });
        }
        open.push(*range);
    }
    close_before(u128::MAX, &mut open, &mut pieces);
    // A range that ends with the last address of all is closed by nothing that follows.
    if let Some(last) = open.pop() {
        pieces.push(last);
    }
    pieces
}

fn close_before(next: u128, open: &mut Vec<Range>, pieces: &mut Vec<Range>) {
    while let Some(range) = open.pop_if(|range| range.last < next) {
        if range.first <= range.last {
            pieces.push(range);
        }
        if let Some(outer) = open.last_mut() {
            outer.first = range.last + 1;
        }
    }
}

fn read_list(path: &Path, text: &str, listed: &mut Vec<Range>) -> Result<(), EnrichError> {
    let mut header_allowed = true;
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let is_header = header_allowed && !line.contains(['.', ':']);
        header_allowed = false;
        if is_header {
            continue;
        }
        let range = read_line(line).map_err(|problem| EnrichError::BadRange {
            path: path.to_owned(),
            line: index + 1,
            problem,
        })?;
        listed.push(range);
    }
    Ok(())
}

fn read_line(line: &str) -> Result<Range, String> {
    let mut cells = line.split(',').map(|cell| cell.trim().trim_matches('"'));
    let cidr = cells.next().unwrap_or_default();
    let kind = cells
        .next()
        .ok_or_else(|| "a comma and the kind are missing".to_owned())?;
    let kind: Anonymizer = kind.parse()?;
    let (first, last) = read_cidr(cidr)?;
    Ok(Range { first, last, kind })
}

fn read_cidr(cidr: &str) -> Result<(u128, u128), String> {
    let (address, prefix) = match cidr.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (cidr, None),
    };
    let address: IpAddr = address
        .parse()
        .map_err(|_| format!("`{address}` is no IP address"))?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => width,
        Some(text) => text
            .parse::<u32>()
            .ok()
            .filter(|prefix| *prefix <= width)
            .ok_or_else(|| format!("`/{text}` is no prefix length from 0 to {width}"))?,
    };
    let hosts = u128::MAX.checked_shr(128 - (width - prefix)).unwrap_or(0);
    let first = key(address);
    if first & hosts != 0 {
        return Err(format!("`{cidr}` has bits set beyond its prefix length"));
    }
    Ok((first, first | hosts))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(text: &str) -> Anonymizers {
        Anonymizers::read(Path::new("ranges.csv"), text).unwrap()
    }

    fn kind(list: &Anonymizers, address: &str) -> Option<&'static str> {
        list.lookup(address.parse().unwrap())
            .map(Anonymizer::as_str)
    }

    fn complaint(text: &str) -> String {
        Anonymizers::read(Path::new("ranges.csv"), text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_narrowest_range_wins_and_gaps_are_nobody() {
        let list = list(
            "# networks we know of\n\
             cidr,kind\n\
             198.51.100.0/24,hosting\n\
             198.51.100.64/26, vpn   # a tenant of theirs\n\
             198.51.100.70,tor\n\
             \n\
             \"2001:db8:1::/48\",\"relay\",an extra column\n",
        );
        assert_eq!(kind(&list, "198.51.99.255"), None);
        assert_eq!(kind(&list, "198.51.100.0"), Some("hosting"));
        assert_eq!(kind(&list, "198.51.100.63"), Some("hosting"));
        assert_eq!(kind(&list, "198.51.100.64"), Some("vpn"));
        assert_eq!(kind(&list, "198.51.100.70"), Some("tor"));
        assert_eq!(kind(&list, "198.51.100.71"), Some("vpn"));
        assert_eq!(kind(&list, "198.51.100.128"), Some("hosting"));
        assert_eq!(kind(&list, "198.51.101.0"), None);
        assert_eq!(kind(&list, "2001:db8:1:ffff::"), Some("relay"));
        assert_eq!(kind(&list, "2001:db8:2::"), None);
    }

    #[test]
    fn of_equal_ranges_the_first_listed_wins() {
        let list = list("192.0.2.0/24,proxy\n192.0.2.0/24,tor\n");
        assert_eq!(kind(&list, "192.0.2.9"), Some("proxy"));
    }

    #[test]
    fn a_list_of_everything_reaches_both_ends() {
        let list = list("::/0,relay\n0.0.0.0/0,vpn\n255.255.255.255,tor\n");
        assert_eq!(kind(&list, "::"), Some("relay"));
        assert_eq!(kind(&list, "0.0.0.0"), Some("vpn"));
        assert_eq!(kind(&list, "255.255.255.255"), Some("tor"));
        assert_eq!(
            kind(&list, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            Some("relay")
        );
    }

    #[test]
    fn a_bad_line_is_named_with_what_would_be_right() {
        insta::assert_snapshot!(
            [
                complaint("cidr,kind\n192.0.2.0/24"),
                complaint("192.0.2.0/24,spy"),
                complaint("192.0.2.0/24,vpn\nexample.com,vpn"),
                complaint("192.0.2.0/33,vpn"),
                complaint("192.0.2.9/24,vpn"),
            ]
            .join("\n")
        );
    }

    proptest! {
        #[test]
        fn lookup_agrees_with_trying_every_range(
            ranges in prop::collection::vec((any::<u32>(), 0u32..=8, 0usize..5), 0..24),
            probes in prop::collection::vec(any::<u32>(), 32),
        ) {
            // A small world, 0.0.0.0/24, so that ranges nest often.
            let blocks: Vec<(u32, u32, Anonymizer)> = ranges
                .iter()
                .map(|&(bits, host_bits, kind)| {
                    let size = 1u32 << host_bits;
                    let first = (bits & 0xff) / size * size;
                    (first, first + size - 1, Anonymizer::ALL[kind])
                })
                .collect();
            let shift = |bits: u32| key(IpAddr::V4(bits.into()));
            let table = Anonymizers::from_ranges(
                blocks
                    .iter()
                    .map(|&(first, last, kind)| Range { first: shift(first), last: shift(last), kind })
                    .collect(),
            );
            for probe in probes {
                let probe = probe & 0x1ff;
                let expected = blocks
                    .iter()
                    .filter(|(first, last, _)| (*first..=*last).contains(&probe))
                    .min_by_key(|(first, last, _)| last - first)
                    .map(|&(_, _, kind)| kind);
                prop_assert_eq!(table.lookup(IpAddr::V4(probe.into())), expected);
            }
        }
    }
}
