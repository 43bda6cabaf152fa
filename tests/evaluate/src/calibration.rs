//! Whether bits of surprise are what they say: b bits should come once in 2^b judgements.
//!
//! An identity counts as judged once in each hour in which it does anything, as the engine's own
//! threshold has it. What is below that threshold is not published, so a second engine with a low
//! one tells it.

use std::collections::{BTreeMap, HashMap, HashSet};

use plumbline_schemas::event::{Event, EventKind};
use plumbline_schemas::finding::Finding;

use crate::play::Played;

/// The bits that are asked for.
pub(crate) const LEVELS: [f64; 5] = [5.0, 8.0, 10.0, 12.0, 15.0];
/// So many false alarms a year make a threshold of five bits with the engine's 2 000 judgements.
pub(crate) const FALSE_ALARMS: f64 = 2000.0 / 32.0;

const HOUR_MS: i64 = 3_600_000;

/// What one population showed, by identity: who is innocent is known at the end.
#[derive(Default)]
pub(crate) struct Watch {
    names: HashMap<String, u32>,
    /// The hour in which an identity was last seen, and how many so far.
    hours: Vec<(i64, u64)>,
    /// The most bits of a detector on an identity in an hour.
    most: HashMap<(String, u32, i64), f64>,
}

impl Watch {
    fn number(&mut self, identity: &str) -> u32 {
        if let Some(number) = self.names.get(identity) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.insert(identity.to_owned(), number);
        self.hours.push((i64::MIN, 0));
        number
    }

    pub(crate) fn active(&mut self, event: &Event<'_>) {
        if event.kind == EventKind::Feedback {
            return;
        }
        let number = self.number(&event.identity.id) as usize;
        let hour = event.time.as_millis().div_euclid(HOUR_MS);
        let (last, count) = &mut self.hours[number];
        if hour > *last {
            (*last, *count) = (hour, *count + 1);
        }
    }

    pub(crate) fn found(&mut self, finding: &Finding) {
        let number = self.number(&finding.identity.id);
        let hour = finding.time.as_millis().div_euclid(HOUR_MS);
        let most = self
            .most
            .entry((finding.detector.clone(), number, hour))
            .or_default();
        *most = most.max(finding.surprise_bits);
    }
}

/// How often each detector reached each level on the innocent.
#[derive(Default)]
pub(crate) struct Calibration {
    /// Hours in which somebody innocent did anything.
    pub(crate) hours: u64,
    pub(crate) reached: BTreeMap<String, [u64; LEVELS.len()]>,
}

impl Calibration {
    /// Adds a population; whoever was attacked in it is left out altogether.
    pub(crate) fn add(&mut self, played: &Played) {
        let attacked: HashSet<&str> = played
            .labels
            .iter()
            .filter(|label| !label.is_twin)
            .map(|label| label.identity.as_str())
            .collect();
        let watch = &played.watch;
        let mut is_innocent = vec![true; watch.hours.len()];
        for (name, number) in &watch.names {
            is_innocent[*number as usize] = !attacked.contains(name.as_str());
        }
        for (innocent, (_, hours)) in is_innocent.iter().zip(&watch.hours) {
            self.hours += if *innocent { *hours } else { 0 };
        }
        for ((detector, number, _), bits) in &watch.most {
            if !is_innocent[*number as usize] {
                continue;
            }
            let reached = self.reached.entry(detector.clone()).or_default();
            for (count, level) in reached.iter_mut().zip(LEVELS) {
                *count += u64::from(*bits >= level);
            }
        }
    }
}
