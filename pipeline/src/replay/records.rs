//! Where one record ends and the next begins: lines, the elements of arrays, documents of many lines.

use std::io::{self, BufRead};

use plumbline_schemas::event::MAX_RECORD_BYTES;
use serde::{Deserialize, Serialize};

/// What [`Records::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A record; of one that is too large only so much as shows that it is.
    Record,
    /// The file ends inside an array: what follows has been cut off.
    CutOff,
    /// The end of the file.
    End,
}

/// What follows in the file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Framing {
    Start,
    Lines,
    Elements,
    Documents,
}

/// The beginning of a line inside a value. Where lines are envelopes, it tells that the line before was cut
/// off: what follows must not be taken for the rest of it.
#[derive(Default)]
struct LineHead {
    /// The line so far without its blanks, while it may open an envelope; empty on the first line.
    seen: Vec<u8>,
    is_new: bool,
    /// The last byte before it that is no blank.
    before: u8,
    /// How much of the record stands before it.
    record_length: usize,
}

impl LineHead {
    /// Whether no value goes on like this: a line ends in a text, or the next one opens an object where none
    /// may stand.
    fn is_cut_off(&self, byte: u8, quoted: bool) -> bool {
        let opens = byte == b'{' && self.is_new && self.seen.is_empty();
        quoted && byte == b'\n' || !quoted && opens && !b"[,:".contains(&self.before)
    }

    fn push(&mut self, byte: u8, record_length: usize) {
        match byte {
            b'\n' => {
                self.before = self.seen.last().copied().unwrap_or(self.before);
                self.seen.clear();
                (self.is_new, self.record_length) = (true, record_length);
            }
            blank if blank.is_ascii_whitespace() => {}
            _ if self.is_new && self.seen.len() < ENVELOPES[0].len() => self.seen.push(byte),
            _ => {
                self.seen.clear();
                (self.is_new, self.before) = (false, byte);
            }
        }
    }
}

/// Cuts a file into records.
pub(super) struct Records {
    input: Box<dyn BufRead + Send>,
    framing: Framing,
    /// Bytes read so far, after decompression.
    pub(super) offset: u64,
    /// Line of the record, from 1; of one over several lines, the first.
    pub(super) line: u64,
    next_line: u64,
    openings: Openings,
    /// Whether the array that is being read is an envelope's.
    in_envelope: bool,
}

/// Where the reading of a file is between two records.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Bytes before it, after decompression.
    pub(super) offset: u64,
    pub(super) line: u64,
    next_line: u64,
    framing: Framing,
    in_envelope: bool,
}

impl Position {
    pub(super) const START: Self = Self {
        offset: 0,
        line: 0,
        next_line: 1,
        framing: Framing::Start,
        in_envelope: false,
    };
}

/// Which documents hold records of a format as their elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Openings {
    /// None: only a program knows what an array or an envelope means to it.
    None,
    /// Arrays, and `{"records":[`.
    Records,
    /// Those, and `{"Records":[`.
    Trails,
}

/// Openings of a document whose elements are records each.
const ENVELOPES: [&[u8]; 2] = [b"{\"records\":[", b"{\"Records\":["];

/// Openings of a document that is one record, and may go over several lines from there on.
const WHOLES: [&[u8]; 3] = [
    b"{\"resourceSpans\":[",
    b"{\"resourceLogs\":[",
    b"{\"logs\":[",
];

impl Records {
    /// Goes on with an input of which so much was read before.
    pub(super) fn from(
        input: Box<dyn BufRead + Send>,
        openings: Openings,
        position: Position,
    ) -> Self {
        Self {
            input,
            framing: position.framing,
            offset: position.offset,
            line: position.line,
            next_line: position.next_line,
            openings,
            in_envelope: position.in_envelope,
        }
    }

    /// Where the next record is looked for.
    pub(super) fn position(&self) -> Position {
        Position {
            offset: self.offset,
            line: self.line,
            next_line: self.next_line,
            framing: self.framing,
            in_envelope: self.in_envelope,
        }
    }

