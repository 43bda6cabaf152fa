//! People: a working day with a laptop, a phone beside it, nights and weekends mostly off.
//!
//! Home and office alternate; some are on the organisation's VPN at home, a few always on one that
//! anybody can buy; in Britain and Brazil phones leave through a carrier's gateway far away. One
//! laptop session lasts a day or half of one, a phone's a week. Departments have their apps;
//! engineers look at the cloud's console; those on call get up when something breaks.

use rand::RngExt as _;

use super::travel::{Trip, trip, week_of};
use super::{Bout, Pen, retain_from};
use crate::catalogue::apps::{self, APPS, DEPARTMENTS};
use crate::catalogue::aws::CONSOLE;
use crate::clock::{DAY, HOUR, MINUTE, SECOND, offset};
use crate::draft::{Act, End, LAPTOP, PHONE, Setting};
use crate::places::{Access, PLACES};
use crate::profile::{Person, Profile, place_index};
use crate::random::{
    Purpose, Rng, chance, exponential, hash, normal, pick, poisson, rng, share, skewed,
};
use crate::world::{Broken, World};

/// Bouts of one day have numbers within this many.
const NUMBERS_PER_DAY: i64 = 64;
/// The day's plan reaches from four in the morning to four in the next.
const DAY_BEGINS: i64 = 4 * HOUR;
/// Somewhat before the next plan begins.
const DAY_ENDS: i64 = 28 * HOUR - 1;

pub(super) fn bouts(
    world: &World,
    who: &Profile,
    person: &Person,
    from: i64,
    to: i64,
    out: &mut Vec<Bout>,
) {
    // Between two places of a trip local days differ by up to 18 hours.
    let reach = if person.travels > 0.0 { 18 * HOUR } else { 0 };
    let ahead = offset(person.home.into(), from.div_euclid(DAY));
    let first = (from + ahead - DAY_ENDS - reach - HOUR).div_euclid(DAY);
    let last = (to + ahead - DAY_BEGINS + reach + HOUR).div_euclid(DAY);
    for day in first..=last {
        let begin = out.len();
        plan(world, who, person, day, out);
        retain_from(out, begin, |bout| (from..to).contains(&bout.start));
    }
}

/// One local day, at home or away or partly each.
fn plan(world: &World, who: &Profile, person: &Person, day: i64, out: &mut Vec<Bout>) {
    if !who.is_there(day) {
        return;
    }
    let trip = trip(world, who, person, week_of(day));
    let begin = out.len();
    Diary::new(world, who, person, day, None, out).write();
    let Some(trip) = trip else { return };
    retain_from(out, begin, |bout| {
        trip.is_home(bout.start, bout.start + bout.length)
    });
    let begin = out.len();
    Diary::new(world, who, person, day, Some(trip), out).write();
    retain_from(out, begin, |bout| {
        trip.is_there(bout.start, bout.start + bout.length)
    });
}

/// Plans one day at one place.
struct Diary<'a> {
    world: &'a World,
    who: &'a Profile,
    person: &'a Person,
    day: i64,
    away: bool,
    /// Where the person is.
    place: u8,
    midnight: i64,
    rng: Rng,
    number: i64,
    /// When the laptop's session began.
    session_start: i64,
    out: &'a mut Vec<Bout>,
}

impl<'a> Diary<'a> {
    fn new(
        world: &'a World,
        who: &'a Profile,
        person: &'a Person,
        day: i64,
        trip: Option<Trip>,
        out: &'a mut Vec<Bout>,
    ) -> Self {
        let place = trip.map_or(person.home, |trip| trip.place);
        let away = i64::from(trip.is_some());
        Self {
            world,
            who,
            person,
            day,
            away: trip.is_some(),
            place,
            midnight: day * DAY - offset(place.into(), day),
            rng: rng(world.seed(), who.index.into(), Purpose::Day, day * 2 + away),
            number: day * NUMBERS_PER_DAY + away * NUMBERS_PER_DAY / 2,
            session_start: 0,
            out,
        }
    }

