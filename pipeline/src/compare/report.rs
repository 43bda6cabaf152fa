//! A comparison in words, for an analyst; and a sweep as a table.

use std::cmp::Reverse;
use std::fmt::{self, Write};

use plumbline_schemas::shown::plain;

use super::comparison::{AttackOutcome, ByIdentity, Comparison};
use super::quality::{Alarms, Answer, Judged, Spread, rounded};
use super::sweep::{Outcome, Swept, shown};
use super::tally::{Counts, Tally};

/// The comparison of what these two names stand for; of identities, commands and attacks at most `top`.
pub(crate) fn report(comparison: &Comparison, names: [&str; 2], top: usize) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = write(comparison, names, top, &mut text);
    text
}

fn write(it: &Comparison, names: [&str; 2], top: usize, out: &mut String) -> fmt::Result {
    writeln!(out, "A  {}\nB  {}", names[0], names[1])?;
    log(it, out)?;
    writeln!(out)?;
    row(out, "", ["A", "B", "gained", "lost", "changed"])?;
    for (name, counts) in [
        ("findings", &it.total.findings),
        ("commands", &it.total.commands),
        ("  enforced", &it.total.enforced),
    ] {
        counted(out, name, counts)?;
    }
    if it.total.differs() {
        changed(it, out)?;
        groups(it, out)?;
        identities(it, top, out)?;
        commands(it, top, out)?;
    } else {
        writeln!(
            out,
            "\nno difference: every finding and command is the same on both sides"
        )?;
    }
    quality(it, top, out)
}

fn log(it: &Comparison, out: &mut String) -> fmt::Result {
    let span = match (it.a.event_time_first, it.a.event_time_last) {
        (Some(first), Some(last)) => format!(", from {first} to {last}"),
        _ => String::new(),
    };
    writeln!(
        out,
        "{} events of {} identities{span}",
        it.a.events, it.a.identities
    )?;
    if !it.same_log {
        writeln!(
            out,
            "not the same log: B has {} events; what differs may come from there",
            it.b.events
        )?;
    }
    Ok(())
}

fn row<T: fmt::Display>(out: &mut String, name: &str, cells: [T; 5]) -> fmt::Result {
    let mut line = format!("{name:<30}");
    for cell in cells {
        write!(line, "{cell:>10}")?;
    }
    writeln!(out, "{}", line.trim_end())
}

fn counted(out: &mut String, name: &str, counts: &Counts) -> fmt::Result {
    let Counts {
        a,
        b,
        gained,
        lost,
        changed,
    } = *counts;
    row(out, name, [a, b, gained, lost, changed])
}

fn changed(it: &Comparison, out: &mut String) -> fmt::Result {
    if !it.turned.is_empty() {
        writeln!(out, "\ncommands of another mode or action")?;
    }
    for turn in &it.turned {
        writeln!(
            out,
            "{:>6}  {} {} -> {} {}",
            turn.commands, turn.mode_a, turn.action_a, turn.mode_b, turn.action_b
        )?;
    }
    let fields = [
        ("findings", &it.changed_fields.findings),
        ("commands", &it.changed_fields.commands),
    ];
    if fields.iter().any(|(_, fields)| !fields.is_empty()) {
        writeln!(out, "\nfields that changed")?;
    }
    for (what, fields) in fields {
        let mut fields: Vec<_> = fields.iter().collect();
        // Those of one detector's evidence are many; the most frequent say enough.
        fields.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let more = fields.len().saturating_sub(MOST_FIELDS);
        fields.truncate(MOST_FIELDS);
        let mut words: Vec<String> = fields
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        if more > 0 {
            words.push(format!("and {more} more"));
        }
        if !words.is_empty() {
            writeln!(out, "  of {what}: {}", words.join(", "))?;
        }
    }
    Ok(())
}

/// So many fields fit on a line or two.
const MOST_FIELDS: usize = 8;

fn groups(it: &Comparison, out: &mut String) -> fmt::Result {
    let actions = it
        .by_action
        .iter()
        .filter(|group| group.commands.differs())
        .map(|group| (format!("{} {}", group.mode, group.action), &group.commands));
    let mut actions = actions.peekable();
    if actions.peek().is_some() {
        writeln!(out)?;
        row(
            out,
            "commands by mode and action",
            ["A", "B", "gained", "lost", "changed"],
        )?;
    }
    for (name, counts) in actions {
        counted(out, &format!("  {name}"), counts)?;
    }
    let detectors = it.by_detector.iter();
    let detectors = detectors.map(|group| (group.detector.clone(), &group.tally));
    tallies("by detector", detectors, out)?;
    let kinds = it.by_identity_kind.iter();
    let kinds = kinds.map(|group| (group.kind.to_owned(), &group.tally));
    tallies("by kind of identity", kinds, out)
}

