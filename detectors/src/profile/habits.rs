//! What an identity is used to act with and from: networks, devices, hosts, regions, tenants, …
//!
//! Model: the chance that a day brings a value never seen is the Good–Turing estimate over days of use,
//! with half a day of prior: P(new) = (n1 + ½) / (N + 1), N the days of use of all values of the trait,
//! n1 how many values were used on one day only. Somebody with one network for a month is surprised by
//! another (6 bits); a pool that brings another address every day surprises nobody.

use plumbline_schemas::time::EventTime;

use super::hour;
use crate::memory::{append_exact, replace, retain_exact, warm};
use crate::setting::is_numbered;
use crate::state::codec::{Damaged, Reader, Stored, Writer, stored};
use crate::units::Bits;

/// What sort of value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trait {
    /// The autonomous system, failing that the /24 or /48.
    Network = 0,
    /// The address. Those of people change by themselves: they tell only where the database has moved one.
    Address = 1,
    /// The device's own id.
    Device = 2,
    /// TLS fingerprint.
    Fingerprint = 3,
    /// User agent without its versions.
    Agent = 4,
    Host = 5,
    Region = 6,
    Runtime = 7,
    Environment = 8,
    /// An anonymiser, with its network.
    Anonymizer = 9,
    /// A tenant that was acted in.
    Tenant = 10,
    /// A privilege and what was done with it.
    Pair = 11,
    /// A privilege that was gained.
    Privilege = 12,
    /// The family of a tool: its name up to the last dot.
    Family = 13,
    /// A time at which a machine ran outside its schedule, see [`off_hours`].
    OffHour = 14,
    /// A place that a machine was asked about.
    Place = 15,
    /// The country that a machine is in.
    Country = 16,
}

impl Trait {
    const ALL: [Self; 17] = [
        Self::Network,
        Self::Address,
        Self::Device,
        Self::Fingerprint,
        Self::Agent,
        Self::Host,
        Self::Region,
        Self::Runtime,
        Self::Environment,
        Self::Anonymizer,
        Self::Tenant,
        Self::Pair,
        Self::Privilege,
        Self::Family,
        Self::OffHour,
        Self::Place,
        Self::Country,
    ];

    /// The trait of this number, as state has it: a new one takes the next.
    fn of(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// The hour of the day and the day of the week of a run, as values of [`Trait::OffHour`].
pub(crate) fn off_hours(time: EventTime) -> [u32; 2] {
    let now = hour(time);
    [1 + now % 24, 32 + now / 24 % 7]
}

/// Values of one trait that are remembered; the one that was not used for the longest makes room.
const MOST_OF_TRAIT: usize = 24;
/// A service may work for many tenants, and each of them is told by its name.
const MOST_TENANTS: usize = 64;
/// Where there are so many, or others had to make room, they may come and go:
const MANY: usize = 12;
/// most of them have not been used on so many days then.
const STAYS_DAYS: u8 = 4;
/// What was not used for so long is forgotten.
const FORGOTTEN_AFTER_HOURS: u32 = 120 * 24;
/// Sources that state the numbers of networks have done so within so many days.
const NUMBERED_DAYS: u32 = 14;
/// Something surprising that nobody asked about is usual after so many days of use.
const PROBATION_DAYS: u8 = 3;

/// Ten bytes, of which every identity has dozens.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(2))]
struct Habit {
    key: u32,
    /// The last hour of use, in hours since 1970: its day, and the hour of that.
    last_day: u16,
    last_hour: u8,
    what: Trait,
    /// Distinct days of use, up to 255.
    days: u8,
    /// Distinct hours of use, up to 127, and the highest bit while it is on probation.
    hours: u8,
}

impl Stored for Habit {
    fn put(&self, to: &mut Writer<'_>) {
        let Self {
            key,
            last_day,
            last_hour,
            what,
            days,
            hours,
        } = *self;
        key.put(to);
        last_day.put(to);
        [last_hour, what as u8, days, hours].put(to);
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        let (key, last_day) = Stored::take(from)?;
        let [last_hour, what, days, hours] = Stored::take(from)?;
        let what = Trait::of(what).ok_or_else(|| from.damaged("trait"))?;
        Ok(Self {
            key,
            last_day,
            last_hour,
            what,
            days,
            hours,
        })
    }
}

const ON_PROBATION: u8 = 0x80;

impl Habit {
    fn last_hour(self) -> u32 {
        u32::from(self.last_day) * 24 + u32::from(self.last_hour)
    }

    fn set_last_hour(&mut self, hour: u32) {
        self.last_day = u16::try_from(hour / 24).unwrap_or(u16::MAX);
        self.last_hour = (hour % 24) as u8;
    }

    fn hours(self) -> u8 {
        self.hours & !ON_PROBATION
    }

    fn is_on_probation(self) -> bool {
        self.hours & ON_PROBATION != 0
    }

    /// Ends its probation, unless something says that it is to go on.
    fn probe(&mut self, goes_on: bool) {
        if !goes_on {
            self.hours &= !ON_PROBATION;
        }
    }

    /// Counts a use in this hour.
    fn used(&mut self, now: u32) {
        let last = self.last_hour();
        if now > last {
            self.days = self.days.saturating_add(u8::from(now / 24 > last / 24));
            if self.hours() < !ON_PROBATION {
                self.hours += 1;
            }
            self.set_last_hour(now);
        }
    }
}

/// The habits of one identity.
#[derive(Debug, Default)]
pub(crate) struct Habits(Box<[Habit]>);
stored!(Habits(..));

/// How surprising a value is, with the numbers to check it by hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strange {
    pub(crate) bits: Bits,
    /// Days of use of all values.
    pub(crate) days: u32,
    pub(crate) distinct: u32,
    /// Values used on one day only.
    pub(crate) once: u32,
}

impl Habits {
    fn of(&self, what: Trait) -> impl Iterator<Item = &Habit> {
        self.0.iter().filter(move |habit| habit.what == what)
    }

