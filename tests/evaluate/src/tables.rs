//! What is printed.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::calibration::{Calibration, LEVELS};
use crate::judge::{Innocent, Judged};

/// Rows of the catalogue, in its order; A4 is answered by a report, not by a command.
const ROWS: &[&str] = &[
    "A1", "A2", "A3", "A4", "A5", "A6", "A7", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "C1", "C2",
    "C3", "C4", "C5", "C6", "D1", "D2", "D3", "D4", "D5", "D6", "E1", "E2", "E3", "E4", "E5",
];

#[derive(Default)]
struct Line<'a> {
    attacks: usize,
    otherwise: usize,
    events: Vec<f64>,
    seconds: Vec<f64>,
    twins: usize,
    twins_commanded: usize,
    accepted: String,
    of: Vec<&'a Judged>,
}

impl<'a> Line<'a> {
    fn of(judged: impl Iterator<Item = &'a Judged>) -> Self {
        let mut line = Self::default();
        for it in judged {
            line.of.push(it);
            if it.label.is_twin {
                line.twins += 1;
                line.twins_commanded += usize::from(!it.others.is_empty());
                continue;
            }
            line.attacks += 1;
            let words: Vec<&str> = it.label.accepted.iter().map(|it| it.as_str()).collect();
            if line.accepted.len() < words.join(", ").len() {
                line.accepted = words.join(", ");
            }
            if let Some(answer) = &it.answer {
                line.events.push(answer.events as f64);
                line.seconds.push(answer.seconds);
            } else if !it.others.is_empty() {
                line.otherwise += 1;
            }
        }
        line
    }

    fn write(&self, out: &mut impl Write, name: &str) -> io::Result<()> {
        let accepted = if self.accepted.is_empty() {
            "any"
        } else {
            &self.accepted
        };
        writeln!(
            out,
            "{name:<42} {:>7} {:>8} {:>9} {:>7} {:>8} {:>6} {:>9}  {accepted}",
            self.attacks,
            self.events.len(),
            self.otherwise,
            median(&self.events),
            median(&self.seconds),
            self.twins,
            self.twins_commanded,
        )
    }
}

fn median(values: &[f64]) -> String {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    match values.get(values.len() / 2) {
        Some(upper) if values.len() % 2 == 1 => format!("{upper:.0}"),
        Some(upper) => format!("{:.0}", (upper + values[values.len() / 2 - 1]) / 2.0),
        None => "-".to_owned(),
    }
}

fn head(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<42} {:>7} {:>8} {:>9} {:>7} {:>8} {:>6} {:>9}  accepted actions",
        "row", "attacks", "answered", "otherwise", "events", "seconds", "twins", "commanded"
    )
}

/// One line for each row: its attacks, and its benign twins.
pub(crate) fn rows(out: &mut impl Write, judged: &[Judged]) -> io::Result<()> {
    writeln!(
        out,
        "Attacks answered with an accepted action, the median of their events and seconds until \
         then;\nattacks answered with another action only; twins, and how many of them were \
         commanded\n"
    )?;
    head(out)?;
    for row in ROWS {
        if *row == "A4" {
            writeln!(out, "A4 (answered by a report, not by a command)")?;
            continue;
        }
        Line::of(judged.iter().filter(|it| it.label.attack == *row)).write(out, row)?;
    }
    let is_sample = |it: &&Judged| !ROWS.contains(&it.label.attack.as_str());
    let mut samples: Vec<&str> = judged
        .iter()
        .filter(is_sample)
        .map(|it| it.label.attack.as_str())
        .collect();
    samples.sort_unstable();
    samples.dedup();
    for name in samples {
        Line::of(judged.iter().filter(|it| it.label.attack == name)).write(out, name)?;
    }
    Line::of(judged.iter()).write_total(out)
}

impl Line<'_> {
    fn write_total(&self, out: &mut impl Write) -> io::Result<()> {
        let answered = self.events.len();
        writeln!(
            out,
            "\n{answered} of {} attacks answered ({:.1} %), {} otherwise; {} of {} twins commanded",
            self.attacks,
            100.0 * answered as f64 / self.attacks.max(1) as f64,
            self.otherwise,
            self.twins_commanded,
            self.twins
        )
    }
}