    /// Reads the next record into `record`.
    pub(super) fn next(&mut self, record: &mut Vec<u8>) -> io::Result<Next> {
        record.clear();
        loop {
            self.line = self.next_line;
            match self.framing {
                Framing::Start => {
                    if !self.start(record)? {
                        return Ok(Next::End);
                    }
                    if self.framing == Framing::Lines {
                        // Looking for a document may have gone past the end of a broken line.
                        if !record.contains(&b'\n') {
                            self.line(record)?;
                        }
                        return Ok(Next::Record);
                    }
                }
                Framing::Lines => {
                    if !self.line(record)? {
                        return Ok(Next::End);
                    }
                    if !record.trim_ascii().is_empty() {
                        return Ok(Next::Record);
                    }
                    record.clear();
                }
                Framing::Elements | Framing::Documents => {
                    if self.value(record)? {
                        return Ok(Next::Record);
                    }
                    match self.framing {
                        Framing::Start => {}
                        Framing::Elements => {
                            self.framing = Framing::Lines;
                            return Ok(Next::CutOff);
                        }
                        Framing::Documents | Framing::Lines => return Ok(Next::End),
                    }
                }
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.input.fill_buf()?.first().copied())
    }

    fn take(&mut self) -> io::Result<Option<u8>> {
        let byte = self.peek()?;
        if let Some(byte) = byte {
            self.input.consume(1);
            self.offset += 1;
            self.next_line += u64::from(byte == b'\n');
        }
        Ok(byte)
    }

    /// Finds out how the file is framed; what was read for that is left in `record`.
    fn start(&mut self, record: &mut Vec<u8>) -> io::Result<bool> {
        while let Some(byte) = self.peek()? {
            if !byte.is_ascii_whitespace() && !b"\xEF\xBB\xBF".contains(&byte) {
                break;
            }
            self.take()?;
        }
        self.line = self.next_line;
        match self.peek()? {
            None => return Ok(false),
            Some(b'[') if self.openings != Openings::None && !self.at_date()? => {
                self.take()?;
                self.framing = Framing::Elements;
                self.in_envelope = false;
                return Ok(true);
            }
            Some(b'{') => {}
            Some(_) => {
                self.framing = Framing::Lines;
                return Ok(true);
            }
        }
        self.document(record)?;
        Ok(true)
    }

    /// Whether a line begins here with a date in brackets, as logs that are text may.
    fn at_date(&mut self) -> io::Result<bool> {
        let ahead = self.input.fill_buf()?;
        let year = ahead.get(1..5).unwrap_or_default();
        Ok(year.len() == 4 && year.iter().all(u8::is_ascii_digit) && ahead.get(5) == Some(&b'-'))
    }

    /// Finds out what the brace here opens, blanks between its tokens or not: an envelope, a
    /// document over several lines, or a line.
    fn document(&mut self, record: &mut Vec<u8>) -> io::Result<()> {
        let envelopes = match self.openings {
            Openings::None => &[],
            Openings::Records => &ENVELOPES[..1],
            Openings::Trails => &ENVELOPES[..],
        };
        let openings = || envelopes.iter().chain(&WHOLES);
        let (mut seen, mut broken) = (Vec::new(), false);
        while !openings().any(|opening| **opening == seen[..]) {
            let Some(byte) = self.peek()? else { break };
            let in_name = seen.iter().filter(|byte| **byte == b'"').count() == 1;
            if byte.is_ascii_whitespace() && !in_name {
                if byte == b'\n' && seen.ends_with(b":") {
                    // Nobody breaks a line there.
                    broken = false;
                    break;
                }
                broken |= byte == b'\n';
            } else {
                seen.push(byte);
                if !openings().any(|opening| opening.starts_with(&seen)) {
                    // After a lone brace comes a name, and after a name its value, or it was no
                    // document but a broken line.
                    let fits = match seen.as_slice() {
                        [.., b':', _] => true,
                        [b'{', byte] => *byte == b'}',
                        _ => in_name && byte != b'\n',
                    };
                    broken &= fits;
                    break;
                }
            }
            record.extend(self.take()?);
        }
        if envelopes.iter().any(|envelope| **envelope == seen[..]) {
            record.clear();
            self.framing = Framing::Elements;
            self.in_envelope = true;
            return Ok(());
        }
        if WHOLES.iter().any(|whole| **whole == seen[..]) {
            while let Some(blank) = self.peek()?.filter(u8::is_ascii_whitespace) {
                broken |= blank == b'\n';
                record.extend(self.take()?);
            }
        }
        self.framing = if broken {
            Framing::Documents
        } else {
            Framing::Lines
        };
        Ok(())
    }

    /// Appends the rest of a line; false if there is none.
    fn line(&mut self, record: &mut Vec<u8>) -> io::Result<bool> {
        let mut any = false;
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = memchr::memchr(b'\n', buffer);
            let used = end.map_or(buffer.len(), |end| end + 1);
            let text = &buffer[..end.unwrap_or(buffer.len())];
            let room = (MAX_RECORD_BYTES + 2).saturating_sub(record.len());
            record.extend_from_slice(&text[..text.len().min(room)]);
            self.input.consume(used);
            self.offset += used as u64;
            if end.is_some() {
                self.next_line += 1;
                if record.last() == Some(&b'\r') {
                    record.pop();
                }
                return Ok(true);
            }
        }
    }