    fn write(mut self) {
        let facts = self.world.facts(self.day);
        let week = week_of(self.day);
        let person_week = hash([self.who.seed, self.who.index.into(), week as u64]);
        let on_holiday = share(hash([person_week, 13])) < 0.03;
        let works = !on_holiday && self.person.workdays >> facts.weekday & 1 == 1;
        if works {
            self.workday(facts.season);
        } else if chance(&mut self.rng, 0.25) {
            let start = self.rng.random_range(9 * HOUR..22 * HOUR);
            self.phone(start, 15 * MINUTE, 2.0, false);
        }
        if !works && chance(&mut self.rng, 0.06) {
            let start = self.rng.random_range(10 * HOUR..20 * HOUR);
            let setting = self.laptop(self.home(), 0);
            self.bout(start, 50 * MINUTE, 5.0, true, setting);
        }
        let is_engineer = matches!(self.person.department, apps::ENGINEERING | apps::IT);
        let on_call = is_engineer && (u64::from(self.who.index) + week as u64).is_multiple_of(6);
        if on_call && facts.incident && !self.away {
            let start = self.rng.random_range(25 * HOUR..27 * HOUR);
            let setting = self.laptop(self.home(), 7);
            self.bout(start, 45 * MINUTE, 10.0, true, setting);
            if let Some(bout) = self.out.last_mut() {
                bout.special = true;
            }
        }
    }

    fn workday(&mut self, season: f64) {
        let season = if self.person.department == 1 {
            season
        } else {
            1.0
        };
        let work = 9.0 * season;
        let in_office = self.away || chance(&mut self.rng, self.person.in_office);
        let desk = if in_office {
            self.office()
        } else {
            self.home()
        };
        let begins = self.person.begins + normal(&mut self.rng, 0.0, 14.0 * MINUTE as f64) as i64;
        if chance(&mut self.rng, 0.7) {
            let monday = self.world.facts(self.day).weekday == 0;
            self.phone(begins - 45 * MINUTE, 20 * MINUTE, 1.5, monday);
        }
        let morning = self.with_vpn(desk, in_office);
        let setting = self.laptop(morning, 0);
        self.bout(begins, 75 * MINUTE, work, true, setting);
        self.bout(begins + 95 * MINUTE, 70 * MINUTE, work, false, setting);
        let lunch = self.rng.random_range(30 * MINUTE..75 * MINUTE);
        let noon = begins + 190 * MINUTE + lunch;
        let renews = chance(&mut self.rng, 0.2);
        let afternoon = self.with_vpn(desk, in_office);
        let setting = self.laptop(afternoon, u64::from(renews));
        self.bout(noon, 80 * MINUTE, work, renews, setting);
        self.bout(noon + 100 * MINUTE, 70 * MINUTE, work, false, setting);
        let late = noon + 185 * MINUTE + self.rng.random_range(0..30 * MINUTE);
        self.bout(late, 40 * MINUTE, work * 0.5, false, setting);
        if let Some(bout) = self.out.last_mut() {
            bout.ends_session = chance(&mut self.rng, 0.35);
        }
        if chance(&mut self.rng, 0.5) {
            let start = begins + self.rng.random_range(HOUR..8 * HOUR);
            self.phone_at(desk, start, 12 * MINUTE, 1.4, false);
        }
        if chance(&mut self.rng, 0.45) {
            let start = self.rng.random_range(19 * HOUR..22 * HOUR + 30 * MINUTE);
            let home = self.home();
            self.phone_at(home, start, 25 * MINUTE, 2.0, false);
        }
    }

    fn office(&self) -> Setting {
        Setting {
            place: self.place,
            host: 1 + u16::from(self.person.department % 2),
            ..Setting::default()
        }
    }

    /// Home, or the hotel.
    fn home(&self) -> Setting {
        let host = if self.away { 26 } else { self.person.home_host };
        Setting {
            place: self.place,
            host,
            ..Setting::default()
        }
    }

    /// Where a desk's traffic surfaces when a VPN is on.
    fn with_vpn(&mut self, desk: Setting, in_office: bool) -> Setting {
        let Some((access, habit)) = self.person.vpn else {
            return desk;
        };
        if in_office && !self.away || !chance(&mut self.rng, habit) {
            return desk;
        }
        let place = PLACES.iter().position(|place| place.access == access);
        let host = match access {
            Access::CorporateVpn => (self.who.index % 3) as u16,
            _ => self.rng.random_range(0..14),
        };
        Setting {
            place: place.unwrap_or(0) as u8,
            host,
            ..desk
        }
    }

