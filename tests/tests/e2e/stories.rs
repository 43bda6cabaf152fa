//! Stories that several tests tell.

use plumbline_tests::story::{Person, Told, in_order};
use plumbline_tests::vendor::{LONDON, OSLO};

/// People with three weeks of office days, each impersonated on a day of their own from the second
/// week on: findings and commands all along the log. All of it in one format, and keyed as the log
/// is: each partition of the raw topic becomes the same partition of the log, whatever the speed at
/// which the partitions are read.
pub(crate) fn impersonations(people: i64) -> Vec<Told> {
    let stories = (0..people).flat_map(|number| {
        let home = if number % 2 == 0 { OSLO } else { LONDON };
        let person = Person::new(&format!("00u-person-{number}"), home);
        let day = 8 + number % 13;
        [person.days(0..21, 12), person.is_impersonated(day)]
    });
    in_order(stories)
}
