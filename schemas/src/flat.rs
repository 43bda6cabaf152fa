//! Events in a row in two buffers: for those that outlive the record they were read from, as when they pass from one
//! thread to another. Nothing is allocated for an event alone, neither where it goes in nor, but for its lists, where
//! it comes out.

use std::borrow::Cow;

use crate::event::{
    Action, Credential, Delegate, Device, Event, EventKind, Feedback, Identity, Labels, Network,
    Session, Task, Workload,
};
use crate::known::Text;
use crate::time::EventTime;
use crate::vocabulary::{Vocabulary, Word};

/// Events in a row, not for keeping: the form may change with every version.
#[derive(Clone, Debug, Default)]
pub struct Flat {
    texts: String,
    values: Vec<u8>,
}

/// Takes the events out again, first to last.
#[derive(Clone, Debug)]
pub struct FlatEvents<'f> {
    texts: &'f str,
    values: &'f [u8],
}

impl Flat {
    /// Appends an event.
    pub fn push(&mut self, event: &Event<'_>) {
        event.put(self);
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> usize {
        self.texts.len() + self.values.len()
    }

    /// All of them, in the order in which they came.
    pub fn events(&self) -> FlatEvents<'_> {
        FlatEvents {
            texts: &self.texts,
            values: &self.values,
        }
    }
}

impl<'f> Iterator for FlatEvents<'f> {
    type Item = Event<'f>;

    fn next(&mut self) -> Option<Event<'f>> {
        Event::take(self)
    }
}

impl<'f> FlatEvents<'f> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.values.split_first_chunk()?;
        self.values = rest;
        Some(*array)
    }
}

/// A value that goes in and comes out.
trait Part<'f>: Sized {
    fn put(&self, to: &mut Flat);
    /// Nothing where there is no more.
    fn take(from: &mut FlatEvents<'f>) -> Option<Self>;
}

macro_rules! numbers {
    ($($type:ty),+) => {
        $(impl Part<'_> for $type {
            fn put(&self, to: &mut Flat) {
                to.values.extend_from_slice(&self.to_le_bytes());
            }
            fn take(from: &mut FlatEvents<'_>) -> Option<Self> {
                from.array().map(Self::from_le_bytes)
            }
        })+
    };
}

numbers!(u8, u32, u64, i64, f64);

impl Part<'_> for bool {
    fn put(&self, to: &mut Flat) {
        u8::from(*self).put(to);
    }
    fn take(from: &mut FlatEvents<'_>) -> Option<Self> {
        u8::take(from).map(|byte| byte != 0)
    }
}

impl Part<'_> for EventTime {
    fn put(&self, to: &mut Flat) {
        self.as_millis().put(to);
    }
    fn take(from: &mut FlatEvents<'_>) -> Option<Self> {
        i64::take(from).map(Self::from_millis)
    }
}

impl<'f> Part<'f> for Text<'f> {
    fn put(&self, to: &mut Flat) {
        (self.len() as u32).put(to);
        to.texts.push_str(self);
    }
    fn take(from: &mut FlatEvents<'f>) -> Option<Self> {
        let length = u32::take(from)?;
        let (text, rest) = from.texts.split_at_checked(length as usize)?;
        from.texts = rest;
        Some(Cow::Borrowed(text))
    }
}

impl Part<'_> for EventKind {
    fn put(&self, to: &mut Flat) {
        self.number().put(to);
    }
    fn take(from: &mut FlatEvents<'_>) -> Option<Self> {
        u8::take(from).and_then(Self::numbered)
    }
}

impl<T: Vocabulary> Part<'_> for Word<T> {
    fn put(&self, to: &mut Flat) {
        let byte = match self {
            Self::NotKnown => u8::MAX,
            Self::Unrecognised => u8::MAX - 1,
            Self::Known(word) => word.number(),
        };
        byte.put(to);
    }
    fn take(from: &mut FlatEvents<'_>) -> Option<Self> {
        Some(match u8::take(from)? {
            u8::MAX => Self::NotKnown,
            byte => T::numbered(byte).map_or(Self::Unrecognised, Self::Known),
        })
    }
}

impl<'f, T: Part<'f>> Part<'f> for Option<T> {
    fn put(&self, to: &mut Flat) {
        self.is_some().put(to);
        if let Some(value) = self {
            value.put(to);
        }
    }
    fn take(from: &mut FlatEvents<'f>) -> Option<Self> {
        Some(match bool::take(from)? {
            true => Some(T::take(from)?),
            false => None,
        })
    }
}

impl<'f, T: Part<'f>> Part<'f> for Vec<T> {
    fn put(&self, to: &mut Flat) {
        (self.len() as u32).put(to);
        self.iter().for_each(|item| item.put(to));
    }
    fn take(from: &mut FlatEvents<'f>) -> Option<Self> {
        let length = u32::take(from)?;
        (0..length).map(|_| T::take(from)).collect()
    }
}

/// A field that is not listed does not compile.
macro_rules! parts {
    ($($type:ident { $($field:ident),+ $(,)? })+) => {
        $(impl<'f> Part<'f> for $type<'f> {
            fn put(&self, to: &mut Flat) {
                $(self.$field.put(to);)+
            }
            fn take(from: &mut FlatEvents<'f>) -> Option<Self> {
                Some($type { $($field: Part::take(from)?),+ })
            }
        })+
    };
}

parts! {
    Event {
        id, time, kind, source, tenant, identity, session, credential, network, device, workload, action, task,
        delegation, feedback, labels,
    }
    Identity { id, kind, groups }
    Session { id, started_at, authenticated_at, assurance, mfa, expires_at, jit_until }
    Credential { id, kind, issued_at, scopes, bound_to }
    Network { ip, lat, lon, accuracy_km, country, city, asn, as_org, anonymizer }
    Device { id, user_agent, posture, tls_fingerprint }
    Workload { runtime, environment, region, host }
    Action { name, class, outcome, resource, environment, scopes, target_tenant, bytes_out, records, status }
    Task { id, objective, allowed }
    Delegate { id, kind }
    Feedback { verdict, command_id, finding_id, by }
    Labels { attack }
}
