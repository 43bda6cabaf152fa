//! The words of an account: what was usual before the event, what each detector said, the risk before and after, and
//! why the policy did this and nothing else.

use plumbline_detectors::DetectorId;
use plumbline_detectors::witness::{Account, Baseline, Decision, Due, Ground, Risks, Weighed};
use plumbline_schemas::command::Mode;
use plumbline_schemas::shown::plain;

use super::tell::INDENT;
use crate::page::{Page, Pairs};

/// Tells an account.
pub(super) fn tell(account: &Account, page: &mut Page) {
    page.heading(&format!(
        "Baseline before event {}",
        plain(&account.event_id)
    ));
    page.line(0, "");
    page.pairs(INDENT, &baseline(&account.baseline));
    page.heading("What each detector said, in bits");
    page.line(0, "");
    weighed(page, &account.weighed);
    page.heading("Risk, in bits");
    page.line(0, "");
    risk(page, account);
    page.heading("Why this action");
    page.line(0, "");
    page.pairs(INDENT, &why(account));
}

fn baseline(baseline: &Baseline) -> Pairs {
    let mut pairs = Pairs::default();
    let days = match baseline.days {
        0 => "on no earlier day: nothing can be unusual of it yet".to_owned(),
        days => format!("on {}", counted(usize::from(days), "earlier day")),
    };
    pairs.add("seen", days);
    let actions = baseline.usual_actions.iter().map(|name| plain(name));
    let actions: Vec<String> = actions.collect();
    let actions = match actions.is_empty() {
        true => "nothing yet".to_owned(),
        false => actions.join(", "),
    };
    pairs.add("usually does", actions);
    if !baseline.usual_hours.is_empty() {
        let hours: Vec<String> = baseline.usual_hours.iter().map(u8::to_string).collect();
        pairs.add("usually at", format!("{} h UTC", hours.join(", ")));
    }
    let known = [
        (baseline.places, "place"),
        (baseline.networks, "network"),
        (baseline.devices, "device"),
        (baseline.hosts, "host"),
    ];
    let known = known.into_iter().filter(|(count, _)| *count > 0);
    let known: Vec<String> = known.map(|(count, what)| counted(count, what)).collect();
    let known = match known.is_empty() {
        true => "no place, network or device".to_owned(),
        false => known.join(", "),
    };
    pairs.add("known of it", known);
    pairs
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

fn weighed(page: &mut Page, weighed: &[Weighed]) {
    if weighed.is_empty() {
        page.line(INDENT, "Nothing: it surprised none of them.");
        return;
    }
    let mut rows = vec![["detector", "bits", "counts from", "demands", ""].map(str::to_owned)];
    for said in weighed {
        let counts = match said {
            said if said.is_suppressed => "silenced by [[policy.suppress]]",
            said if said.demands.is_some() || said.bits >= said.counts_from => "counts",
            _ => "too little",
        };
        let demands = said.demands.map_or("nothing", |action| action.as_str());
        rows.push([
            said.detector.name().to_owned(),
            format!("{:.1}", said.bits),
            format!("{:.1}", said.counts_from),
            demands.to_owned(),
            counts.to_owned(),
        ]);
    }
    page.columns(INDENT, &rows);
}

fn risk(page: &mut Page, account: &Account) {
    let (session, identity) = (&account.session, &account.identity);
    let columns = [
        &session.before,
        &session.after,
        &identity.before,
        &identity.after,
    ];
    let head = ["", "session before", "after", "identity before", "after"];
    let mut rows = vec![head.map(str::to_owned)];
    for detector in DetectorId::ALL {
        let bits = columns.map(|risks| bits(risks, *detector));
        if bits.iter().any(Option::is_some) {
            let cells = bits.map(|bits| bits.map_or("-".to_owned(), |bits| format!("{bits:.1}")));
            rows.push(row(detector.name(), cells));
        }
    }
    let scores = columns.map(|risks| format!("{} of 100", risks.score));
    rows.push(row("together", scores));
    page.columns(INDENT, &rows);
}

fn row(name: &str, [a, b, c, d]: [String; 4]) -> [String; 5] {
    [name.to_owned(), a, b, c, d]
}

fn bits(risks: &Risks, detector: DetectorId) -> Option<f64> {
    let mut each = risks.each.iter();
    each.find(|(other, _)| *other == detector)
        .map(|(_, bits)| *bits)
}

fn why(account: &Account) -> Pairs {
    let mut pairs = Pairs::default();
    let stood = match account.stood {
        Some((action, mode)) => format!("{action}, mode {mode}"),
        None => "nothing".to_owned(),
    };
    pairs.add("stood before", stood);
    pairs.add("came to", decision(account));
    if let Some(detector) = account.refuses {
        let rule = format!(
            "deny of this one action, because the rule of {} demands it",
            detector.name()
        );
        pairs.add("beside that", rule);
    }
    let rule = match &account.decision {
        Decision::Exempt(name) => Some(name),
        Decision::Commanded(due, _) | Decision::NoStronger(due) => match &due.ground {
            Ground::Rule(name) => Some(name),
            _ => None,
        },
        Decision::TooLittle => None,
    };
    pairs.add_known("policy rule", rule.map(String::as_str));
    pairs
}

fn decision(account: &Account) -> String {
    match &account.decision {
        Decision::TooLittle => "nothing: it was too little to act on".to_owned(),
        Decision::Exempt(_) => {
            "nothing: the operator's rule lets it be, and it raises no risk".to_owned()
        }
        Decision::NoStronger(due) => {
            format!(
                "nothing more: {}; what stood already is no weaker",
                due_words(due)
            )
        }
        Decision::Commanded(due, mode) => {
            let held = match (due.mode, mode) {
                (Mode::Enforce, Mode::Observe) => {
                    "; the breaker holds it back, since so many identities were commanded at once"
                }
                (Mode::Observe, _) => "; policy or detector only observe",
                _ => "",
            };
            format!("{}{held}", due_words(due))
        }
    }
}

fn due_words(due: &Due) -> String {
    let ground = match &due.ground {
        Ground::Demanded(detector) => format!("the rule of {} demands it", detector.name()),
        Ground::Alone(detector) => format!("{} is sure enough by itself", detector.name()),
        Ground::Together { groups, bits } => {
            format!(
                "{} came together, {bits} bits in all",
                counted(*groups, "kind") + " of surprise"
            )
        }
        Ground::GoesOn => "it went on after a step_up that nobody has passed".to_owned(),
        Ground::OtherWay(detector) => format!(
            "something was answered within a day, and {} shows that another way is tried",
            detector.name()
        ),
        Ground::Rule(_) => "a rule of the operator demands it".to_owned(),
    };
    let spared = match due.is_break_glass {
        true => ", and no more than that for who is in policy.break_glass",
        false => "",
    };
    format!("{}, because {ground}{spared}", due.action)
}
