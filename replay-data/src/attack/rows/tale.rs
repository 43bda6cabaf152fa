//! What a story of a row is told with: events like those of the victim's ordinary life, changed in
//! what the story is about.

use std::collections::{BTreeMap, BTreeSet};

use plumbline_schemas::event::{ActionClass, Event, IdentityKind, Outcome};
use plumbline_schemas::time::EventTime;
use rand::RngExt as _;

use super::Told;
use crate::behave::{self, Bout};
use crate::catalogue::deeds::{self, Deed};
use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::draft::Setting;
use crate::native::Office;
use crate::profile::{Profile, place_index};
use crate::random::{Rng, hash_text, lognormal, pick};
use crate::render;
use crate::world::World;

/// What somebody did so long ago says how they are now.
const LATELY: i64 = 4 * HOUR;

/// An approval covers what follows for so long, and a little more.
const COVERED: i64 = 16 * MINUTE;

/// A story while it is told.
pub(in crate::attack) struct Tale<'a> {
    pub world: &'a World,
    pub who: &'a Profile,
    pub rng: Rng,
    /// When it may happen, milliseconds.
    pub window: (i64, i64),
    /// Number of what is planted.
    pub plant: u32,
    pub told: Vec<Told>,
    /// Whose ordinary life it is made from, by number.
    pub players: BTreeSet<u32>,
    /// Who is to be commanded, where it is not the first to act.
    pub target: Option<String>,
    /// Stretches of ordinary work, by identity and number, that do not happen.
    pub cancelled: Vec<(u32, i64)>,
    /// Ends of tasks that wait for the story's own.
    pub open_tasks: Vec<Event<'static>>,
}

impl<'a> Tale<'a> {
    /// A stretch of somebody's ordinary work within the window.
    pub(super) fn bout_of(&mut self, who: &Profile, fits: impl Fn(&Bout) -> bool) -> Option<Bout> {
        let mut bouts = self.bouts(who, self.window);
        bouts.retain(fits);
        (!bouts.is_empty()).then(|| pick(&mut self.rng, &bouts))
    }

    fn bouts(&mut self, who: &Profile, (from, to): (i64, i64)) -> Vec<Bout> {
        self.players.insert(who.index);
        let mut bouts = Vec::new();
        behave::bouts(self.world, who, from, to, &mut bouts);
        bouts
    }

    /// What is told comes instead of this stretch of the victim's ordinary work.
    pub(super) fn instead_of(&mut self, bout: &Bout) {
        self.cancelled.push((self.who.index, bout.number));
    }

