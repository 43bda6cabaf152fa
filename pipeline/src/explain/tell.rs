//! The words of an explanation.

use plumbline_schemas::command::{Action, Command, Mode, Params, Target};
use plumbline_schemas::finding::Finding;
use plumbline_schemas::shown::plain;
use serde_json::Value;

use super::{CommandCase, FindingCase, evidence};
use crate::page::{Page, Pairs};

pub(super) const INDENT: usize = 2;
/// What a broken rule weighs in the engine, where it does not compute a surprise.
const RULE_BITS: f64 = 10.0;
/// From so many bits on nobody can picture the number.
const MOST_BITS_TOLD: f64 = 60.0;

impl CommandCase {
    pub(super) fn tell(&self, page: &mut Page) {
        let command = &self.command;
        page.heading(&format!("Command {}", plain(&command.id)));
        page.line(0, "");
        page.pairs(INDENT, &self.decision());
        for (at, (id, finding)) in self.findings.iter().enumerate() {
            let number = match self.findings.len() {
                1 => "The finding behind it".to_owned(),
                all => format!("Finding {} of {all} behind it", at + 1),
            };
            page.heading(&format!("{number}: {}", plain(id)));
            page.line(0, "");
            match finding {
                Some(finding) => tell_finding(page, finding, Some(command)),
                None => page.prose(
                    INDENT,
                    "It is not in findings.ndjson; it belongs to another replay than the command does.",
                ),
            }
        }
        if self.findings.is_empty() {
            page.heading(
                "No finding stands behind it: a rule or another identity's command led to it.",
            );
        }
    }

    fn decision(&self) -> Pairs {
        let command = &self.command;
        let mut pairs = Pairs::default();
        pairs.add("decided", decided(command.action, &command.params));
        whom(&mut pairs, &command.target);
        pairs.add("when", command.time.to_string());
        pairs.add("mode", mode(command.mode));
        pairs.add(
            "expires",
            format!(
                "{}, {} later; after that a bot must not act",
                command.expires_at,
                duration(command.expires_at.since(command.time))
            ),
        );
        pairs.add("because", plain(&command.reason.summary));
        if let Some(together) = self.together() {
            pairs.add("together", together);
        }
        pairs.add("risk", format!("{} of 100", command.reason.risk));
        if let Some(old) = &command.supersedes {
            let told = match &self.superseded {
                Some(old) => one_line(old),
                None => format!("{}, which is not in commands.ndjson", plain(old)),
            };
            pairs.add("replaces", told);
        } else {
            pairs.add("replaces", "nothing");
        }
        for by in &self.superseded_by {
            pairs.add("replaced by", one_line(by));
        }
        if self.superseded_by.is_empty() {
            pairs.add("replaced by", "nothing");
        }
        pairs
    }
}

impl CommandCase {
    /// What several findings come to. The engine lets older ones fade, so this is the most it may have
    /// gone by.
    fn together(&self) -> Option<String> {
        let findings = self.findings.iter();
        let known: Vec<&Finding> = findings
            .filter_map(|(_, finding)| finding.as_ref())
            .collect();
        let bits: Vec<String> = known
            .iter()
            .map(|finding| finding.surprise_bits.to_string())
            .collect();
        let sum: f64 = known.iter().map(|finding| finding.surprise_bits).sum();
        let faded = match known
            .iter()
            .all(|finding| finding.time == self.command.time)
        {
            true => "",
            false => ", of which what is older has faded since",
        };
        (known.len() > 1).then(|| format!("{} = {sum:.1} bits{faded}", bits.join(" + ")))
    }
}

impl FindingCase {
    pub(super) fn tell(&self, page: &mut Page) {
        page.heading(&format!("Finding {}", plain(&self.finding.id)));
        page.line(0, "");
        tell_finding(page, &self.finding, None);
        page.heading("What it led to");
        page.line(0, "");
        for command in &self.led_to {
            page.prose(INDENT, &one_line(command));
        }
        if self.led_to.is_empty() {
            page.prose(
                INDENT,
                "No command: what was seen was not enough to act on.",
            );
        }
    }
}