    fn laptop(&self, desk: Setting, nth: u64) -> Setting {
        let away = u64::from(self.away);
        let key = [
            self.who.seed,
            self.who.index.into(),
            self.day as u64,
            nth * 2 + away,
            21,
        ];
        Setting {
            device: LAPTOP,
            session: hash(key),
            ..desk
        }
    }

    /// The phone on the way.
    fn phone(&mut self, start: i64, length: i64, work: f64, begins_session: bool) {
        // Who roams goes out through the carrier at home, wherever the telephone is.
        let roams = self.world.options.catalogue && self.who.index.is_multiple_of(3);
        let surfaces = if roams { self.person.home } else { self.place };
        let carrier = match PLACES[usize::from(surfaces)].country {
            "GB" | "IE" => Some(place_index("Birmingham")),
            "BR" => PLACES
                .iter()
                .position(|it| it.city.is_none())
                .map(|index| index as u8),
            _ => None,
        };
        // Elsewhere the carrier's gateway is in the city itself.
        let place = carrier.unwrap_or(surfaces);
        let host = self.rng.random_range(27..30);
        let setting = Setting {
            place,
            host,
            ..Setting::default()
        };
        self.phone_at(setting, start, length, work, begins_session);
    }

    fn phone_at(&mut self, at: Setting, start: i64, length: i64, work: f64, begins_session: bool) {
        let week = week_of(self.day) as u64;
        let session = hash([self.who.seed, self.who.index.into(), week, 22]);
        let setting = Setting {
            device: PHONE,
            session,
            ..at
        };
        self.bout(start, length, work, begins_session, setting);
    }

    fn bout(&mut self, start: i64, length: i64, work: f64, begins_session: bool, setting: Setting) {
        let work = work * self.who.activity * self.world.scale;
        let work = poisson(&mut self.rng, work);
        self.number += 1;
        if work == 0 && !begins_session {
            return;
        }
        let start = self.midnight + start.clamp(DAY_BEGINS, DAY_ENDS);
        if begins_session && setting.device == LAPTOP {
            self.session_start = start;
        }
        let session_start = self.session_start;
        self.out.push(Bout {
            start,
            number: self.number,
            length,
            work,
            begins_session,
            ends_session: false,
            special: false,
            setting: Setting {
                session_start,
                ..setting
            },
        });
    }
}

pub(super) fn perform(
    world: &World,
    who: &Profile,
    person: &Person,
    bout: &Bout,
    pen: &mut Pen<'_>,
) {
    let mut time = bout.start;
    if bout.begins_session {
        time = log_in(world, person, time, pen);
    }
    let is_engineer = matches!(person.department, apps::ENGINEERING | apps::IT);
    let console = is_engineer && bout.setting.device == LAPTOP && chance(&mut pen.rng, 0.3);
    if time.div_euclid(DAY) == who.joined && bout.begins_session {
        pen.write(
            time + 40 * SECOND,
            Act::Okta {
                what: &apps::ENROL_FACTOR,
                object: 0,
            },
        );
        time += MINUTE;
    }
    let mut left = bout.work;
    let gap = bout.length as f64 / f64::from(bout.work + 1);
    while left > 0 {
        time += 2 * SECOND + exponential(&mut pen.rng, gap) as i64;
        left -= 1;
        if (console || bout.special) && chance(&mut pen.rng, 0.4) {
            let burst = left.min(6);
            time = look_at_console(time, burst, pen);
            left -= burst;
        } else if person.is_admin && person.department == apps::IT && chance(&mut pen.rng, 0.08) {
            time = administer(time, pen);
        } else {
            let app = usual_app(person, &mut pen.rng);
            pen.write(
                time,
                Act::Okta {
                    what: &apps::SSO,
                    object: app,
                },
            );
        }
    }
    if bout.ends_session {
        time += exponential(&mut pen.rng, 5.0 * MINUTE as f64) as i64;
        pen.write(
            time,
            Act::Okta {
                what: &apps::LOGOUT,
                object: 0,
            },
        );
    }
    debug_assert_eq!(pen.who, who.index);
}

