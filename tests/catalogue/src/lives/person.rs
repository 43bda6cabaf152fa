//! A person: laptop and phone, weekdays, sessions that end with a log-out.

use super::Step;
use crate::clock::{self, DAY, HOUR, MINUTE, SECOND};
use crate::{Actor, Place, Story, place};

/// What a person does all day.
const OFFICE_WORK: [Step; 6] = [
    ("read", "GET /mail/{id}"),
    ("read", "GET /calendar"),
    ("read", "GET /wiki/{id}"),
    ("write", "POST /tickets/{id}/comments"),
    ("read", "GET /tickets"),
    ("read", "GET /reports/{id}"),
];

/// A person with a laptop and a phone.
#[derive(Clone, Debug)]
pub struct Person {
    /// On the laptop, at the usual place, outside any session.
    pub laptop: Actor,
    /// On the phone, with a mobile carrier, outside any session.
    pub phone: Actor,
    /// The usual place.
    pub home: Place,
    console: Vec<Step>,
    starts: i64,
}

impl Person {
    /// Somebody in a city of the seed's choice.
    pub fn new(story: &mut Story, stem: &str) -> Self {
        let id = story.dice.name(stem);
        let number = place::any_city(&mut story.dice);
        let home = Place::at_home(number, 0);
        let carrier = Place::at_home(number, 3);
        let password = story.dice.fingerprint();
        let issued = clock::at(-story.dice.between(20, 300), 9, 0);
        let human = Actor::human(&id).credential("passkey", &password, issued);
        let host = story.dice.between(1, 200);
        Self {
            laptop: human.clone().from(&home, host).device(
                &format!("laptop-{id}"),
                "Mozilla/5.0 (Macintosh) Firefox/141",
            ),
            phone: human
                .from(&carrier, host + 20)
                .device(&format!("phone-{id}"), "Mozilla/5.0 (iPhone) Safari/18"),
            home,
            console: Vec::new(),
            starts: story.dice.between(7, 9),
        }
    }

    /// Who also does this in a console, every other day, right after a fresh log-in.
    pub fn who_also(mut self, class: &'static str, name: &'static str) -> Self {
        self.console.push((class, name));
        self
    }

    /// The id.
    pub fn id(&self) -> &str {
        self.laptop.id()
    }

    /// Logs in with a second factor; tells the actor in the new session.
    pub fn logs_in(&self, story: &mut Story, device: &Actor, time: i64) -> Actor {
        let session = format!("s-{}-{}", self.id(), (time / SECOND) % 10_000_000);
        let actor = device
            .clone()
            .session_since(&session, time)
            .with("session.authenticated_at", clock::written(time))
            .with("session.assurance", "aal2")
            .with("session.mfa", true);
        story.add(actor.does("login", "login").at(time));
        story.add(actor.does("mfa", "mfa.verify").at(time + 15 * SECOND));
        actor
    }

    /// Office work in a session.
    pub fn browses(&self, story: &mut Story, session: &Actor, from: i64, until: i64) {
        let mut time = from;
        while time < until {
            let (class, name) = story.dice.pick(&OFFICE_WORK);
            let bytes = story.dice.about(9000, 60);
            story.add(session.does(class, name).bytes(bytes).at(time));
            time += story.dice.between(3, 25) * MINUTE + story.dice.between(0, 59) * SECOND;
        }
    }

    /// A short console session with everything this person does in one; logs out at its end.
    pub fn works_in_console(&self, story: &mut Story, time: i64) {
        let session = self.logs_in(story, &self.laptop, time);
        let mut now = time + MINUTE;
        for (class, name) in self.console.clone() {
            let bytes = story.dice.about(60_000, 40);
            story.add(session.does(class, name).bytes(bytes).at(now));
            now += story.dice.between(20, 50) * SECOND;
        }
        story.add(session.does("logout", "logout").at(now));
    }

    /// So many days of ordinary life.
    pub fn lives(&self, story: &mut Story, days: i64) {
        for day in 0..days {
            if clock::is_working_day(day) {
                self.works_a_day(story, day);
            } else if story.dice.chance(40) {
                let time = clock::at(day, story.dice.between(10, 20), story.dice.between(0, 59));
                self.looks_at_the_phone(story, time);
            }
        }
    }

    fn works_a_day(&self, story: &mut Story, day: i64) {
        let morning = clock::at(day, self.starts, story.dice.between(0, 50));
        let evening = morning + 8 * HOUR + story.dice.between(0, 60) * MINUTE;
        let session = self.logs_in(story, &self.laptop, morning);
        self.browses(story, &session, morning + 2 * MINUTE, evening);
        story.add(session.does("logout", "logout").at(evening + MINUTE));
        let noon = morning + story.dice.between(150, 260) * MINUTE;
        if story.dice.chance(60) {
            self.looks_at_the_phone(story, noon);
        }
        if !self.console.is_empty() && (day % 7 == 0 || story.dice.chance(60)) {
            let later = noon + story.dice.between(20, 120) * MINUTE;
            self.works_in_console(story, later);
        }
    }

    fn looks_at_the_phone(&self, story: &mut Story, time: i64) {
        let session = self.logs_in(story, &self.phone, time);
        self.browses(story, &session, time + MINUTE, time + 40 * MINUTE);
        story.add(session.does("logout", "logout").at(time + HOUR));
    }

    /// The morning after so many days, half past the hour at which this person starts.
    pub fn morning(&self, days: i64) -> i64 {
        clock::at(days, self.starts, 0) + DAY / 48
    }
}