/// A finding in full; what its command said already is not said again.
fn tell_finding(page: &mut Page, finding: &Finding, told: Option<&Command>) {
    page.pairs(INDENT, &seen(finding, told));
    page.line(0, "");
    page.line(INDENT, "Observed, against what is usual");
    evidence::write(page, 2 * INDENT, &finding.evidence);
    if let Some(formula) = finding.evidence.get("formula").and_then(Value::as_str) {
        page.line(0, "");
        page.line(INDENT, "Arithmetic");
        for step in formula.split("; ") {
            page.prose(2 * INDENT, &plain(step));
        }
    }
    page.line(0, "");
    let silent = finding.evidence.get("silent_if").and_then(Value::as_str);
    let counterfactual = match silent {
        Some(silent) => format!(
            "It would have been silent if {}.",
            plain(silent.trim_end_matches('.'))
        ),
        None => "What would have made it silent is not stated.".to_owned(),
    };
    page.prose(INDENT, &counterfactual);
}

fn seen(finding: &Finding, told: Option<&Command>) -> Pairs {
    let mut pairs = Pairs::default();
    pairs.add("detector", plain(&finding.detector));
    pairs.add("saw", plain(&finding.summary));
    let same = |command: &Command| {
        command.target.tenant == finding.tenant && command.target.identity == finding.identity.id
    };
    if !told.is_some_and(same) {
        let (who, kind) = (plain(&finding.identity.id), finding.identity.kind);
        pairs.add(
            "whom",
            format!("{who}, {kind}, of tenant {}", plain(&finding.tenant)),
        );
    }
    let in_command = |part: fn(&Target) -> Option<&String>, own: Option<&String>| {
        told.is_some_and(|command| part(&command.target) == own)
    };
    if !in_command(
        |target| target.session_id.as_ref(),
        finding.session_id.as_ref(),
    ) {
        pairs.add_known("session", finding.session_id.as_deref());
    }
    if !in_command(
        |target| target.credential_id.as_ref(),
        finding.credential_id.as_ref(),
    ) {
        pairs.add_known("credential", finding.credential_id.as_deref());
    }
    let earlier = told.map_or(0, |command| command.time.since(finding.time));
    let earlier = match earlier > 0 {
        true => format!(", {} before the command", duration(earlier)),
        false => String::new(),
    };
    pairs.add("when", format!("{}{earlier}", finding.time));
    pairs.add("severity", finding.severity.as_str());
    let has_formula = finding.evidence.contains_key("formula");
    pairs.add("surprise", surprise(finding.surprise_bits, has_formula));
    let risk = finding.risk;
    pairs.add(
        "risk then",
        format!(
            "{} of 100 in the session, {} of the identity",
            risk.session, risk.identity
        ),
    );
    if !finding.technique.is_empty() {
        let ids = plain(&finding.technique.join(", "));
        pairs.add("technique", format!("{ids} (MITRE)"));
    }
    let ids: Vec<String> = finding.event_ids.iter().map(|id| plain(id)).collect();
    let ids = match ids.is_empty() {
        true => "none: time passed".to_owned(),
        false => ids.join(" "),
    };
    pairs.add("events", ids);
    pairs
}

/// Bits of surprise in words. A rule, which has no formula, says that something must not be, not how
/// seldom it is.
pub(crate) fn surprise(bits: f64, has_formula: bool) -> String {
    if bits <= 0.0 {
        return "none: it is a rule".to_owned();
    }
    if bits == RULE_BITS && !has_formula {
        return format!("a rule was broken, which weighs {bits} bits");
    }
    let times = match bits {
        _ if bits > MOST_BITS_TOLD => String::new(),
        _ => format!(", about {}", count(bits.exp2())),
    };
    format!("{bits} bits, once in 2^{bits}{times}")
}