    /// The events of a stretch of ordinary work, in order of time.
    pub(super) fn usual(&self, who: &Profile, bout: &Bout) -> Vec<Event<'static>> {
        let mut drafts = Vec::new();
        behave::perform(self.world, who, bout, &mut drafts);
        drafts.sort_by_key(|draft| (draft.time, draft.nonce));
        drafts
            .iter()
            .map(|draft| render::event(self.world, who, draft))
            .collect()
    }

    /// Something ordinary that somebody does, to be changed.
    pub(super) fn pattern_of(
        &mut self,
        who: &Profile,
        fits: impl Fn(&Bout) -> bool,
    ) -> Option<Event<'static>> {
        let bout = self.bout_of(who, fits)?;
        self.plain(who, &bout).pop()
    }

    /// The last that somebody did before a time, so with the session and the credential that are theirs
    /// then; nothing where they were not at work. For what a story moves to that time.
    pub(super) fn pattern_at(
        &mut self,
        who: &Profile,
        time: i64,
        fits: impl Fn(&Bout) -> bool,
    ) -> Option<Event<'static>> {
        let mut bouts = self.bouts(who, (time - LATELY, time));
        bouts.retain(fits);
        let events = bouts.iter().flat_map(|bout| self.plain(who, bout));
        events
            .filter(|event| ms(event) <= time)
            .max_by_key(|event| ms(event))
    }

    /// What is done in a stretch of ordinary work, but for what begins or ends something.
    fn plain(&self, who: &Profile, bout: &Bout) -> Vec<Event<'static>> {
        let mut events = self.usual(who, bout);
        events.retain(|event| {
            event.outcome() == Outcome::Success
                && event.session.id.is_some() == (bout.setting.session != 0)
                && !matches!(
                    event.action.class.known(),
                    Some(ActionClass::Logout | ActionClass::TaskEnd | ActionClass::TokenRotate)
                )
        });
        events
    }

    /// Something ordinary that the victim does.
    pub(super) fn pattern(&mut self) -> Option<Event<'static>> {
        self.pattern_of(self.who, |_| true)
    }

    /// A task of an agent that is still open: it goes its ordinary way, but ends after the story. What is
    /// done in it is to be like the event that is returned.
    pub(super) fn task_of(&mut self, who: &Profile) -> Option<Event<'static>> {
        let bout = self.bout_of(who, |bout| bout.work > 2)?;
        self.cancelled.push((who.index, bout.number));
        let mut last = None;
        for event in self.usual(who, &bout) {
            match event.action.class.known() {
                Some(ActionClass::TaskEnd) => self.open_tasks.push(event),
                _ => {
                    if event.action.resource.is_some() {
                        last = Some(event.clone());
                    }
                    self.before(event);
                }
            }
        }
        last
    }

    /// A task of the agent that the story is about.
    pub(super) fn task(&mut self) -> Option<Event<'static>> {
        self.task_of(self.who)
    }

    /// Ends what was left open, each task after what was done in it.
    pub(super) fn close(&mut self) {
        for end in std::mem::take(&mut self.open_tasks) {
            let in_task = self
                .told
                .iter()
                .filter(|it| it.event.task.id == end.task.id);
            let last = in_task.map(|told| ms(&told.event)).max();
            let end = self.again(&end, last.unwrap_or(ms(&end)) + 5 * SECOND);
            self.before(end);
        }
    }

    /// Whether anything is told with a session, a credential or a task that was over by then in the
    /// ordinary life of its owner.
    pub(super) fn uses_what_is_over(&mut self) -> bool {
        let last = self.told.iter().map(|told| ms(&told.event)).max();
        let span = (self.window.0 - DAY, last.unwrap_or(self.window.1));
        let world = self.world;
        let mut ends = BTreeMap::new();
        for index in self.players.clone() {
            if let Some(who) = world.profiles.get(index as usize) {
                self.find_ends(who, span, &mut ends);
            }
        }
        self.told.iter().any(|told| {
            let event = &told.event;
            [&event.session.id, &event.credential.id, &event.task.id]
                .into_iter()
                .filter_map(|id| ends.get(id.as_deref()?))
                .any(|end| ms(event) > *end)
        })
    }

    /// Whether an approval of ordinary life would cover what the story is about.
    pub(super) fn is_approved_by_chance(&mut self) -> bool {
        let times: Vec<i64> = self
            .told
            .iter()
            .filter(|told| told.plant != 0 && told.event.identity_kind() == IdentityKind::AiAgent)
            .map(|told| ms(&told.event))
            .collect();
        let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
            return false;
        };
        // An approval comes in the middle of a stretch of work.
        let bouts = self.bouts(self.who, (first - DAY, *last));
        let events = bouts.iter().flat_map(|bout| self.usual(self.who, bout));
        events
            .filter(|event| event.action.class.known() == Some(ActionClass::Approval))
            .any(|event| {
                times
                    .iter()
                    .any(|time| (0..COVERED).contains(&(time - ms(&event))))
            })
    }

    /// When what somebody uses is over: a session by its log-out or by the next, a credential by its
    /// renewal, a task by its end.
    fn find_ends(&mut self, who: &Profile, span: (i64, i64), ends: &mut BTreeMap<String, i64>) {
        let mut bouts = self.bouts(who, span);
        bouts.retain(|bout| {
            let is_told_anew = self.cancelled.contains(&(who.index, bout.number));
            let ends_something = bout.begins_session || bout.ends_session || bout.special;
            ends_something && !is_told_anew
        });
        bouts.sort_by_key(|bout| bout.start);
        // A client has one session at a time.
        let is_one_by_one = super::has_office(who, Office::Service);
        let mut before = None;
        for bout in &bouts {
            let events = self.usual(who, bout);
            if let Some(first) = events.first().filter(|_| is_one_by_one) {
                let session = first.session.id.as_deref().map(str::to_owned);
                if let Some(left) = before.filter(|_| bout.begins_session) {
                    ends.insert(left, ms(first));
                }
                before = session;
            }
            ends.extend(events.iter().filter_map(end));
        }
    }

    /// Somebody else.
    pub(super) fn another(&mut self, suits: impl Fn(&Profile) -> bool) -> Option<&'a Profile> {
        let profiles: Vec<&Profile> = self
            .world
            .profiles
            .iter()
            .filter(|other| other.index != self.who.index && suits(other))
            .collect();
        (!profiles.is_empty()).then(|| pick(&mut self.rng, &profiles))
    }

    /// A person's session of its own, proven a moment ago: what is done in it is to be like the event
    /// that is returned.
    pub(super) fn session(&mut self, pattern: &Event<'static>, start: i64) -> Event<'static> {
        let login = self.fresh(pattern, start);
        let login = self.done(&login, start, &deeds::LOGIN, 0);
        let mfa = self.done(&login, start + 6 * SECOND, &deeds::MFA, 0);
        self.before(login);
        self.before(mfa.clone());
        mfa
    }

    /// The same in a session that begins now; nothing says so.
    pub(super) fn fresh(&mut self, pattern: &Event<'static>, start: i64) -> Event<'static> {
        let mut event = pattern.clone();
        let number: u64 = self.rng.random();
        event.session.id = Some(format!("s-{number:016x}").into());
        event.session.started_at = Some(EventTime::from_millis(start));
        if event.session.authenticated_at.is_some() {
            event.session.authenticated_at = event.session.started_at;
            event.credential.id =
                Some(format!("cookie-{:016x}", hash_text(&format!("{number}"))).into());
        }
        event
    }

    /// The same in the same place at another time.
    pub(super) fn again(&mut self, pattern: &Event<'static>, time: i64) -> Event<'static> {
        let mut event = pattern.clone();
        let number: u64 = self.rng.random();
        event.id = format!("row-{number:016x}").into();
        event.time = EventTime::from_millis(time);
        event.action.outcome = Outcome::Success.into();
        event
    }

    /// Something else in the same place at another time.
    pub(super) fn done(
        &mut self,
        pattern: &Event<'static>,
        time: i64,
        deed: &'static Deed,
        object: u32,
    ) -> Event<'static> {
        let mut event = self.again(pattern, time);
        let bytes = lognormal(&mut self.rng, f64::from(deed.bytes), 0.3) as u32;
        event.action.target_tenant = None;
        event.action.status = None;
        render::apply(&mut event, deed, object, bytes);
        if deed.class == ActionClass::Mfa || deed.class == ActionClass::Login {
            event.session.authenticated_at = Some(EventTime::from_millis(time));
        }
        event
    }

    /// Something that leads up to the story.
    pub(super) fn before(&mut self, event: Event<'static>) {
        self.tell(event, 0);
    }

    /// What the story is about.
    pub(super) fn then(&mut self, event: Event<'static>) {
        self.tell(event, self.plant);
    }

    fn tell(&mut self, event: Event<'static>, plant: u32) {
        let delay = hash_text(&event.id) % 900;
        self.told.push(Told {
            arrival: event.time.as_millis() + 100 + delay as i64,
            plant,
            event,
        });
    }

    /// Seconds as milliseconds, give or take a half.
    pub(super) fn about(&mut self, seconds: i64) -> i64 {
        let half = seconds * SECOND / 2;
        half + self.rng.random_range(0..=half.max(1) * 2)
    }

    /// Moves an event to another address.
    pub(super) fn through(&mut self, event: &mut Event<'static>, city: &str) {
        let setting = Setting {
            place: place_index(city),
            host: self.rng.random_range(2..13),
            ..Setting::default()
        };
        event.network = render::network(setting);
    }

    /// Moves an event to a machine of the attacker's.
    pub(super) fn stolen(&mut self, event: &mut Event<'static>, city: &str) {
        self.through(event, city);
        let number: u32 = self.rng.random();
        if event.device.id.is_some() {
            event.device.id = Some(format!("dev-{number:016x}").into());
        }
        event.device.posture = None.into();
        event.device.user_agent = Some("curl/8.16.0".into());
        event.device.tls_fingerprint = Some("t13d3112h2_e8f1e7e78f70_b26ce05bbdd6".into());
        if event.workload.host.is_some() {
            event.workload.host = Some(format!("vps-{number:08x}").into());
        }
    }

    /// A city far from everything.
    pub(super) fn hideout(&mut self) -> &'static str {
        pick(
            &mut self.rng,
            &["Lagos", "Lima", "Mumbai", "Sydney", "Mexico City"],
        )
    }
}

/// What an event puts an end to, and when.
fn end(event: &Event<'_>) -> Option<(String, i64)> {
    let what = match event.action.class.known()? {
        ActionClass::Logout => &event.session.id,
        ActionClass::TokenRotate => &event.credential.id,
        ActionClass::TaskEnd => &event.task.id,
        _ => return None,
    };
    Some((what.as_deref()?.to_owned(), ms(event)))
}

/// Milliseconds of an event's time.
pub(super) fn ms(event: &Event<'_>) -> i64 {
    event.time.as_millis()
}

/// Who an event is of and in which session.
pub(super) fn whose(event: &Event<'_>) -> String {
    let id = &event.identity.id;
    format!(
        "{id} in {}",
        event.session.id.as_deref().unwrap_or("no session")
    )
}
