//! People at a console: a desk session for the day, and beside it short sessions for what matters,
//! each begun with a fresh proof and ended with a log-out.

use rand::RngExt as _;

use super::{act, act_on};
use crate::behave::travel::week_of;
use crate::behave::{Bout, Pen};
use crate::catalogue::deeds::{
    CONSOLE, DASHBOARD, DESK, ELEVATE, HUMAN_DEPLOY, INVOICE_READ, LEDGER_EXPORT, LOGIN, LOGOUT,
    MFA, PAYMENT, RESET,
};
use crate::clock::{DAY, HOUR, MINUTE, SECOND, offset};
use crate::draft::{Act, End, LAPTOP, PHONE, Setting};
use crate::native::{Habit, Native, Office};
use crate::places::{Access, PLACES};
use crate::profile::{Profile, place_index};
use crate::random::{Purpose, Rng, chance, exponential, hash, normal, poisson, rng, share};
use crate::render::{SATELLITES, satellite};
use crate::world::World;

/// Bouts of one day have numbers within this many.
const NUMBERS_PER_DAY: i64 = 64;
/// A proof is renewed before it is older than this: the shortest limit of freshness is five minutes.
const FRESH: i64 = 4 * MINUTE;

pub(super) fn bouts(
    world: &World,
    who: &Profile,
    native: &Native,
    from: i64,
    to: i64,
    out: &mut Vec<Bout>,
) {
    for day in (from - DAY).div_euclid(DAY)..=(to + DAY).div_euclid(DAY) {
        let begin = out.len();
        let rng = rng(world.seed(), who.index.into(), Purpose::Day, day);
        let midnight = day * DAY - offset(native.home.into(), day);
        let diary = Diary {
            world,
            who,
            native,
            day,
            midnight,
            number: day * NUMBERS_PER_DAY,
            rng,
        };
        diary.write(out);
        super::super::retain_from(out, begin, |bout| (from..to).contains(&bout.start));
    }
}

struct Diary<'a> {
    world: &'a World,
    who: &'a Profile,
    native: &'a Native,
    day: i64,
    midnight: i64,
    number: i64,
    rng: Rng,
}

impl Diary<'_> {
    fn write(mut self, out: &mut Vec<Bout>) {
        let facts = self.world.facts(self.day);
        let person = hash([self.who.seed, self.who.index.into(), 14]);
        // A fortnight now and then, and back to the same desk.
        let fortnight = hash([person, (week_of(self.day) / 2) as u64]);
        if !self.who.is_there(self.day) || share(fortnight) < 0.04 {
            return;
        }
        if facts.weekday > 4 {
            return;
        }
        let place = self.place();
        let begins = self.native.begins + normal(&mut self.rng, 0.0, 14.0 * MINUTE as f64) as i64;
        let noon = begins + 4 * HOUR + self.rng.random_range(30 * MINUTE..75 * MINUTE);
        let desk = self.session(place, LAPTOP, 0, begins);
        let work = 5.0 * self.who.activity * self.world.scale;
        for (nth, at) in [begins, begins + 100 * MINUTE, noon, noon + 110 * MINUTE]
            .into_iter()
            .enumerate()
        {
            let work = poisson(&mut self.rng, work);
            self.bout(at, work, nth == 0, false, desk, out);
        }
        if let Some(last) = out.last_mut() {
            last.ends_session = chance(&mut self.rng, 0.4);
        }
        let consoles = match self.native.office {
            Office::Operator => poisson(&mut self.rng, 0.8 * self.who.activity).min(4),
            Office::Finance if facts.season > 1.5 => 3,
            Office::Finance => 1 + u32::from(chance(&mut self.rng, 0.3)),
            _ => u32::from(chance(&mut self.rng, 0.4)),
        };
        for nth in 0..consoles {
            let at = begins + 40 * MINUTE + self.rng.random_range(0..7 * HOUR);
            let setting = Setting {
                is_lent: self.native.office == Office::OnCall,
                ..self.session(place, LAPTOP, 2 + u64::from(nth), at)
            };
            let work = 2 + poisson(&mut self.rng, 3.0);
            self.bout(at, work, true, true, setting, out);
        }
        if chance(&mut self.rng, 0.5) {
            self.phone(out);
        }
    }

    /// The same session the whole week, at home or on the way.
    fn phone(&mut self, out: &mut Vec<Bout>) {
        let at = self.native.begins + self.rng.random_range(0..9 * HOUR);
        let session = hash([
            self.who.seed,
            self.who.index.into(),
            week_of(self.day) as u64,
            15,
        ]);
        let began = self.midnight + self.native.begins;
        let setting = Setting {
            place: self.native.home,
            host: self.rng.random_range(27..30),
            device: PHONE,
            session,
            session_start: began - i64::from(self.world.facts(self.day).weekday) * DAY - HOUR,
            ..Setting::default()
        };
        self.bout(at, 2, false, false, setting, out);
    }

    /// Where the laptop is today: at home or in the office, with whatever is in between.
    fn place(&mut self) -> Setting {
        let in_office = chance(&mut self.rng, 0.45);
        let host = match in_office {
            true => 1 + (self.who.index % 2) as u16,
            false => self.native.home_host,
        };
        let commercial = PLACES
            .iter()
            .position(|place| place.access == Access::CommercialVpn);
        let (place, host) = match (self.native.habit, in_office) {
            (Habit::CommercialVpn, _) => {
                (commercial.unwrap_or(0) as u8, self.rng.random_range(0..14))
            }
            (Habit::Satellite, false) => (satellite(0), self.rng.random_range(2..200)),
            _ => (self.native.home, host),
        };
        Setting {
            place,
            host,
            ..Setting::default()
        }
    }

    fn session(&self, place: Setting, device: u8, nth: u64, at: i64) -> Setting {
        let start = self.midnight + at;
        Setting {
            device,
            session: hash([
                self.who.seed,
                self.who.index.into(),
                self.day as u64,
                nth,
                16,
            ]),
            session_start: start,
            authenticated: start,
            ..place
        }
    }

    fn bout(
        &mut self,
        at: i64,
        work: u32,
        begins_session: bool,
        special: bool,
        setting: Setting,
        out: &mut Vec<Bout>,
    ) {
        self.number += 1;
        out.push(Bout {
            start: self.midnight + at,
            number: self.number,
            length: if special { 20 * MINUTE } else { 80 * MINUTE },
            work,
            begins_session,
            ends_session: special,
            special,
            setting,
        });
    }
}

