//! A person and a machine change the same object of production within minutes.

use plumbline_schemas::command::Action::Pause;
use plumbline_schemas::event::{Delegate, IdentityKind};

use super::tale::{Tale, ms};
use super::{Row, Variant, operator, service};
use crate::catalogue::deeds::{CONFIG_READ, CONFIG_WRITE, RESTART};
use crate::clock::{MINUTE, SECOND};

pub(super) const ROW: Row = Row {
    id: "B3",
    variants: &[
        Variant {
            name: "the person first",
            accepts: &[Pause],
            suits: service,
            attack: |tale| {
                meet(
                    tale,
                    How {
                        person_first: true,
                        only_reads: false,
                        delegated: false,
                    },
                )
            },
            twin_suits: service,
            twin: |tale| {
                meet(
                    tale,
                    How {
                        person_first: true,
                        only_reads: true,
                        delegated: false,
                    },
                )
            },
        },
        Variant {
            name: "the machine first",
            accepts: &[Pause],
            suits: service,
            attack: |tale| {
                meet(
                    tale,
                    How {
                        person_first: false,
                        only_reads: false,
                        delegated: false,
                    },
                )
            },
            twin_suits: service,
            twin: |tale| {
                meet(
                    tale,
                    How {
                        person_first: true,
                        only_reads: false,
                        delegated: true,
                    },
                )
            },
        },
    ],
};

struct How {
    person_first: bool,
    only_reads: bool,
    delegated: bool,
}

fn meet(tale: &mut Tale<'_>, how: How) -> Option<String> {
    let person = tale.another(operator)?;
    let desk = tale.pattern_of(person, |bout| !bout.special && bout.work > 0)?;
    let start = ms(&desk) + 15 * MINUTE;
    let mut machine = tale.pattern_at(tale.who, start, |_| true)?;
    let console = tale.session(&desk, start);
    let (by_person, by_machine) = if how.only_reads {
        (&CONFIG_READ, &CONFIG_READ)
    } else {
        (&CONFIG_WRITE, &RESTART)
    };
    if how.delegated {
        machine.delegation.push(Delegate {
            id: desk.identity.id.clone(),
            kind: IdentityKind::Human.into(),
        });
    }
    let object = 700 + tale.plant;
    let resource = format!("config/{object}");
    let gap = tale.about(80);
    let (first, second) = (start + 40 * SECOND, start + 40 * SECOND + gap);
    let (of_person, of_machine) = if how.person_first {
        (first, second)
    } else {
        (second, first)
    };
    let human = tale.done(&console, of_person, by_person, object);
    let mut call = tale.done(&machine, of_machine, by_machine, object);
    call.action.resource = Some(resource.into());
    tale.target = Some(machine.identity.id.to_string());
    // The later of the two is what is answered.
    if how.person_first {
        tale.before(human);
        tale.then(call);
    } else {
        tale.before(call);
        tale.then(human);
    }
    Some(format!(
        "{} and the machine meet at config/{object}",
        desk.identity.id
    ))
}
