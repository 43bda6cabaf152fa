//! A device at two ends of the world: whose hands it is in.

#![allow(missing_docs)]

mod story;

use plumbline_schemas::command::Action;
use plumbline_schemas::event::ActionClass;
use story::*;

const NOON: i64 = 10 * DAY + 12 * HOUR;

/// Ten days in Oslo on one laptop, and the morning of the eleventh.
fn at_home() -> Story {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    for step in 0..4 {
        story.tell(here(step).at(monday(NOON - HOUR + step * 15 * MINUTE)));
    }
    story
}

fn here(step: i64) -> Tell {
    call("ann", page(step))
        .from(&OSLO)
        .on("laptop")
        .session("s")
}

fn far(step: i64) -> Tell {
    call("ann", page(step))
        .from(&SYDNEY)
        .on("laptop")
        .session("s")
}

#[test]
fn the_laptop_that_moves_to_another_network_for_the_afternoon_is_left_alone() {
    let mut story = at_home();
    for step in 0..8 {
        story.tell(far(step + 4).at(monday(NOON + step * 15 * MINUTE)));
    }
    assert_eq!(story.actions(), []);
}

#[test]
fn a_new_laptop_that_moves_to_another_network_on_its_first_day_is_left_alone() {
    let mut story = at_home();
    story.tell(here(0).on("new").session("n").at(monday(NOON)));
    for step in 1..6 {
        let far = far(step).on("new").session("n");
        story.tell(far.at(monday(NOON + step * 15 * MINUTE)));
    }
    assert_eq!(story.actions(), []);
}

#[test]
fn a_device_used_in_two_places_by_turns_is_in_two_hands() {
    let mut story = at_home();
    for turn in 0..4 {
        story.tell(far(turn).at(monday(NOON + turn * 4 * MINUTE)));
        story.tell(here(turn).at(monday(NOON + turn * 4 * MINUTE + 2 * MINUTE)));
    }
    assert!(story.actions().contains(&Action::StepUp));
}

#[test]
fn a_privileged_session_that_travels_is_ended_whatever_its_device() {
    let mut story = at_home();
    let admin = here(0).class(ActionClass::Admin);
    story.tell(admin.at(monday(NOON)));
    story.tell(far(1).at(monday(NOON + 10 * MINUTE)));
    assert_eq!(story.actions().last(), Some(&Action::RevokeSession));
}
