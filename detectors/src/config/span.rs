//! Lengths of time as people write them.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A length of time, written `"90s"`, `"15m"`, `"12h"` or `"30d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    millis: i64,
}

impl Span {
    /// So many milliseconds.
    pub const fn millis(millis: i64) -> Self {
        Self { millis }
    }
    /// So many seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self {
            millis: seconds * 1000,
        }
    }
    /// So many minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes * 60)
    }
    /// So many hours.
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours * 60)
    }
    /// So many days of 24 hours.
    pub const fn days(days: i64) -> Self {
        Self::hours(days * 24)
    }
    /// In milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.millis
    }

    /// Reads `"90s"`, `"15m"`, `"12h"`, `"30d"` or `"250ms"`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = text[..digits].parse().ok()?;
        let unit = match &text[digits..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        number.checked_mul(unit).map(|millis| Self { millis })
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Span;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration, such as \"90s\", \"15m\", \"12h\" or \"30d\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                Span::parse(text).ok_or_else(|| {
                    E::custom(format_args!(
                        "`{text}` is no duration; write a whole number and its unit, such as \"90s\", \"15m\", \"12h\" or \"30d\""
                    ))
                })
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl fmt::Display for Span {
    /// In the largest unit that leaves no remainder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1_000, "s"),
        ];
        match units
            .iter()
            .find(|(millis, _)| self.millis % millis == 0 && self.millis != 0)
        {
            Some((millis, unit)) => write!(f, "{}{unit}", self.millis / millis),
            None => write!(f, "{}ms", self.millis),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "15",
            "m",
            "-5m",
            "+5m",
            "1.5h",
            "15 m",
            "15M",
            "1w",
            "15m30s",
            "99999999999999999d",
        ] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(millis in 0_i64..400_000_000_000) {
            let span = Span::millis(millis);
            prop_assert_eq!(Span::parse(&span.to_string()), Some(span));
        }
    }
}
