//! `plumbline check`: whether a configuration is right, and what it puts in force.

use std::error::Error;
use std::fmt::{self, Write};
use std::path::Path;

use plumbline_detectors::config::{DetectorMode, PolicyMode};
use plumbline_schemas::command::Action;

use crate::config::{Config, ConfigError, ConfigFile, Delivery};
use crate::log_format::{LogFormat, SET, VRL};
use crate::telemetry;

/// A line of names is no longer than this, beside the title of the section.
const WIDTH: usize = 100;

/// Reads the file and says what it puts in force.
pub fn check(path: &Path) -> Result<String, ConfigError> {
    let file = ConfigFile::read(path)?;
    programs(&file.config)?;
    telemetry::check_build(&file.config.log)?;
    let mut text = format!("{}: ok\n\n", path.display());
    // Writing to a `String` cannot fail.
    let _ = in_force(&file.config, &mut text);
    let notes = notes(&file.config);
    if !notes.is_empty() {
        text.push('\n');
    }
    for note in notes {
        let _ = writeln!(text, "note: {note}");
    }
    Ok(text)
}

/// Whether the programs and the keys of the log formats are there and right.
fn programs(config: &Config) -> Result<(), ConfigError> {
    for it in &config.source {
        let section = format!("the source {}", it.topic);
        LogFormat::of(it).map_err(|source| ConfigError::Program { section, source })?;
    }
    let replay = &config.replay;
    let section = "[replay]".to_owned();
    LogFormat::open(&replay.format, replay.program.as_deref())
        .map_err(|source| ConfigError::Program { section, source })?;
    Ok(())
}

fn in_force(config: &Config, out: &mut String) -> fmt::Result {
    kafka(config, out)?;
    sources(config, out)?;
    geo(config, out)?;
    engine(config, out)?;
    policy(config, out)?;
    receivers(config, out)?;
    targets(config, out)?;
    archive(config, out)?;
    collector(config, out)
}

fn archive(config: &Config, out: &mut String) -> fmt::Result {
    let archive = &config.archive;
    let Some(directory) = &archive.dir else {
        return Ok(());
    };
    let text = format!(
        "{}, files closed after {}",
        directory.display(),
        archive.roll_after
    );
    line(out, "archive", text)
}

/// A line of the summary; the title stands on the first line of several only.
fn line(out: &mut String, title: &str, text: impl fmt::Display) -> fmt::Result {
    writeln!(out, "{title:<13}{text}")
}

fn lines<T: fmt::Display>(
    out: &mut String,
    title: &str,
    none: &str,
    items: impl Iterator<Item = T>,
) -> fmt::Result {
    let mut title = title;
    for item in items {
        line(out, title, item)?;
        if !title.is_empty() {
            title = "";
        }
    }
    match title {
        "" => Ok(()),
        title => line(out, title, none),
    }
}

fn kafka(config: &Config, out: &mut String) -> fmt::Result {
    let kafka = &config.kafka;
    let server = format!("{}, group {}", kafka.bootstrap_servers, kafka.group_id);
    line(out, "kafka", server)?;
    if !kafka.properties.is_empty() {
        let names: Vec<_> = kafka.properties.keys().map(String::as_str).collect();
        line(out, "", format!("with {}", names.join(", ")))?;
    }
    Ok(())
}

fn sources(config: &Config, out: &mut String) -> fmt::Result {
    let source = config.source.iter().map(|source| {
        let tenant = source.tenant.as_deref().unwrap_or("default");
        let program = source.program.as_ref().filter(|_| source.format == VRL);
        let program = program.map(|path| format!(" {}", path.display()));
        let (topic, format) = (&source.topic, &source.format);
        let program = program.unwrap_or_default();
        format!("{topic} ({format}{program}, tenant {tenant})")
    });
    let none = format!(
        "none: only what is written to {} is read",
        config.kafka.topics.events
    );
    lines(out, "sources", &none, source)
}

fn geo(config: &Config, out: &mut String) -> fmt::Result {
    let geo = &config.geo;
    let files = [
        ("city", &geo.city),
        ("asn", &geo.asn),
        ("anonymizers", &geo.anonymizers),
    ];
    let files = files
        .into_iter()
        .flat_map(|(what, paths)| paths.iter().map(move |path| (what, path)))
        .map(|(what, path)| format!("{what} {}", path.display()));
    lines(
        out,
        "geo",
        "none: places only where the logs hold them",
        files,
    )
}

