//! The summary at the end of the demo: for somebody who is tired and wants to know what happened.

use std::fmt::{self, Display, Write};
use std::time::Duration;

use console::{Style, StyledObject};
use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::time::EventTime;

use super::report::{AttackRow, CommandRow, Latency, Report};

/// A line should fit a terminal of usual width.
const WIDTH: usize = 100;
/// Names of identities that are longer are cut.
const LONGEST_WHO: usize = 70;

/// What can be tried next: a command, and what it does.
const NEXT: [(&str, &str); 3] = [
    (
        "plumbline replay --input FILE --format okta --out DIR",
        "your own logs, without Kafka",
    ),
    (
        "plumbline run --config plumbline.toml",
        "on your own brokers, with such a configuration",
    ),
    ("README.md", "how to read a command, how to add a detector"),
];

/// The summary as text; with colours for a terminal.
pub fn render(report: &Report, colours: bool) -> String {
    let paint = Paint { colours };
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_all(report, paint, &mut text);
    text
}

fn write_all(report: &Report, paint: Paint, out: &mut String) -> fmt::Result {
    configuration(report, paint, out)?;
    flow(report, paint, out)?;
    commands(report, paint, out)?;
    attacks(report, paint, out)?;
    latencies(report, paint, out)?;
    proof(report, paint, out)?;
    next(paint, out)
}

fn configuration(report: &Report, paint: Paint, out: &mut String) -> fmt::Result {
    writeln!(out, "{}", paint.title("The configuration of the service"))?;
    for line in report.config.lines() {
        match line {
            "" => writeln!(out)?,
            line => writeln!(out, "    {}", paint.dim(line))?,
        }
    }
    writeln!(out)
}

fn flow(report: &Report, paint: Paint, out: &mut String) -> fmt::Result {
    let (first, last) = report.period;
    let days = Duration::from_millis(last.since(first).unsigned_abs()).as_secs_f64() / 86_400.0;
    let heading = format!(
        "From raw logs to commands: {days:.0} days of an invented organisation in {:.1} s",
        report.wall.as_secs_f64()
    );
    writeln!(out, "{}", paint.title(heading))?;
    writeln!(
        out,
        "  {:<18}{:<12}{:>12}{:>10}",
        "topic", "format", "raw records", "events"
    )?;
    for source in &report.sources {
        let (records, events) = (grouped(source.records), grouped(source.events));
        let (topic, format) = (source.topic, source.format);
        writeln!(out, "  {topic:<18}{format:<12}{records:>12}{events:>10}")?;
    }
    let records: u64 = report.sources.iter().map(|source| source.records).sum();
    writeln!(
        out,
        "\n  {} raw records → {} events of {} → {} → {}\n",
        grouped(records),
        grouped(report.events),
        counted(report.identities, "identity", "identities"),
        counted(report.findings, "finding", "findings"),
        counted(report.commands.len(), "command", "commands"),
    )
}

fn commands(report: &Report, paint: Paint, out: &mut String) -> fmt::Result {
    let heading = "Commands, as a bot reads them from plumbline.control";
    writeln!(out, "{}", paint.title(heading))?;
    if report.commands.is_empty() {
        return writeln!(out, "  none\n");
    }
    writeln!(
        out,
        "  {:<21}{:<30}{:>6}{:>6}   planted attack",
        "time (UTC)", "action (mode)", "bits", "risk"
    )?;
    for row in &report.commands {
        command(row, paint, out)?;
    }
    writeln!(out)
}

fn command(row: &CommandRow, paint: Paint, out: &mut String) -> fmt::Result {
    let command = &row.command;
    let action = format!("{} ({})", command.action, command.mode);
    let attack = match &row.attack {
        Some(attack) => paint.plain(attack.clone()),
        None => paint.bad("none: innocent".to_owned()),
    };
    writeln!(
        out,
        "  {:<21}{}{:>6.1}{:>6}   {attack}",
        seconds(command.time),
        paint.strong(format!("{action:<30}")),
        row.bits,
        command.reason.risk,
    )?;
    let who = who(&command.target.identity, command.target.kind);
    writeln!(out, "      {}", paint.strong(who))?;
    for line in wrap(&command.reason.summary, WIDTH - 6) {
        writeln!(out, "      {}", paint.dim(line))?;
    }
    Ok(())
}