/// Password, policy, second factor; sometimes not at the first try.
pub(crate) fn log_in(world: &World, person: &Person, start: i64, pen: &mut Pen<'_>) -> i64 {
    let login = Act::Okta {
        what: &apps::LOGIN,
        object: 0,
    };
    let mut time = start;
    if chance(&mut pen.rng, person.forgets) {
        // A failed one has no session yet.
        let session = std::mem::take(&mut pen.setting.session);
        let tries = pen.rng.random_range(1..5);
        for _ in 0..tries {
            pen.write_as(time, login, 0, End::Failure);
            time += 4 * SECOND + exponential(&mut pen.rng, 9.0 * SECOND as f64) as i64;
        }
        if tries > 2 {
            time += 90 * SECOND;
            pen.write(
                time,
                Act::Okta {
                    what: &apps::RESET_PASSWORD,
                    object: 0,
                },
            );
            time += 30 * SECOND;
        }
        pen.setting.session = session;
    }
    let factor = if person.has_security_key && pen.setting.device == LAPTOP {
        &apps::MFA_KEY
    } else {
        &apps::MFA_PUSH
    };
    pen.write(
        time,
        Act::Okta {
            what: &apps::SIGN_ON,
            object: 1,
        },
    );
    time += pen.rng.random_range(60..400);
    pen.write(time, login);
    let mut prompts = 0;
    let broken = world.is_broken(Broken::Mfa, time);
    while prompts < 3 && chance(&mut pen.rng, if broken { 0.8 } else { 0.02 }) {
        time += 3 * SECOND + exponential(&mut pen.rng, 20.0 * SECOND as f64) as i64;
        pen.write_as(
            time,
            Act::Okta {
                what: factor,
                object: 0,
            },
            0,
            End::Failure,
        );
        prompts += 1;
    }
    time += 2 * SECOND + exponential(&mut pen.rng, 6.0 * SECOND as f64) as i64;
    pen.write(
        time,
        Act::Okta {
            what: factor,
            object: 0,
        },
    );
    time
}

/// The app that somebody opens: mostly one of a few.
pub(crate) fn usual_app(person: &Person, rng: &mut Rng) -> u32 {
    if chance(rng, 0.01) {
        return rng.random_range(0..APPS.len()) as u32;
    }
    let (_, own) = DEPARTMENTS[usize::from(person.department)];
    let shared: [u8; 4] = [0, 1, 2, 3];
    let index = skewed(rng, shared.len() + own.len());
    let app = if index.is_multiple_of(2) {
        shared.get(index / 2).or(own.get(index / 2))
    } else {
        own.get(index / 2).or(shared.get(index / 2))
    };
    u32::from(app.copied().unwrap_or_default())
}

fn look_at_console(start: i64, calls: u32, pen: &mut Pen<'_>) -> i64 {
    let mut time = start;
    let focus = pen.rng.random_range(0..CONSOLE.len());
    for _ in 0..=calls {
        let shift = skewed(&mut pen.rng, 4);
        let call = CONSOLE[(focus + shift) % CONSOLE.len()];
        let object = pen.rng.random_range(0..6);
        pen.write_as(
            time,
            Act::Aws {
                call,
                object,
                account: 0,
            },
            call.bytes,
            End::Success,
        );
        time += SECOND + exponential(&mut pen.rng, 8.0 * SECOND as f64) as i64;
    }
    time
}

/// In a session of its own, with a fresh second factor, and logged out of: as whoever administers is told to.
fn administer(start: i64, pen: &mut Pen<'_>) -> i64 {
    let work = pen.setting.session;
    pen.setting.session = hash([work, start as u64, 23]);
    let mut write = |time, what, object| pen.write(time, Act::Okta { what, object });
    write(start - 9 * SECOND, &apps::LOGIN, 0);
    write(start - 4 * SECOND, &apps::MFA_KEY, 0);
    write(start, &apps::ADMIN_APP, 100);
    let mut time = start;
    for _ in 0..pen.rng.random_range(1..4) {
        time += 20 * SECOND + exponential(&mut pen.rng, 40.0 * SECOND as f64) as i64;
        let what = pick(
            &mut pen.rng,
            &[
                &apps::ASSIGN_APP,
                &apps::ASSIGN_APP,
                &apps::UNASSIGN_GROUP,
                &apps::ENROL_FACTOR,
                &apps::CHANGE_RULE,
            ],
        );
        let object = pen.rng.random_range(0..APPS.len()) as u32;
        pen.write(time, Act::Okta { what, object });
    }
    time += 15 * SECOND;
    let (what, object) = (&apps::LOGOUT, 0);
    pen.write(time, Act::Okta { what, object });
    pen.setting.session = work;
    time
}