/// What a command asks of a bot.
pub(crate) fn meaning(action: Action) -> &'static str {
    match action {
        Action::Narrow => "cut the session's scopes",
        Action::Shorten => "cut the session's lifetime",
        Action::Deny => "refuse this one action",
        Action::StepUp => "demand fresh, stronger authentication",
        Action::Pause => "suspend it, reversibly",
        Action::RevokeSession => "end this session",
        Action::RevokeCredential => "invalidate this credential",
        Action::RevokeAll => "end every session and credential of the identity",
        Action::Resume => "lift an earlier pause",
        Action::Restore => "undo an earlier command",
    }
}

fn decided(action: Action, params: &Params) -> String {
    let mut text = format!("{action}: {}", meaning(action));
    if let Some(seconds) = params.expires_in {
        text += &format!(
            " to {}",
            duration(
                i64::try_from(seconds)
                    .unwrap_or(i64::MAX)
                    .saturating_mul(1000)
            )
        );
    }
    if let Some(scopes) = &params.scopes {
        let kept = match scopes.is_empty() {
            true => "none".to_owned(),
            false => plain(&scopes.join(", ")),
        };
        text += &format!(", to {kept}");
    }
    if let Some(resource) = &params.resource {
        text += &format!(" on {}", plain(resource));
    }
    match params.max_age {
        Some(0) => text += ", a new one",
        Some(seconds) => text += &format!(", no older than {seconds} s"),
        None => {}
    }
    if let Some(values) = &params.acr_values {
        text += &format!(", of class {}", plain(values));
    }
    text
}

fn whom(pairs: &mut Pairs, target: &Target) {
    let who = plain(&target.identity);
    pairs.add(
        "for",
        format!(
            "{who}, {}, of tenant {}",
            target.kind,
            plain(&target.tenant)
        ),
    );
    pairs.add_known("session", target.session_id.as_deref());
    pairs.add_known("credential", target.credential_id.as_deref());
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce: bots act on it",
        Mode::Observe => {
            "observe: only recorded; the policy, the detector or the breaker holds it back"
        }
    }
}

pub(super) fn one_line(command: &Command) -> String {
    let Command {
        id,
        action,
        mode,
        time,
        ..
    } = command;
    format!("{}, {action} at {time}, mode {mode}", plain(id))
}

/// In its two largest units: nobody asks for the seconds of a day.
fn duration(ms: i64) -> String {
    const UNITS: [(i64, &str); 4] = [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let mut rest = ms.max(0) / 1000;
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        let amount = rest / unit;
        rest %= unit;
        if amount > 0 {
            let plural = if amount == 1 { "" } else { "s" };
            parts.push(format!("{amount} {name}{plural}"));
        }
    }
    parts.truncate(2);
    match parts.is_empty() {
        true => "less than a second".to_owned(),
        false => parts.join(" "),
    }
}

/// A large number to two digits, as it is spoken.
fn count(number: f64) -> String {
    const NAMES: [(f64, &str); 5] = [
        (1e15, " quadrillion"),
        (1e12, " trillion"),
        (1e9, " billion"),
        (1e6, " million"),
        (1e3, " thousand"),
    ];
    let (scale, name) = NAMES
        .iter()
        .find(|(scale, _)| number >= *scale)
        .unwrap_or(&(1.0, ""));
    let scaled = number / scale;
    match scaled {
        _ if scaled < 9.95 && *scale > 1.0 => format!("1 in {scaled:.1}{name}"),
        _ => format!("1 in {scaled:.0}{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_they_are_spoken() {
        let said = [3.0, 14.3, 26.6, 40.0, 59.0].map(|bits: f64| count(bits.exp2()));
        assert_eq!(
            said,
            [
                "1 in 8",
                "1 in 20 thousand",
                "1 in 102 million",
                "1 in 1.1 trillion",
                "1 in 576 quadrillion"
            ]
        );
    }

    #[test]
    fn durations_are_told_in_their_two_largest_units() {
        let said = [86_400_000, 90_061_000, 90_000, 20].map(duration);
        assert_eq!(
            said,
            [
                "1 day",
                "1 day 1 hour",
                "1 minute 30 seconds",
                "less than a second"
            ]
        );
    }
}