/// Groups of which something differs, those with the most first.
fn tallies<'c>(
    title: &str,
    groups: impl Iterator<Item = (String, &'c Tally)>,
    out: &mut String,
) -> fmt::Result {
    let mut groups: Vec<_> = groups.filter(|(_, tally)| tally.differs()).collect();
    groups.sort_by(|a, b| b.1.weight().cmp(&a.1.weight()).then(a.0.cmp(&b.0)));
    if groups.is_empty() {
        return Ok(());
    }
    let longest = groups
        .iter()
        .map(|(name, _)| name.chars().count() + 2)
        .max();
    let width = longest.unwrap_or_default().max(30);
    let (enforced, commands) = ("enforced", "commands");
    writeln!(
        out,
        "\n{title:<width$}  {enforced:<20}{commands:<20}findings"
    )?;
    for (name, tally) in groups {
        let [enforced, commands, findings] =
            [&tally.enforced, &tally.commands, &tally.findings].map(difference);
        let name = format!("  {name}");
        let line = format!("{name:<width$}  {enforced:<20}{commands:<20}{findings}");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Such as `+12 -3 ~1`.
fn difference(counts: &Counts) -> String {
    let parts = [
        ('+', counts.gained),
        ('-', counts.lost),
        ('~', counts.changed),
    ];
    let parts = parts.into_iter().filter(|(_, count)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(sign, count)| format!("{sign}{count}"))
        .collect();
    if parts.is_empty() {
        "=".to_owned()
    } else {
        parts.join(" ")
    }
}

fn identities(it: &Comparison, top: usize, out: &mut String) -> fmt::Result {
    let mut first: Vec<&ByIdentity> = it.by_identity.iter().collect();
    first.sort_by_key(|it| Reverse(it.tally.weight()));
    let title = match first.len() {
        all if all > top => format!("by identity ({top} of {all})"),
        _ => "by identity".to_owned(),
    };
    let first = first.into_iter().take(top);
    let name = |it: &ByIdentity| plain(&format!("{}/{} ({})", it.tenant, it.identity, it.kind));
    tallies(&title, first.map(|it| (name(it), &it.tally)), out)
}

fn commands(it: &Comparison, top: usize, out: &mut String) -> fmt::Result {
    let counts = &it.total.commands;
    let all = counts.gained + counts.lost + counts.changed;
    if all == 0 {
        return Ok(());
    }
    let of = if all > top as u64 {
        format!(" ({top} of {all})")
    } else {
        String::new()
    };
    writeln!(out, "\ncommands: + gained, - lost, ~ changed{of}")?;
    for example in it.examples.first(top) {
        let (sign, time, what) = (example.sign, example.time, &example.what);
        writeln!(
            out,
            "{sign} {time}  {what}  {}  {}",
            plain(&example.who),
            plain(&example.id)
        )?;
        writeln!(out, "      {}", shortened(&plain(&example.summary)))?;
    }
    Ok(())
}

/// The beginning of a sentence; `explain` and the files have all of it.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SUMMARY) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Characters of a summary that are shown: what comes first weighs most.
const LONGEST_SUMMARY: usize = 160;

fn quality(it: &Comparison, top: usize, out: &mut String) -> fmt::Result {
    let [a, b] = [&it.enforced.a, &it.enforced.b];
    writeln!(out)?;
    row(out, "enforced commands", ["A", "B", "", "", ""])?;
    let mut line = |name: &str, of: &dyn Fn(&Alarms) -> String| {
        row(out, &format!("  {name}"), [&*of(a), &*of(b), "", "", ""])
    };
    line("alarms", &|it| it.alarms.to_string())?;
    line("  per identity-year", &|it| {
        number(it.alarms_per_identity_year)
    })?;
    if it.attacks.is_empty() {
        return Ok(());
    }
    let judged = |of: fn(&Judged) -> String| {
        move |it: &Alarms| it.judged.as_ref().map(of).unwrap_or_default()
    };
    line("false alarms", &judged(|it| it.false_alarms.to_string()))?;
    line(
        "  per identity-year",
        &judged(|it| number(it.false_alarms_per_identity_year)),
    )?;
    line("precision", &judged(|it| number(it.precision)))?;
    let attacks = it.attacks.len();
    line(
        &format!("attacks answered, of {attacks}"),
        &judged(|it| it.answered.to_string()),
    )?;
    line("recall", &judged(|it| number(it.recall)))?;
    let spreads: [(&str, SpreadOf); 2] = [
        ("events to answer", |it| it.delay_events),
        ("seconds to answer", |it| it.delay_seconds),
    ];
    for (name, of) in spreads {
        let of = |it: &Alarms| it.judged.as_ref().and_then(of);
        let cell = |value: fn(Spread) -> f64| {
            move |it: &Alarms| of(it).map_or("-".to_owned(), |it| value(it).to_string())
        };
        line(&format!("{name}, median"), &cell(|it| it.median))?;
        line("  nine of ten", &cell(|it| it.p90))?;
        line("  longest", &cell(|it| it.max))?;
    }
    one_sided(it, top, out)
}

type SpreadOf = fn(&Judged) -> Option<Spread>;

fn number(number: Option<f64>) -> String {
    number.map_or("-".to_owned(), |number| rounded(number).to_string())
}

/// The attacks that one side answers and the other does not.
fn one_sided(it: &Comparison, top: usize, out: &mut String) -> fmt::Result {
    let one_sided = |attack: &&AttackOutcome| attack.a.is_some() != attack.b.is_some();
    let attacks: Vec<&AttackOutcome> = it.attacks.iter().filter(one_sided).collect();
    if attacks.is_empty() {
        return Ok(());
    }
    let of = match attacks.len() {
        all if all > top => format!(" ({top} of {all})"),
        _ => String::new(),
    };
    writeln!(out, "\nattacks: + answered in B only, - in A only{of}")?;
    for attack in attacks.into_iter().take(top) {
        let (sign, answer) = match (&attack.a, &attack.b) {
            (Some(answer), _) => ('-', Some(answer)),
            (None, answer) => ('+', answer.as_ref()),
        };
        let first = attack
            .first
            .map(|time| time.to_string())
            .unwrap_or_default();
        let answer = answer.map(told).unwrap_or_default();
        let who = plain(&format!("{}/{}", attack.tenant, attack.identity));
        let name = plain(&attack.attack);
        writeln!(out, "{sign} {first}  {name}  {who}  {answer}")?;
    }
    Ok(())
}

fn told(answer: &Answer) -> String {
    let Answer {
        action,
        command_id,
        events,
        seconds,
        ..
    } = answer;
    format!("{action} {command_id} on event {events}, after {seconds} s")
}

/// A sweep as a table, one line a value.
pub(crate) fn table(swept: &Swept, name: &str) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_table(swept, name, &mut text);
    text
}

fn write_table(swept: &Swept, name: &str, out: &mut String) -> fmt::Result {
    let attacks = match swept.attacks {
        0 => "nothing is labelled".to_owned(),
        attacks => format!("labelled attacks: {attacks}"),
    };
    writeln!(out, "{} over {name}; {attacks}\n", swept.key)?;
    let head = [
        "findings",
        "commands",
        "enforced",
        "new",
        "lost",
        "changed",
        "precision",
        "recall",
    ];
    line(out, "value", head.map(str::to_owned))?;
    let against = ["-"; 3].map(str::to_owned);
    line(out, "as it is", cells(&swept.base, against))?;
    for value in &swept.values {
        let counts = &value.against_base.enforced;
        let against = [counts.gained, counts.lost, counts.changed].map(|it| it.to_string());
        line(out, &shown(&value.value), cells(&value.outcome, against))?;
    }
    writeln!(
        out,
        "\nnew, lost and changed: enforced commands against the configuration as it is; each value against it in \
         full:"
    )?;
    for value in &swept.values {
        let (value, directory) = (shown(&value.value), &value.directory);
        writeln!(out, "  {value:<16}  {directory}/comparison.json")?;
    }
    Ok(())
}

fn cells(outcome: &Outcome, against: [String; 3]) -> [String; 8] {
    let judged = outcome.alarms.judged.as_ref();
    let [new, lost, changed] = against;
    [
        outcome.findings.to_string(),
        outcome.commands.to_string(),
        outcome.enforced.to_string(),
        new,
        lost,
        changed,
        number(judged.and_then(|it| it.precision)),
        number(judged.and_then(|it| it.recall)),
    ]
}

fn line(out: &mut String, name: &str, cells: [String; 8]) -> fmt::Result {
    write!(out, "{name:<16}")?;
    for cell in cells {
        write!(out, "{cell:>10}")?;
    }
    writeln!(out)
}
