//! Limits that are checked as they are read, so that the error carries the place in the file.
//!
//! A message has two halves: what is wrong, and after `; ` what would be right.

use serde::de::{Deserialize, Deserializer, Error};

use super::span::Span;

/// A [`Span`] that a limit can be made of.
pub(super) struct LongerThanZero(pub(super) Span);

impl<'de> Deserialize<'de> for LongerThanZero {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        longer_than_zero(deserializer).map(Self)
    }
}

/// A duration above zero.
pub(super) fn longer_than_zero<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Span, D::Error> {
    let span = Span::deserialize(deserializer)?;
    if span.as_millis() == 0 {
        return Err(Error::custom(
            "must be longer than zero; write how long it may be, such as \"15m\"",
        ));
    }
    Ok(span)
}

/// A duration above zero, where one is set.
pub(super) fn maybe_longer_than_zero<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Span>, D::Error> {
    longer_than_zero(deserializer).map(Some)
}

/// A finite number above zero.
pub(super) fn above_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.is_finite() && number > 0.0 {
        return Ok(number);
    }
    Err(Error::custom(format_args!(
        "{number} is not a limit; write a number above 0"
    )))
}

/// A share of a whole.
pub(super) fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&share) {
        return Ok(share);
    }
    Err(Error::custom(format_args!(
        "{share} is not a share; write a number from 0 to 1, such as 0.05 for 5 %"
    )))
}

/// A count above zero.
pub(super) fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(Error::custom("0 is not a limit; write 1 or more")),
        count => Ok(count),
    }
}

/// A text that says something.
pub(super) fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Err(Error::custom("it is empty; write what it is known by"));
    }
    Ok(text)
}

/// A list that says something.
pub(super) fn not_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    let list = Vec::deserialize(deserializer)?;
    if list.is_empty() {
        return Err(Error::custom("the list is empty; name at least one"));
    }
    Ok(list)
}

/// A list of things that can be told apart.
pub(super) fn two_or_more<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    let list: Vec<String> = Vec::deserialize(deserializer)?;
    if list.len() < 2 {
        return Err(Error::custom(
            "one alone cannot be combined; name at least two",
        ));
    }
    Ok(list)
}
