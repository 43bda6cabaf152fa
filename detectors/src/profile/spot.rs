//! A place of the last day: when it was used, by whom, and whether another place can be reconciled with it.

use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;

use super::places::{Bearer, Place};
use crate::event_id::{end_of_text, pack_text, unpack_text};
use crate::names::Name;
use crate::packed_time::PackedTime;
use crate::state::codec::stored;
use crate::units::Km;

/// Places are compared with every other of this window, before and after.
pub(super) const WINDOW_MS: i64 = 24 * 3_600_000;
/// Sightings of one place closer together than this are one.
const STAMP_EVERY_MS: i64 = 60_000;
/// A place that never rests for longer than this is in use all the time.
pub(crate) const REST_MS: i64 = 30 * 60_000;
/// How finely it is known since when.
const STEP_MS: i64 = 2_000;

/// A place of the last day.
#[derive(Debug)]
pub(crate) struct Spot {
    pub(crate) place: Place,
    pub(crate) label: Name,
    pub(crate) bearer: Bearer,
    /// Whether many people, or anybody, may leave from there.
    pub(crate) is_egress: bool,
    /// For how long before the newest use it was in use all the time, in steps: what comes late is between uses that
    /// nobody remembers one by one.
    in_use: u16,
    newest: PackedTime,
    /// Of an earlier use; that of the newest, if there is none.
    earlier: PackedTime,
    /// What only the evidence needs: the address, the id of the newest event, that of the earlier one
    /// if there is one.
    texts: Box<[u8]>,
}
stored!(Spot {
    place,
    label,
    bearer,
    is_egress,
    in_use: since 4,
    newest,
    earlier,
    texts
});

impl Spot {
    pub(super) fn new(
        event: &Event<'_>,
        place: &Place,
        label: Name,
        bearer: Bearer,
        is_egress: bool,
    ) -> Self {
        let newest = PackedTime::new(event.time);
        let mut texts = Vec::with_capacity(64);
        pack_text(event.network.ip.as_deref().unwrap_or_default(), &mut texts);
        pack_text(&event.id, &mut texts);
        Self {
            place: *place,
            label,
            bearer,
            is_egress,
            in_use: 0,
            newest,
            earlier: newest,
            texts: texts.into(),
        }
    }

    /// Whether this place and another one at that time cannot be reconciled.
    pub(super) fn conflict(
        &self,
        place: &Place,
        time: EventTime,
        max_speed_kmh: f64,
        skew_ms: i64,
    ) -> Option<Conflict<'_>> {
        if self.place.cell == place.cell {
            return None;
        }
        let nearest = self.nearest(time);
        let known_ms = time.since(nearest).abs();
        // Between two uses one of them is as near as this.
        let is_in_use =
            known_ms > REST_MS / 2 && (self.in_use_since()..self.newest()).contains(&time);
        let apart_ms = if is_in_use { REST_MS / 2 } else { known_ms };
        if apart_ms > WINDOW_MS {
            return None;
        }
        let reach = max_speed_kmh * (apart_ms + skew_ms) as f64 / 3_600_000.0
            + f64::from(place.radius)
            + f64::from(self.place.radius);
        if place.distance_at_most(&self.place) <= reach {
            return None;
        }
        let distance = place.distance(&self.place);
        let excess = Km(distance.0 - reach);
        (excess.0 > 0.0).then_some(Conflict {
            spot: self,
            time: nearest,
            apart_ms,
            in_use: is_in_use.then(|| (self.in_use_since(), self.newest())),
            distance,
            excess,
        })
    }

    fn in_use_since(&self) -> EventTime {
        self.newest().plus_millis(-i64::from(self.in_use) * STEP_MS)
    }

    /// Takes in that it was used then.
    fn use_at(&mut self, time: EventTime) {
        let (since, newest) = (self.in_use_since(), self.newest());
        let goes_on = time > newest && time.since(newest) <= REST_MS;
        let in_use_ms = match time > newest {
            true if goes_on => time.since(since),
            true => 0,
            false if (0..=REST_MS).contains(&since.since(time)) => newest.since(time),
            false => return,
        };
        let steps = (in_use_ms + STEP_MS / 2) / STEP_MS;
        self.in_use = u16::try_from(steps).unwrap_or(u16::MAX);
    }

    pub(super) fn newest(&self) -> EventTime {
        self.newest.get()
    }

    fn earlier(&self) -> Option<EventTime> {
        (self.earlier != self.newest).then(|| self.earlier.get())
    }

    /// The address from which it was first used.
    pub(crate) fn address(&self) -> Option<String> {
        let address = unpack_text(&self.texts);
        (!address.is_empty()).then_some(address)
    }

    /// The time of use nearest to this one, before or after.
    fn nearest(&self, time: EventTime) -> EventTime {
        let apart = |stamp: EventTime| time.since(stamp).unsigned_abs();
        match self.earlier() {
            Some(earlier) if apart(earlier) < apart(self.newest()) => earlier,
            _ => self.newest(),
        }
    }

    /// The event that was there at this time of use.
    fn event_at(&self, time: EventTime) -> String {
        let (newest, earlier) = self.events();
        let is_newest = time == self.newest();
        unpack_text(&self.texts[if is_newest { newest } else { earlier }..])
    }

    /// Where the ids of the newest and of the earlier event begin.
    fn events(&self) -> (usize, usize) {
        let newest = end_of_text(&self.texts);
        (newest, newest + end_of_text(&self.texts[newest..]))
    }

    pub(super) fn stamp(&mut self, time: EventTime, event_id: &str) {
        // As it is kept, so that it compares with what is.
        let time = PackedTime::new(time).get();
        let is_near = |stamp: EventTime| time.since(stamp).abs() < STAMP_EVERY_MS;
        let earlier = self.earlier();
        if is_near(self.newest()) || earlier.is_some_and(is_near) {
            return;
        }
        self.use_at(time);
        // Older than all that is kept: neither newer place nor nearer neighbour.
        if earlier.is_some_and(|earlier| time < earlier) {
            return;
        }
        // This is done for most events: ids of one form are exchanged in place.
        let (newest, earlier) = self.events();
        let mut texts = std::mem::take(&mut self.texts).into_vec();
        texts.truncate(earlier);
        pack_text(event_id, &mut texts);
        if time > self.newest() {
            (self.earlier, self.newest) = (self.newest, PackedTime::new(time));
            texts[newest..].rotate_left(earlier - newest);
        } else {
            self.earlier = PackedTime::new(time);
        }
        self.texts = texts.into();
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.texts.len()
    }
}