pub(super) fn perform(world: &World, native: &Native, bout: &Bout, pen: &mut Pen<'_>) {
    let mut time = bout.start;
    if bout.begins_session {
        time = log_in(native, time, pen);
    }
    if bout.special {
        time = matter(world, native, bout, time, pen);
    } else {
        let gap = bout.length as f64 / f64::from(bout.work + 1);
        for _ in 0..bout.work {
            time += 3 * SECOND + exponential(&mut pen.rng, gap) as i64;
            wander(native, pen);
            let nth = crate::random::skewed(&mut pen.rng, DESK.len());
            act(native, DESK[nth], time, pen);
        }
    }
    if bout.ends_session {
        time += 2 * SECOND + exponential(&mut pen.rng, 40.0 * SECOND as f64) as i64;
        write(&LOGOUT, time, pen);
    }
}

/// The next request may leave through another door.
fn wander(native: &Native, pen: &mut Pen<'_>) {
    let draw: u64 = pen.rng.random();
    let setting = &mut pen.setting;
    match native.habit {
        Habit::Satellite if setting.place >= satellite(0) => {
            setting.place = satellite((draw % SATELLITES) as u8);
            setting.host = (draw >> 8) as u16 % 200 + 2;
        }
        Habit::TogglesVpn if draw.is_multiple_of(12) => {
            let vpn = place_index("Frankfurt am Main");
            (setting.place, setting.host) = match setting.place == vpn {
                true => (native.home, native.home_host),
                false => (vpn, (draw >> 8) as u16 % 3),
            };
        }
        _ if setting.place == native.home && setting.device == LAPTOP => {
            setting.host = native.wander(setting.host & !crate::render::IPV6_HOST, draw >> 8);
        }
        _ => {}
    }
}

/// Password and second factor; now and then a forgotten password, from the device as ever.
fn log_in(native: &Native, start: i64, pen: &mut Pen<'_>) -> i64 {
    let mut time = start;
    if chance(&mut pen.rng, native.forgets) {
        let session = std::mem::take(&mut pen.setting.session);
        for _ in 0..pen.rng.random_range(1..5) {
            pen.write_as(time, deed(&LOGIN), 0, End::Failure);
            time += 5 * SECOND + exponential(&mut pen.rng, 9.0 * SECOND as f64) as i64;
        }
        write(&RESET, time + 60 * SECOND, pen);
        time += 100 * SECOND;
        pen.setting.session = session;
    }
    pen.setting.session_start = time;
    pen.setting.authenticated = time;
    write(
        if pen.setting.is_lent {
            &ELEVATE
        } else {
            &LOGIN
        },
        time,
        pen,
    );
    prove(time + 3 * SECOND, pen)
}

/// A second factor; from here on the proof is fresh.
fn prove(start: i64, pen: &mut Pen<'_>) -> i64 {
    let mut time = start + exponential(&mut pen.rng, 6.0 * SECOND as f64) as i64;
    if chance(&mut pen.rng, 0.02) {
        pen.write_as(time, deed(&MFA), 0, End::Failure);
        time += 12 * SECOND;
    }
    pen.setting.authenticated = time;
    write(&MFA, time, pen);
    time
}

/// What matters: production, payments, an export. Never with a proof older than allowed.
fn matter(world: &World, native: &Native, bout: &Bout, start: i64, pen: &mut Pen<'_>) -> i64 {
    let mut time = start;
    let season = world.facts(start.div_euclid(DAY)).season;
    for nth in 0..bout.work {
        time += 4 * SECOND + exponential(&mut pen.rng, 70.0 * SECOND as f64).min(5e5) as i64;
        let is_finance = native.office == Office::Finance;
        let deploys = !is_finance && nth + 1 == bout.work && chance(&mut pen.rng, 0.3);
        let pays = is_finance && nth % 3 == 1;
        let exports =
            is_finance && nth + 1 == bout.work && (season > 1.3 || chance(&mut pen.rng, 0.2));
        let weighs = deploys || pays || exports;
        if weighs && time - pen.setting.authenticated > FRESH {
            time = prove(time, pen);
            time += 4 * SECOND;
        }
        if deploys {
            act(native, &HUMAN_DEPLOY, time, pen);
        } else if pays {
            act(native, &PAYMENT, time, pen);
        } else if exports {
            act_on(&LEDGER_EXPORT, (nth, 0), season, time, pen);
        } else if is_finance {
            act(native, &INVOICE_READ, time, pen);
        } else if nth == 0 {
            act(native, &DASHBOARD, time, pen);
        } else {
            let step = crate::random::skewed(&mut pen.rng, CONSOLE.len());
            act(native, CONSOLE[step], time, pen);
        }
    }
    time
}

fn deed(deed: &'static crate::catalogue::deeds::Deed) -> Act {
    Act::Deed {
        deed,
        object: 0,
        tenant: 0,
    }
}

fn write(what: &'static crate::catalogue::deeds::Deed, time: i64, pen: &mut Pen<'_>) {
    pen.write(time, deed(what));
}