fn attacks(report: &Report, paint: Paint, out: &mut String) -> fmt::Result {
    let (answered, planted) = (report.answered(), report.attacks.len());
    let heading = format!("Planted attacks: {answered} of {planted} answered");
    writeln!(out, "{}", paint.title(heading))?;
    let width = report.attacks.iter().map(|attack| attack.name.len()).max();
    let width = width.unwrap_or(0);
    for attack in &report.attacks {
        let outcome = match &attack.answer {
            Some(answer) => {
                let after = span(answer.after);
                paint.good(format!("{}, {after} after it began", answer.action))
            }
            None => paint.bad("NOT ANSWERED".to_owned()),
        };
        let AttackRow {
            name,
            identity,
            kind,
            ..
        } = attack;
        writeln!(out, "  {name:<width$}  {}: {outcome}", who(identity, *kind))?;
    }
    let innocent = report.innocent_commanded;
    let count = match innocent {
        0 => paint.good("none".to_owned()),
        more => paint.bad(more.to_string()),
    };
    writeln!(
        out,
        "  innocent identities commanded: {count}, of {}\n",
        report.identities
    )
}

fn latencies(report: &Report, paint: Paint, out: &mut String) -> fmt::Result {
    let latency = &report.latency;
    let heading = format!(
        "Latency by the wall clock, from the first attack on, at {} events/s",
        grouped(u64::from(latency.pace))
    );
    writeln!(out, "{}", paint.title(heading))?;
    writeln!(
        out,
        "  {:<52}{:>8}{:>9}{:>9}{:>9}{:>9}",
        "in ms, after the raw record was sent", "count", "p50", "p90", "p99", "max"
    )?;
    let row = |out: &mut String, name: &str, at: &Latency| {
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let (p50, p90, p99, max) = (ms(at.p50), ms(at.p90), ms(at.p99), ms(at.max));
        let count = grouped(at.count);
        writeln!(
            out,
            "  {name:<52}{count:>8}{p50:>9.1}{p90:>9.1}{p99:>9.1}{max:>9.1}"
        )
    };
    row(
        out,
        "until its event was read from plumbline.events",
        &latency.to_log,
    )?;
    row(
        out,
        "until its command was read from plumbline.control",
        &latency.to_command,
    )?;
    let note = "The embedded broker shows records before their transaction is committed, a real one after.";
    writeln!(out, "  {}\n", paint.dim(note))
}

fn proof(report: &Report, paint: Paint, out: &mut String) -> fmt::Result {
    if report.differences.is_empty() {
        let text = "Every finding and command that came through the broker is the one that the engine gives\n\
                    without it: none missing, none more, none twice, none different.";
        return writeln!(out, "{}\n", paint.good(text));
    }
    let heading = "NOT the same through the broker as without one";
    writeln!(out, "{}", paint.bad(heading))?;
    for difference in &report.differences {
        writeln!(out, "  {difference}")?;
    }
    writeln!(out)
}

fn next(paint: Paint, out: &mut String) -> fmt::Result {
    writeln!(out, "{}", paint.title("Next"))?;
    for (command, what) in NEXT {
        writeln!(out, "  {command:<54}{}", paint.dim(what))?;
    }
    Ok(())
}

fn who(identity: &str, kind: IdentityKind) -> String {
    let kind = kind.as_str().replace('_', " ");
    format!("{} ({kind})", cut_start(identity, LONGEST_WHO))
}

/// What tells long names apart, such as those of roles, stands at their end.
fn cut_start(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().skip(length + 1 - most).collect();
    format!("…{kept}")
}

/// Lines of whole words, of at most that many characters where the words allow it.
fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `2026-11-20 10:15:30`
fn seconds(time: EventTime) -> String {
    let text = time.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

fn span(duration: Duration) -> String {
    match duration.as_secs() {
        0 => "at once".to_owned(),
        s @ 1..=119 => format!("{s} s"),
        s @ 120..=7199 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}

fn counted(count: usize, one: &str, more: &str) -> String {
    let noun = if count == 1 { one } else { more };
    format!("{} {noun}", grouped(count as u64))
}

/// `12 345`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Colours, or none.
#[derive(Clone, Copy)]
struct Paint {
    colours: bool,
}

impl Paint {
    fn apply<T: Display>(self, style: Style, text: T) -> StyledObject<T> {
        style.force_styling(self.colours).apply_to(text)
    }
    fn plain<T: Display>(self, text: T) -> StyledObject<T> {
        self.apply(Style::new(), text)
    }
    fn title<T: Display>(self, text: T) -> StyledObject<T> {
        self.apply(Style::new().bold(), text)
    }
    fn strong<T: Display>(self, text: T) -> StyledObject<T> {
        self.apply(Style::new().yellow(), text)
    }
    fn good<T: Display>(self, text: T) -> StyledObject<T> {
        self.apply(Style::new().green(), text)
    }
    fn bad<T: Display>(self, text: T) -> StyledObject<T> {
        self.apply(Style::new().red().bold(), text)
    }
    fn dim<T: Display>(self, text: T) -> StyledObject<T> {
        self.apply(Style::new().dim(), text)
    }
}

#[cfg(test)]
mod tests;