    fn find(&self, what: Trait, key: u32) -> Option<&Habit> {
        self.of(what).find(|habit| habit.key == key)
    }

    /// Days on which the value was used before `time`. Today does not count: an attacker's first hour
    /// must not vouch for the second.
    pub(crate) fn days(&self, what: Trait, key: u32, time: EventTime) -> u8 {
        self.find(what, key).map_or(0, |habit| {
            let today = hour(time) / 24 <= u32::from(habit.last_day);
            habit.days.saturating_sub(u8::from(today))
        })
    }

    /// Whether the value is usual: used on an earlier day, or for some hours of the identity's first.
    pub(crate) fn is_known(&self, what: Trait, key: u32, time: EventTime) -> bool {
        self.find(what, key).is_some_and(|habit| {
            !habit.is_on_probation() && (self.days(what, key, time) > 0 || habit.hours() >= 3)
        })
    }

    /// Forgets what is on probation: there was an attack.
    pub(crate) fn condemn(&mut self) {
        retain_exact(&mut self.0, |habit| !habit.is_on_probation());
    }

    /// Whether it surprised, and has not been used on enough days since.
    pub(crate) fn is_on_probation(&self, what: Trait, key: u32) -> bool {
        let habit = self.find(what, key);
        habit.is_some_and(|habit| habit.is_on_probation())
    }

    /// The surprise at a value that is not usual.
    pub(crate) fn strange(&self, what: Trait) -> Strange {
        self.strange_among(what, |_| true)
    }

    /// The same of this value: that the prefixes of private addresses come and go says nothing of a network with a number.
    pub(crate) fn strange_as(&self, what: Trait, key: u32) -> Strange {
        let is_network = what == Trait::Network;
        self.strange_among(what, |other| {
            !is_network || is_numbered(other) == is_numbered(key)
        })
    }

    fn strange_among(&self, what: Trait, is_alike: impl Fn(u32) -> bool) -> Strange {
        let settled = || self.of(what).filter(|habit| !habit.is_on_probation());
        let alike = || settled().filter(|habit| is_alike(habit.key));
        let days: u32 = settled().map(|habit| u32::from(habit.days)).sum();
        let distinct = alike().count() as u32;
        // The only value there ever was has not come and gone.
        let once = alike().filter(|habit| habit.days == 1).count() as u32;
        let once = if distinct == 1 { 0 } else { once };
        // Many that come and go, each for some days: whatever is remembered of them, another one is no surprise. A fleet
        // that stays is as good as one machine.
        let stay = alike().filter(|habit| habit.days >= STAYS_DAYS).count();
        let come_and_go = distinct as usize >= MANY && 2 * stay < distinct as usize;
        let once = if come_and_go {
            once.max(days / 2)
        } else {
            once
        };
        let chance = (f64::from(once) + 0.5) / (f64::from(days) + 1.0);
        Strange {
            bits: Bits::of_chance(chance.min(1.0)),
            days,
            distinct,
            once,
        }
    }