fn engine(config: &Config, out: &mut String) -> fmt::Result {
    let engine = &config.engine;
    let text = format!(
        "late after {}, {} false alarms per identity and year",
        engine.lateness, engine.false_alarms_per_identity_year
    );
    line(out, "engine", text)?;
    let observed = config.policy.mode == PolicyMode::Observe;
    let modes = [
        DetectorMode::Enforce,
        DetectorMode::Observe,
        DetectorMode::Off,
    ];
    let by_mode = modes.into_iter().flat_map(|mode| {
        let lowered = observed && mode == DetectorMode::Enforce;
        let note = if lowered { ", policy observes" } else { "" };
        let detectors = config.detectors.modes().into_iter();
        let names: Vec<_> = detectors
            .filter(|(_, other)| *other == mode)
            .map(|(name, _)| name)
            .collect();
        let title = format!("{}{note}: ", mode.as_str());
        wrapped(&title, &names)
    });
    lines(out, "detectors", "none", by_mode)
}

/// Names behind a title, on as many lines as they need; none where there are no names.
fn wrapped(title: &str, names: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let comma = if at + 1 < names.len() { "," } else { "" };
        match lines.last_mut() {
            Some(line) if line.len() + name.len() + 2 <= WIDTH => {
                line.push_str(&format!(" {name}{comma}"));
            }
            Some(_) => lines.push(format!("  {name}{comma}")),
            None => lines.push(format!("{title}{name}{comma}")),
        }
    }
    lines
}