/// Commands on those who did nothing wrong.
pub(crate) fn innocent(out: &mut impl Write, innocent: &Innocent) -> io::Result<()> {
    let days = innocent.identity_days.max(1) as f64;
    let per_thousand = |count: u64| 1000.0 * count as f64 / days;
    writeln!(
        out,
        "\nEnforced commands on the innocent, per 1 000 identity-days ({} identity-days, {} events)\n",
        innocent.identity_days, innocent.events
    )?;
    let total: u64 = innocent.false_alarms.values().sum();
    writeln!(
        out,
        "{:<60} {:>7} {:>9}",
        "false alarms, by detectors", "count", "per 1 000"
    )?;
    for (detectors, count) in &innocent.false_alarms {
        writeln!(
            out,
            "{detectors:<60} {count:>7} {:>9.3}",
            per_thousand(*count)
        )?;
    }
    writeln!(out, "{:<60} {total:>7} {:>9.3}", "all", per_thousand(total))?;
    writeln!(
        out,
        "\n{:<60} {:>7} {:>9}",
        "false alarms, by kind and action", "count", "per 1 000"
    )?;
    for ((kind, action), count) in &innocent.burdens {
        let name = format!("{kind} {action}");
        writeln!(out, "{name:<60} {count:>7} {:>9.3}", per_thousand(*count))?;
    }
    writeln!(
        out,
        "\n{:<60} {:>7} {:>9}",
        "demanded by a rule whatever is usual: no false alarms", "count", "per 1 000"
    )?;
    for (rule, count) in &innocent.by_rule {
        writeln!(out, "{rule:<60} {count:>7} {:>9.3}", per_thousand(*count))?;
    }
    Ok(())
}

/// How often benign hours reach so many bits, against what the bits promise.
pub(crate) fn calibration(out: &mut impl Write, calibration: &Calibration) -> io::Result<()> {
    writeln!(
        out,
        "\nCalibration: innocent identity-hours ({}) in which a detector's finding reached b bits, and how \
         many\ntimes the promised 2^-b that is\n",
        calibration.hours
    )?;
    write!(out, "{:<28}", "detector")?;
    for level in LEVELS {
        write!(out, " {:>18}", format!("b = {level:.0}"))?;
    }
    writeln!(out)?;
    write!(out, "{:<28}", "promised")?;
    for level in LEVELS {
        let promised = calibration.hours as f64 * (-level).exp2();
        write!(out, " {promised:>18.1}")?;
    }
    writeln!(out)?;
    for (detector, reached) in &calibration.reached {
        write!(out, "{detector:<28}")?;
        for (count, level) in reached.iter().zip(LEVELS) {
            let promised = calibration.hours as f64 * (-level).exp2();
            let times = *count as f64 / promised.max(1e-9);
            write!(out, " {:>18}", format!("{count} ({times:.2} x)"))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Each variant, what was missed, and who was troubled.
pub(crate) fn details(
    out: &mut impl Write,
    judged: &[Judged],
    innocent: &Innocent,
    only: &[String],
) -> io::Result<()> {
    let mut variants: BTreeMap<(&str, &str), Vec<&Judged>> = BTreeMap::new();
    for it in judged {
        let is_wanted = only.is_empty() || only.contains(&it.label.attack);
        if is_wanted {
            let variant = it.label.variant.as_deref().unwrap_or("");
            variants
                .entry((&it.label.attack, variant))
                .or_default()
                .push(it);
        }
    }
    writeln!(out, "\nBy variant\n")?;
    head(out)?;
    for ((row, variant), of) in &variants {
        let name = format!("{row} {variant}");
        Line::of(of.iter().copied()).write(out, &name)?;
    }
    writeln!(out, "\nMissed, answered otherwise, and twins commanded\n")?;
    for it in variants.values().flatten() {
        let label = &it.label;
        let is_quiet = if label.is_twin {
            it.others.is_empty()
        } else {
            it.answer.is_some()
        };
        if is_quiet {
            continue;
        }
        let what = match (label.is_twin, it.others.is_empty()) {
            (true, _) => "twin commanded",
            (false, true) => "missed",
            (false, false) => "otherwise",
        };
        let variant = label.variant.as_deref().unwrap_or("");
        writeln!(
            out,
            "seed {} {what}: {} {variant}, {} {} to {}: {}",
            it.seed, label.attack, label.identity, label.start, label.end, label.story
        )?;
        for other in &it.others {
            writeln!(out, "    {other}")?;
        }
    }
    writeln!(out, "\nInnocent\n")?;
    for story in &innocent.stories {
        writeln!(out, "{story}")?;
    }
    Ok(())
}