    /// Appends the rest of one JSON value; false where the array or the file ends.
    fn value(&mut self, record: &mut Vec<u8>) -> io::Result<bool> {
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        let mut head = LineHead::default();
        for byte in record.iter() {
            depth += usize::from(matches!(byte, b'{' | b'['));
            quoted ^= *byte == b'"';
        }
        while let Some(byte) = self.peek()? {
            if depth == 0 && !quoted {
                let ends = byte == b']' && self.framing == Framing::Elements;
                if ends || byte == b',' || byte.is_ascii_whitespace() {
                    if !record.is_empty() && !byte.is_ascii_whitespace() {
                        return Ok(true);
                    }
                    self.take()?;
                    head.push(byte, 0);
                    if ends {
                        self.after_array()?;
                        return Ok(false);
                    }
                    continue;
                }
            }
            let in_envelope = self.in_envelope && self.framing == Framing::Elements;
            if in_envelope && depth > 0 && head.is_cut_off(byte, quoted) {
                self.framing = Framing::Start;
                return Ok(true);
            }
            if record.is_empty() {
                self.line = self.next_line;
            }
            self.take()?;
            head.push(byte, record.len());
            if in_envelope && ENVELOPES.contains(&head.seen.as_slice()) {
                record.truncate(head.record_length);
                if record.is_empty() {
                    (depth, head) = (0, LineHead::default());
                    continue;
                }
                return Ok(true);
            }
            if record.len() <= MAX_RECORD_BYTES + 1 {
                record.push(byte);
            }
            if quoted {
                quoted = escaped || byte != b'"';
                escaped = !escaped && byte == b'\\';
                continue;
            }
            match byte {
                b'"' => quoted = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Ok(true);
                    }
                }
                _ => {}
            }
        }
        Ok(!record.is_empty())
    }

    /// What closes an envelope belongs to it; then the next line or document begins.
    fn after_array(&mut self) -> io::Result<()> {
        while let Some(byte) = self.peek()? {
            if !(byte.is_ascii_whitespace() || self.in_envelope && byte == b'}') {
                break;
            }
            self.take()?;
        }
        self.framing = Framing::Start;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &'static str, openings: Openings) -> Vec<String> {
        let input = Box::new(text.as_bytes());
        let mut records = Records::from(input, openings, Position::START);
        let (mut found, mut record) = (Vec::new(), Vec::new());
        while records.next(&mut record).expect("readable") == Next::Record {
            found.push(String::from_utf8_lossy(&record).trim().to_owned());
        }
        found
    }

    #[test]
    fn every_framing_gives_the_same_records() {
        let two = ["{\"a\":1}", "{\"b\":{\"c\":2}}"];
        for text in [
            "{\"a\":1}\n{\"b\":{\"c\":2}}\n",
            "\u{feff}{\"a\":1}\r\n\r\n{\"b\":{\"c\":2}}",
            "[{\"a\":1},{\"b\":{\"c\":2}}]",
            "[\n {\"a\":1},\n {\"b\":{\"c\":2}}\n]\n",
        ] {
            assert_eq!(cut(text, Openings::Records), two, "{text}");
        }
        assert_eq!(
            cut(
                "{ \"Records\": [\n{\"a\":1},{\"b\":{\"c\":2}}]}\n",
                Openings::Trails
            ),
            two
        );
        for openings in [Openings::None, Openings::Records, Openings::Trails] {
            let document = "{\n\"a\": \"}\"\n}";
            assert_eq!(cut("{\n\"a\": \"}\"\n}\n", openings), [document]);
        }
    }

    #[test]
    fn a_broken_line_swallows_none_of_those_after_it() {
        assert_eq!(
            cut("{\n{\"a\":1}\n{\"b\":2}\n", Openings::Records),
            ["{", "{\"a\":1}", "{\"b\":2}"]
        );
        assert_eq!(
            cut("[1]\n{\"a\":1}\n{\"b\":2}\n", Openings::Records),
            ["1", "{\"a\":1}", "{\"b\":2}"]
        );
        assert_eq!(cut("[]\n{\"a\":1}\n", Openings::Records), ["{\"a\":1}"]);
    }

    #[test]
    fn lines_that_are_no_json_are_lines() {
        let lines = "2026-11-20 10:15:30,123 WARN type=LOGIN\r\n\n{\"a\":1}\ntype=LOGIN, a=[\n";
        assert_eq!(
            cut(lines, Openings::Records),
            [
                "2026-11-20 10:15:30,123 WARN type=LOGIN",
                "{\"a\":1}",
                "type=LOGIN, a=["
            ]
        );
        let bracketed =
            "[2026-11-20 10:15:30,123] type=LOGIN\n[2026-11-20 10:15:31,000] type=LOGOUT\n";
        assert_eq!(
            cut(bracketed, Openings::Records),
            [
                "[2026-11-20 10:15:30,123] type=LOGIN",
                "[2026-11-20 10:15:31,000] type=LOGOUT"
            ]
        );
    }

    #[test]
    fn only_its_program_opens_what_is_for_a_program() {
        for line in [
            "[17] GET /a",
            "[{\"a\":1},{\"b\":2}]",
            "{\"records\":[{\"a\":1}]}",
            "{\"Records\": [{\"a\":1}]}",
        ] {
            let text: &'static str = Box::leak(format!("{line}\n{line}\n").into_boxed_str());
            assert_eq!(cut(text, Openings::None), [line, line], "{line}");
        }
    }

    #[test]
    fn envelopes_are_opened_and_payloads_stay_whole() {
        let two = ["{\"a\":1}", "{\"b\":{\"c\":2}}"];
        for text in [
            "{\"records\":[{\"a\":1},{\"b\":{\"c\":2}}]}",
            "{\"records\": [{\"a\":1}]}\n{\"records\": [{\"b\":{\"c\":2}}]}\n",
            "{\n \"records\": [\n  {\"a\":1},\n  {\"b\":{\"c\":2}}\n ]\n}\n",
        ] {
            assert_eq!(cut(text, Openings::Records), two, "{text}");
        }
        for whole in [
            "{\"resourceSpans\":[{\"a\":1},{\"b\":2}]}",
            "{\"resourceSpans\": [\n{\"a\":1},\n{\"b\":2}\n]}",
            "{\n  \"resourceLogs\": [\n{\"a\":\"}\"}\n]\n}",
            "{\"logs\":[\n{\"a\":1}\n]}",
        ] {
            let text: &'static str = Box::leak(format!("{whole}\n{whole}\n").into_boxed_str());
            assert_eq!(cut(text, Openings::Records), [whole, whole], "{whole}");
        }
    }

    #[test]
    fn a_line_cut_off_in_an_opening_swallows_none_of_those_after_it() {
        for broken in [
            "{\"",
            "{\"reco",
            "{\"records\"",
            "{\"resourceSpans\":",
            "{\"x",
        ] {
            let text: &'static str = Box::leak(format!("{broken}\n{{\"a\":1}}\n").into_boxed_str());
            assert_eq!(
                cut(text, Openings::Trails).last(),
                Some(&"{\"a\":1}".to_owned()),
                "{broken}"
            );
        }
    }

    #[test]
    fn an_envelope_cut_off_loses_its_own_line_only() {
        let after = "{\"records\":[{\"c\":1},{\"d\":2}]}\n{\"records\": [{\"e\":3}]}\n";
        let rest = ["{\"c\":1}", "{\"d\":2}", "{\"e\":3}"];
        for broken in [
            "{\"b\"",
            "{\"b",
            "{\"b\\",
            "{\"b\":",
            "{\"b\":{\"x\":[1,",
            "{\"b\":\"[\",",
            "{\"b\":tr",
        ] {
            let text = format!("{{\"records\":[{{\"a\":1}},{broken}\n{after}");
            let found = cut(Box::leak(text.into_boxed_str()), Openings::Records);
            assert_eq!(found[..2], ["{\"a\":1}", broken], "{broken}");
            assert_eq!(found[2..], rest, "{broken}");
        }
        for whole in ["{\"records\":[{\"a\":1}", "{\"records\":[{\"a\":1},"] {
            let found = cut(
                Box::leak(format!("{whole}\n{after}").into_boxed_str()),
                Openings::Records,
            );
            assert_eq!(found[0], "{\"a\":1}");
            assert_eq!(found[1..], rest, "{whole}");
        }
        let lines = "{\"records\":[{\"a\":1},{\"b\"\n{\"c\":1}\n{\"d\":2}\n{\"e\":3}\n";
        assert_eq!(cut(lines, Openings::Records)[2..], rest);
    }

    #[test]
    fn an_envelope_over_many_lines_is_one_however_it_is_indented() {
        for text in [
            "{\"records\" : [ {\n  \"a\" : {\n    \"b\" : [ {\n } ]\n  }\n}, {\n\"c\":\n{\n}\n} ]\n}\n",
            "{\n\"records\":[\n{\n\"a\":\n{\n\"b\":\n[\n{\n}\n]\n}\n}\n,\n{\n\"c\":\n{\n}\n}\n]\n}\n",
        ] {
            let found: Vec<String> = cut(text, Openings::Records)
                .iter()
                .map(|record| record.split_whitespace().collect())
                .collect();
            assert_eq!(found, ["{\"a\":{\"b\":[{}]}}", "{\"c\":{}}"], "{text}");
        }
    }

    #[test]
    fn an_array_that_is_cut_off_is_said() {
        let input = Box::new("[{\"a\":1},{\"b\"".as_bytes());
        let mut records = Records::from(input, Openings::Records, Position::START);
        let mut record = Vec::new();
        let found: Vec<_> = (0..4)
            .map(|_| records.next(&mut record).expect("readable"))
            .collect();
        assert_eq!(found, [Next::Record, Next::Record, Next::CutOff, Next::End]);
    }

    #[test]
    fn a_record_that_is_too_large_is_cut_and_the_next_is_whole() {
        let large = "x".repeat(3 * MAX_RECORD_BYTES);
        let text: &'static str = Box::leak(format!("{large}\n{{\"a\":1}}\n").into_boxed_str());
        let found = cut(text, Openings::Records);
        assert_eq!(found[0].len(), MAX_RECORD_BYTES + 2);
        assert_eq!(found[1..], ["{\"a\":1}"]);
    }
}