fn policy(config: &Config, out: &mut String) -> fmt::Result {
    let policy = &config.policy;
    line(out, "policy", policy.mode.as_str())?;
    let breaker = &policy.breaker;
    // Rounded, since 0.07 is not exactly 7 % in binary.
    let share_percent = (breaker.share * 10_000.0).round() / 100.0;
    let text = format!(
        "more than {share_percent} % of the identities, and {} or more, commanded within {}: enforcement stops",
        breaker.minimum, breaker.window
    );
    line(out, "breaker", text)?;
    let never = policy.break_glass.iter();
    lines(out, "break-glass", "none", never)?;
    let egress = policy.egress.iter();
    let egress = egress.map(|rule| format!("{} is {}", rule.cidr, rule.kind.as_str()));
    lines(out, "egress", "none", egress)?;
    let suppressed = policy.suppress.iter().map(|rule| {
        let reason = match rule.reason.as_str() {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        format!(
            "{} of {} until {}{reason}",
            rule.detector, rule.identity, rule.until
        )
    });
    lines(out, "suppressed", "none", suppressed)?;
    limits(config, out)?;
    rules(config, out)
}

/// What the rules of good order measure by.
fn limits(config: &Config, out: &mut String) -> fmt::Result {
    let policy = &config.policy;
    let freshness = policy.freshness.0.iter();
    let freshness: Vec<_> = freshness
        .map(|(class, limit)| format!("{class} {limit}"))
        .collect();
    let credential = &policy.credential;
    let limits = [
        format!("authentication no older than: {}", freshness.join(", ")),
        format!(
            "privileged sessions rest up to {}",
            policy.session.inactivity
        ),
        format!(
            "credentials up to {} old, unused up to {}, replaced within {}",
            credential.max_age, credential.dormant, credential.rotation_grace
        ),
        format!("an approval covers {}", policy.approval.within),
    ];
    lines(out, "limits", "none", limits.into_iter())
}

/// What must not be combined, where who may run, and what must not be changed by two.
fn rules(config: &Config, out: &mut String) -> fmt::Result {
    let policy = &config.policy;
    let separation = policy
        .separation
        .iter()
        .map(|rule| format!("{} within {}", rule.actions.join(" with "), rule.within));
    lines(out, "separation", "none", separation)?;
    let environment = policy
        .environment
        .iter()
        .map(|rule| format!("{} in {}", rule.identity, rule.environments.join(", ")));
    lines(
        out,
        "environment",
        "none: where they ran on earlier days",
        environment,
    )?;
    let contention = policy
        .contention
        .iter()
        .map(|rule| format!("{} within {}", rule.resource, rule.within));
    lines(out, "contention", "none", contention)?;
    asked_for(config, out)
}

/// What is only there when somebody asks for it.
fn asked_for(config: &Config, out: &mut String) -> fmt::Result {
    let policy = &config.policy;
    let rules = policy.rule.iter();
    let rules = rules.map(|rule| {
        let action = rule.action.as_str();
        format!("{}: {action} when {}", rule.name, rule.when.as_str())
    });
    if !policy.rule.is_empty() {
        lines(out, "rules", "none", rules)?;
    }
    match policy.acknowledge.within {
        Some(within) => {
            let text = format!("sent again when not acknowledged within {within}");
            line(out, "commands", text)
        }
        None => Ok(()),
    }
}

/// Who is told of the commands by Shared Signals.
fn receivers(config: &Config, out: &mut String) -> fmt::Result {
    let receivers = config.signals.receiver.iter().map(|receiver| {
        let place = match receiver.delivery {
            Delivery::Push => format!("posted to {}", receiver.endpoint.as_deref().unwrap_or("")),
            Delivery::Poll => "when it polls".to_owned(),
            Delivery::Kafka => format!("to topic {}", receiver.topic.as_deref().unwrap_or("")),
        };
        let tenants = tenants(&receiver.tenants);
        let (name, profile) = (&receiver.name, receiver.profile);
        let told = profile.actions().filter(|action| receiver.wants(*action));
        let told: Vec<_> = told.map(Action::as_str).collect();
        let observe = if receiver.observe {
            ", observed too"
        } else {
            ""
        };
        wrapped(
            &format!("{name} ({profile}), {place}, of {tenants}{observe}: "),
            &told,
        )
    });
    if config.signals.receiver.is_empty() {
        return Ok(());
    }
    lines(out, "signals", "none", receivers.flatten())
}

/// Who carries the commands out.
fn targets(config: &Config, out: &mut String) -> fmt::Result {
    let targets = config.bot.target.iter().map(|target| {
        let (name, kind, url) = (&target.name, target.kind.as_str(), &target.url);
        let realm = target.realm.as_deref();
        let realm = realm.map_or(String::new(), |realm| format!(", realm {realm}"));
        let tenants = tenants(&target.tenants);
        let can = Action::ALL.iter().copied();
        let can = can.filter(|action| target.wants(*action) && target.kind.can(*action));
        let can: Vec<_> = can.map(Action::as_str).collect();
        wrapped(
            &format!("{name} ({kind}), {url}{realm}, of {tenants}: "),
            &can,
        )
    });
    if config.bot.target.is_empty() {
        return Ok(());
    }
    lines(out, "bot", "none", targets.flatten())
}

fn tenants(globs: &[String]) -> String {
    match globs.join(", ") {
        all if all == "*" => "every tenant".to_owned(),
        some => format!("tenant {some}"),
    }
}

fn collector(config: &Config, out: &mut String) -> fmt::Result {
    let log = &config.log;
    let Some(url) = &log.otlp else {
        return Ok(());
    };
    line(out, "log", format!("{}, to {url} too", log.level))?;
    if !log.otlp_headers.is_empty() {
        let names: Vec<_> = log.otlp_headers.keys().map(String::as_str).collect();
        line(out, "", format!("with {}", names.join(", ")))?;
    }
    Ok(())
}

/// What is right in the file, and yet not what its writer may expect.
fn notes(config: &Config) -> Vec<String> {
    let mut notes = unknown_detectors(config);
    notes.extend(not_found(config));
    notes.extend(not_read(config));
    notes.extend(unresolved(config));
    notes.extend(signals(config));
    let missing = crate::receive::what_is_missing(config).into_iter();
    let missing = missing.chain(crate::bot::what_is_missing(config));
    let missing = missing.chain(telemetry::what_is_missing(config));
    notes.extend(missing.map(|error| format!("on this machine {error}")));
    notes
}

/// An error and its cause, on one line.
pub(crate) fn with_cause(error: &dyn Error) -> String {
    let cause = error.source();
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

/// Keys that are missing or wrong, and bearer tokens that cannot be had.
fn signals(config: &Config) -> Vec<String> {
    if config.signals.receiver.is_empty() {
        return Vec::new();
    }
    let wrong = crate::signals::what_is_missing(config).into_iter();
    wrong
        .map(|error| format!("on this machine {error}"))
        .collect()
}

fn unknown_detectors(config: &Config) -> Vec<String> {
    let known = config.detectors.modes();
    let is_known = |name: &str| known.iter().any(|(known, _)| *known == name);
    let rules = config.policy.suppress.iter();
    rules
        .filter(|rule| !rule.detector.contains('*') && !is_known(&rule.detector))
        .map(|rule| {
            let name = &rule.detector;
            format!("policy.suppress: this version has no detector `{name}`")
        })
        .collect()
}

/// What sources have that is for another format.
fn not_read(config: &Config) -> impl Iterator<Item = String> {
    config.source.iter().flat_map(|source| {
        let of = [
            ("program", VRL, source.program.is_some()),
            ("tokens", SET, source.tokens.is_some()),
        ];
        let (topic, format) = (&source.topic, &source.format);
        let stray = of
            .into_iter()
            .filter(move |(_, of, is_there)| *is_there && format != of);
        stray.map(move |(key, of, _)| {
            format!("source {topic}: `{key}` is not read, its format is {format}, not {of}")
        })
    })
}

fn not_found(config: &Config) -> Vec<String> {
    let geo = &config.geo;
    let files = geo.city.iter().chain(&geo.asn).chain(&geo.anonymizers);
    files
        .filter(|path| !path.exists())
        .map(|path| format!("geo: {} is not on this machine", path.display()))
        .collect()
}

fn unresolved(config: &Config) -> Option<String> {
    let error = config.kafka.client_properties().err()?;
    let cause = std::error::Error::source(&error)?;
    Some(format!("on this machine {error}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `check` says of a file with this text, with the directory cut from its paths.
    fn said(text: &str) -> String {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("plumbline.toml");
        std::fs::write(&path, text).expect("written");
        let said = check(&path).expect("accepted");
        said.replace(&format!("{}/", directory.path().display()), "")
    }

    #[test]
    fn an_empty_file_is_ok_and_the_defaults_are_said() {
        insta::assert_snapshot!(said(""));
    }

    #[test]
    fn what_a_full_file_puts_in_force_is_said() {
        insta::assert_snapshot!(said(include_str!("../tests/config/full.toml")));
    }

    #[test]
    fn the_policy_in_observe_mode_is_said_beside_each_detector() {
        insta::assert_snapshot!(said(
            "[policy]\nmode = 'observe'\n[detectors]\ncall_volume.mode = 'off'\n\
             scope_drift.mode = 'observe'\n"
        ));
    }

    #[test]
    fn rules_and_acknowledgements_are_said() {
        let text = said(
            "[policy.acknowledge]\nwithin = '5m'\n[[policy.rule]]\nname = 'agents'\n\
             when = 'identity.kind == \"ai_agent\"'\naction = 'pause'\n",
        );
        let rule = "rules        agents: pause when identity.kind == \"ai_agent\"\n";
        assert!(text.contains(rule), "{text}");
        let commands = "commands     sent again when not acknowledged within 5m\n";
        assert!(text.contains(commands), "{text}");
    }

    #[test]
    fn receivers_are_said_with_what_they_are_told_and_never_their_tokens() {
        let text = said(include_str!("../tests/config/signals.toml"));
        assert!(!text.contains("hunter2"), "{text}");
        let (_, text) = text.split_once("\nsignals ").expect("receivers");
        insta::assert_snapshot!(format!("signals {text}"));
    }

    #[test]
    fn targets_are_said_with_what_they_can_and_never_their_secrets() {
        let text = said(include_str!("../tests/config/bot.toml"));
        assert!(!text.contains("hunter2"), "{text}");
        let (_, text) = text.split_once("\nbot ").expect("targets");
        insta::assert_snapshot!(format!("bot {text}"));
    }

    #[cfg(feature = "otlp")]
    #[test]
    fn the_collector_is_said_and_never_its_headers() {
        let text = said(
            "[log]\nlevel = 'warn'\notlp = 'http://collector:4318'\n[log.otlp_headers]\n\
             authorization = 'hunter2${env:PLUMBLINE_NOT_SET}'\nx-tenant = 'hunter2'\n",
        );
        assert!(!text.contains("hunter2"), "{text}");
        let (_, text) = text.split_once("\nlog ").expect("a collector");
        insta::assert_snapshot!(format!("log {text}"), @"
        log          warn, to http://collector:4318 too
                     with authorization, x-tenant

        note: on this machine the value of log.otlp_headers.authorization cannot be had: the environment variable PLUMBLINE_NOT_SET is not set, or is not UTF-8; set it, or correct the name
        ");
    }

    #[test]
    fn properties_are_named_and_never_shown() {
        let text = said(
            "[kafka.properties]\n'sasl.username' = 'hunter2'\n\
             'sasl.password' = '${env:PLUMBLINE_NOT_SET}'\n",
        );
        assert!(!text.contains("hunter2"), "{text}");
        insta::assert_snapshot!(text);
    }
}