    /// Whether records of late state the numbers of networks.
    pub(crate) fn has_numbered_networks(&self, now: EventTime) -> bool {
        let today = hour(now) / 24;
        let is_of_late = |habit: &Habit| today.abs_diff(u32::from(habit.last_day)) <= NUMBERED_DAYS;
        let mut networks = self.of(Trait::Network);
        networks.any(|habit| is_numbered(habit.key) && is_of_late(habit))
    }

    /// How many values of the trait are known.
    pub(crate) fn distinct(&self, what: Trait) -> usize {
        self.of(what).count()
    }

    /// How many values were used on an earlier day.
    pub(crate) fn used_before(&self, what: Trait, time: EventTime) -> usize {
        let days = |habit: &&Habit| self.days(what, habit.key, time);
        self.of(what).filter(|habit| days(habit) > 0).count()
    }

    /// Learns a use. What surprised is on probation.
    pub(crate) fn learn(&mut self, what: Trait, key: u32, time: EventTime, surprised: bool) {
        if key == 0 {
            return;
        }
        let now = hour(time);
        let known = |habit: &&mut Habit| habit.what == what && habit.key == key;
        if let Some(habit) = self.0.iter_mut().find(known) {
            habit.probe(surprised);
            habit.used(now);
            habit.probe(habit.days < PROBATION_DAYS);
            return;
        }
        let mut habit = Habit {
            key,
            last_day: 0,
            last_hour: 0,
            what,
            days: 1,
            hours: 1 | if surprised { ON_PROBATION } else { 0 },
        };
        habit.set_last_hour(now);
        let is_kept = |habit: &Habit| now.saturating_sub(habit.last_hour()) < FORGOTTEN_AFTER_HOURS;
        if !self.0.iter().all(is_kept) {
            retain_exact(&mut self.0, is_kept);
        }
        let most = match what {
            Trait::Tenant => MOST_TENANTS,
            _ => MOST_OF_TRAIT,
        };
        if self.of(what).count() < most {
            append_exact(&mut self.0, habit);
            return;
        }
        let of_trait = (0..self.0.len()).filter(|at| self.0[*at].what == what);
        if let Some(idle) = of_trait.min_by_key(|at| (self.0[*at].last_hour(), self.0[*at].days)) {
            replace(&mut self.0, idle, habit);
        }
    }

    /// Somebody vouches for a value: as good as used on an earlier day.
    pub(crate) fn vouch(&mut self, what: Trait, key: u32, time: EventTime) {
        self.learn(what, key, time, false);
        let known = |habit: &&mut Habit| habit.what == what && habit.key == key;
        if let Some(habit) = self.0.iter_mut().find(known) {
            habit.probe(false);
            habit.days = habit.days.max(2);
        }
    }

    /// Whoever was asked about values of this trait today or yesterday has proven to be the identity.
    pub(crate) fn admit(&mut self, what: Trait, time: EventTime) {
        let today = hour(time) / 24;
        let is_of_late = |habit: &Habit| today.abs_diff(u32::from(habit.last_day)) <= 1;
        let waits = |habit: &&mut Habit| habit.what == what && habit.is_on_probation();
        for habit in self.0.iter_mut().filter(waits).filter(|it| is_of_late(it)) {
            habit.probe(false);
            habit.days = habit.days.max(2);
        }
    }

    pub(crate) fn warm(&self) -> u32 {
        warm(&self.0, |habit| habit.key)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> EventTime {
        EventTime::from_millis(1_790_000_000_000).plus_millis(day * 86_400_000)
    }

    #[test]
    fn a_habit_takes_ten_bytes() {
        assert_eq!(size_of::<Habit>(), 10);
    }

    #[test]
    fn a_settled_identity_is_surprised_and_a_rotating_pool_is_not() {
        let (mut settled, mut pool) = (Habits::default(), Habits::default());
        for at in 0..30 {
            settled.learn(Trait::Address, 7, day(at), false);
            pool.learn(Trait::Address, at as u32 + 1, day(at), false);
        }
        assert!(settled.strange(Trait::Address).bits.0 > 5.0);
        assert!(pool.strange(Trait::Address).bits.0 < 0.5);
        assert!(pool.distinct(Trait::Address) <= MOST_OF_TRAIT);
    }

    #[test]
    fn today_vouches_for_nothing_and_probation_lasts_three_days() {
        let mut habits = Habits::default();
        habits.learn(Trait::Host, 9, day(0), false);
        assert!(!habits.is_known(Trait::Host, 9, day(0)));
        assert!(habits.is_known(Trait::Host, 9, day(1)));
        for at in 0..3 {
            habits.learn(Trait::Host, 11, day(at), true);
            assert_eq!(habits.is_known(Trait::Host, 11, day(at + 1)), at == 2);
        }
    }
}
