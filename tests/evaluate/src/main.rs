//! How well the engine answers the catalogue, and what it costs the innocent: `make evaluate`.
//!
//! Whole simulated organisations go through the engine, in memory. Each row of the catalogue is
//! planted in them, in several variants, with a benign twin of each; the rest is ordinary life with
//! its oddities. What is printed is measured on these simulated people, not on anybody's.

mod calibration;
mod judge;
mod play;
mod rules;
mod tables;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use plumbline_detectors::config::{
    Config, ContentionRule, EgressKind, EgressRule, EnvironmentRule, SeparationRule, Span,
};
use plumbline_replay_data::Options;
use plumbline_replay_data::places::{Access, place_with};

use calibration::Calibration;
use judge::{Innocent, Judged};

/// Measures which rows of the catalogue the engine answers, how soon, and what the innocent suffer.
#[derive(Debug, Parser)]
#[command(name = "evaluate", version)]
struct Arguments {
    /// Populations to play, each made from another seed
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3])]
    seeds: Vec<u64>,
    /// Identities of each population
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    identities: u32,
    /// Days of each population; from 73 on a credential has time to sleep for two months (row E5)
    #[arg(long, default_value_t = 74, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// Name the organisation's own VPN as an egress in the policy, as an operator may; by default the engine
    /// is told of no network
    #[arg(long)]
    name_vpn: bool,
    /// Only these rows in the details, e.g. A3,D5
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Also every variant, every attack that was missed and every command on somebody innocent
    #[arg(long, short)]
    details: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; then nobody is there to be told.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut config = config();
    if arguments.name_vpn {
        config.policy.egress = own_vpn()?;
    }
    let config = Arc::new(config);
    let mut judged: Vec<Judged> = Vec::new();
    let mut innocent = Innocent::default();
    let mut calibration = Calibration::default();
    for seed in &arguments.seeds {
        let options = Options {
            seed: *seed,
            identities: arguments.identities,
            days: arguments.days,
            catalogue: true,
            ..Options::default()
        };
        let played = play::play(&options, &config)?;
        calibration.add(&played);
        innocent.add(&played);
        judged.extend(judge::attacks_and_twins(&played));
    }
    let mut out = io::stdout().lock();
    tables::rows(&mut out, &judged)?;
    tables::innocent(&mut out, &innocent)?;
    tables::calibration(&mut out, &calibration)?;
    if arguments.details {
        tables::details(&mut out, &judged, &innocent, &arguments.rows)?;
    }
    Ok(())
}

/// The defaults, and the lists that some rows need: an operator writes them for their own names.
fn config() -> Config {
    let mut config = Config::default();
    config.policy.separation = vec![SeparationRule {
        actions: vec!["tool:ticket.create".into(), "tool:payment.approve".into()],
        within: Span::minutes(10),
    }];
    config.policy.environment = vec![EnvironmentRule {
        identity: "ci-*".into(),
        environments: vec!["prod-runners".into()],
    }];
    config.policy.contention = vec![ContentionRule {
        resource: "*".into(),
        within: Span::minutes(5),
    }];
    config
}

/// The organisation's concentrator, where all who use its VPN surface.
fn own_vpn() -> Result<Vec<EgressRule>, Box<dyn Error>> {
    let place = place_with(Access::CorporateVpn).ok_or("the world has no VPN of its own")?;
    let (network, length) = place.v4;
    Ok(vec![EgressRule {
        cidr: format!("{network}/{length}").parse()?,
        kind: EgressKind::Vpn,
    }])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn judged(options: &Options) -> (Vec<Judged>, Innocent, Calibration) {
        let played = play::play(options, &Arc::new(config())).unwrap();
        let (mut innocent, mut calibration) = (Innocent::default(), Calibration::default());
        calibration.add(&played);
        innocent.add(&played);
        (judge::attacks_and_twins(&played), innocent, calibration)
    }

    fn small() -> Options {
        Options {
            identities: 80,
            days: 13,
            catalogue: true,
            ..Options::default()
        }
    }

    fn printed() -> String {
        let (judged, innocent, calibration) = judged(&small());
        let mut out = Vec::new();
        tables::rows(&mut out, &judged).unwrap();
        tables::innocent(&mut out, &innocent).unwrap();
        tables::calibration(&mut out, &calibration).unwrap();
        tables::details(&mut out, &judged, &innocent, &[]).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_same_populations_print_the_same_tables() {
        let text = printed();
        assert!(text.contains("C1 at once"), "{text}");
        assert_eq!(text, printed());
    }

    #[test]
    fn a_twin_is_answered_by_nothing_and_an_attack_by_what_its_row_accepts() {
        let (judged, innocent, calibration) = judged(&small());
        let twins = judged.iter().filter(|it| it.label.is_twin);
        assert!(twins.clone().count() > 10);
        assert!(twins.clone().all(|it| it.answer.is_none()));
        let answered: Vec<_> = judged.iter().filter(|it| it.answer.is_some()).collect();
        assert!(!answered.is_empty());
        let has_events = |it: &&Judged| it.answer.as_ref().is_some_and(|answer| answer.events > 0);
        assert!(answered.iter().all(has_events));
        assert!(innocent.identity_days >= 80 * 13);
        assert!(calibration.hours > 1000);
    }

    /// Populations of which nothing else here was made: what is right for those of `make evaluate` alone is no good.
    #[test]
    fn attacks_are_answered_and_the_innocent_are_left_alone() {
        let (mut all, mut innocent) = (Vec::new(), Innocent::default());
        let played = std::thread::scope(|scope| {
            let plays = [101, 102].map(|seed| {
                scope.spawn(move || {
                    let options = Options {
                        seed,
                        identities: 500,
                        days: 74,
                        ..small()
                    };
                    play::play(&options, &Arc::new(config())).map_err(|error| error.to_string())
                })
            });
            plays.map(|play| play.join().unwrap().unwrap())
        });
        for played in &played {
            all.extend(judge::attacks_and_twins(played));
            innocent.add(played);
        }
        let mut told = Vec::new();
        tables::details(&mut told, &all, &innocent, &[]).unwrap();
        let told = String::from_utf8(told).unwrap();
        let (twins, attacks): (Vec<_>, Vec<_>) = all.iter().partition(|it| it.label.is_twin);
        let answered = attacks.iter().filter(|it| it.answer.is_some()).count();
        assert!(
            attacks.len() > 150 && 100 * answered >= 95 * attacks.len(),
            "{told}"
        );
        assert!(
            twins.len() > 100 && twins.iter().all(|it| it.others.is_empty()),
            "{told}"
        );
        let alarms: u64 = innocent.false_alarms.values().sum();
        let thousands = innocent.identity_days as f64 / 1000.0;
        assert!(
            thousands > 50.0 && alarms as f64 <= 0.2 * thousands,
            "{told}"
        );
        let mut actions = innocent.burdens.keys().map(|(_, action)| action);
        assert!(
            !actions.any(|action| action.starts_with("revoke_")),
            "{told}"
        );
    }
}