/// A place that cannot have been left in time.
#[derive(Debug)]
pub(crate) struct Conflict<'p> {
    pub(crate) spot: &'p Spot,
    /// When it was used, as near as is known to the event at hand.
    pub(crate) time: EventTime,
    /// How far that is at most from it.
    pub(crate) apart_ms: i64,
    /// From when to when it was in use all the time, where the event lies in between and no use is known to be nearer.
    pub(crate) in_use: Option<(EventTime, EventTime)>,
    pub(crate) distance: Km,
    /// What is left of the distance when both radii and the fastest travel are taken off.
    pub(crate) excess: Km,
}

impl Conflict<'_> {
    /// The event that was there.
    pub(crate) fn event_id(&self) -> String {
        self.spot.event_at(self.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Names, Space};

    #[test]
    fn a_spot_takes_64_bytes() {
        assert_eq!(size_of::<Spot>(), 64);
    }

    /// A spot used at these minutes, in this order, by events of those names.
    fn spot(minutes: &[i64]) -> Spot {
        let json = |minute: i64| {
            format!(
                r#"{{"id":"at-{minute}","time":"2026-01-01T00:00:00Z","kind":"api",
                "identity":{{"id":"x"}},"action":{{"name":"y"}},
                "network":{{"ip":"203.0.113.7","lat":59.9,"lon":10.7}}}}"#
            )
        };
        let first = json(minutes[0]);
        let mut event = Event::parse(first.as_bytes()).expect("a valid event");
        event.time = at(minutes[0]);
        let (place, bearer) = (Place::of(&event).expect("stated"), Bearer::of(&event));
        let (label, _) = Names::default().intern(Space::Place, "Oslo");
        let mut spot = Spot::new(&event, &place, label, bearer, false);
        for minute in &minutes[1..] {
            spot.stamp(at(*minute), &format!("at-{minute}"));
        }
        spot
    }

    fn at(minute: i64) -> EventTime {
        EventTime::from_millis(1_790_000_000_000 + minute * 60_000)
    }

    #[test]
    fn what_comes_late_lies_between_uses() {
        let uses: Vec<i64> = (0..40).map(|nth| nth * 10).collect();
        let mut shuffled = uses.clone();
        shuffled.swap(3, 4);
        shuffled.swap(37, 38);
        for uses in [uses, shuffled] {
            let spot = spot(&uses);
            let since = spot.in_use_since().since(at(0)).abs();
            assert!(since <= uses.len() as i64 * STEP_MS, "{since}");
        }
        // A rest begins it anew.
        let mut spot = spot(&[0, 20, 60, 80]);
        assert_eq!(spot.in_use_since(), at(60));
        spot.stamp(at(40), "at-40");
        assert_eq!(spot.in_use_since(), at(40));
        spot.stamp(at(5), "at-5");
        assert_eq!(spot.in_use_since(), at(40));
    }

    #[test]
    fn the_nearest_use_is_told_with_its_event() {
        for (minutes, asked, told) in [
            (&[10][..], 0, 10),
            (&[10, 30], 11, 10),
            (&[10, 30], 29, 30),
            (&[30, 10], 11, 10),
            (&[10, 30, 50], 0, 30),
            (&[30, 50, 10], 0, 30),
            (&[10, 50, 30], 0, 30),
        ] {
            let spot = spot(minutes);
            let time = spot.nearest(at(asked));
            assert_eq!(time, at(told), "{minutes:?}");
            assert_eq!(spot.event_at(time), format!("at-{told}"), "{minutes:?}");
            assert_eq!(spot.address().as_deref(), Some("203.0.113.7"));
        }
    }
}
