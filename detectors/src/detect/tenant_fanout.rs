//! `tenant_fanout`: tenants the identity never touched.
//!
//! **Catches** an account that calls across tenants from its known host (T1199, T1078.004). Risk climbs with
//! each of them: the third is asked about, or the second at a volume that is unusual too; who goes on loses
//! the session.
//!
//! **Model.** Good–Turing over days of use of tenants, or over the identity's active days where those are
//! more; each new tenant of the session adds its bits. **Evidence:** the tenants, the numbers.
//! **Configuration:** mode only. **Blind spots:** who works for another tenant every day surprises nobody.

use plumbline_schemas::command::Action;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::event_id::EventId;
use crate::memory::push_exact;
use crate::profile::habits::Trait;
use crate::setting::key;
use crate::signal::{Alone, Demand, Signal, evidence};
use crate::units::Bits;

/// Who meets a new tenant more often than one day in six is not surprised.
const LEAST_BITS: f64 = 2.5;
/// So many new tenants are asked about; one less where the volume is unusual too.
const ASKED: usize = 3;
/// So many more than were asked about end the session.
const GOES_ON: usize = 2;
const MOST_TENANTS: usize = 16;

const TECHNIQUE: &[&str] = &["T1199", "T1078.004"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let event = moment.event;
    let tenant = event.action.target_tenant.as_deref()?;
    let now = moment.time();
    let habits = &subject.profile.habits;
    if moment.was_refused() || tenant == event.tenant() || habits.is_known(Trait::Tenant, key(tenant), now) {
        return None;
    }
    let strange = habits.strange(Trait::Tenant);
    let days = strange.days.max(u32::from(subject.profile.earlier_days(now)));
    let once = if strange.days == 0 { 0 } else { strange.once };
    let chance = (f64::from(once) + 0.5) / (f64::from(days) + 1.0);
    let each = Bits::of_chance(chance.min(1.0)).0;
    if each < LEAST_BITS {
        return None;
    }
    let names = moment.names;
    let extra = subject.session.extra();
    let known = extra.tenants.iter().any(|(name, _)| names.text(*name) == tenant);
    if !known && extra.tenants.len() < MOST_TENANTS {
        let name = moment.tenant?;
        push_exact(&mut extra.tenants, (name, EventId::new(&event.id)));
    }
    let count = extra.tenants.len();
    let is_much = moment.excess.is_some_and(|excess| excess.bits.0 >= 6.0);
    let asked = usize::from(extra.tenants_asked);
    let demand = match asked {
        0 if count >= ASKED || (count + 1 >= ASKED && is_much) => Some(Action::StepUp),
        0 => None,
        asked if count >= asked + GOES_ON || (count > asked && is_much) => Some(Action::RevokeSession),
        _ => Some(Action::StepUp),
    };
    if demand.is_some() && asked == 0 {
        extra.tenants_asked = count.min(255) as u8;
    }
    let bits = Bits(each * count as f64).clamped();
    if demand.is_none() && !moment.may_count(bits) {
        return None;
    }
    let told: Vec<&str> = extra.tenants.iter().map(|(name, _)| names.text(*name)).collect();
    let events: Vec<String> = extra
        .tenants
        .iter()
        .map(|(_, event_id)| event_id.to_string())
        .filter(|id| **id != *event.id)
        .collect();
    Some(Signal {
        detector: DetectorId::TenantFanout,
        bits,
        alone: Alone::Finding,
        demand: demand.map(Demand::of),
        is_notable: false,
        technique: TECHNIQUE,
        summary: match count {
            1 => format!("{tenant}: a tenant never touched before"),
            _ => format!("{count} tenants never touched before: {}", told.join(", ")),
        },
        evidence: evidence(json!({
            "new_tenants": told, "days_of_use": days, "tenants_used_on_one_day_only": once,
            "bits_each": (each * 10.0).round() / 10.0, "unusual_volume": is_much,
            "formula": "bits = tenants · -log2((tenants_used_on_one_day_only + 1/2) / (days_of_use + 1))",
            "silent_if": "these tenants had been touched on an earlier day",
        })),
        other_events: events,
    })
}
