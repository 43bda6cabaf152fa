//! What a Kafka error means for who meets it.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// This user may not do that: no retry helps.
    Forbidden,
    /// The group has moved on: poll, learn of the rebalance, and go on with what is still ours.
    Group,
    /// Another producer has our transactional id.
    Fenced,
    /// Try again, somewhat later.
    Passing,
}

impl Failure {
    /// Judges an error.
    pub(crate) fn of(error: &KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(
                Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::TransactionalIdAuthorizationFailed,
            ) => Self::Forbidden,
            Some(
                Code::IllegalGeneration
                | Code::UnknownMemberId
                | Code::RebalanceInProgress
                | Code::FencedInstanceId
                | Code::FencedMemberEpoch,
            ) => Self::Group,
            Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch) => Self::Fenced,
            _ => Self::Passing,
        }
    }
}

/// How long to wait after so many failures in a row.
pub(crate) fn retry_after(failures: u32) -> Duration {
    let millis = 100_u64 << failures.min(7);
    Duration::from_millis(millis.min(10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_bounded() {
        let waits: Vec<u128> = (0..10).map(|n| retry_after(n).as_millis()).collect();
        assert_eq!(
            waits,
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]
        );
    }

    #[test]
    fn errors_are_told_apart_by_what_helps() {
        let of = |code| Failure::of(&KafkaError::MessageConsumption(code));
        assert_eq!(of(Code::TopicAuthorizationFailed), Failure::Forbidden);
        assert_eq!(of(Code::IllegalGeneration), Failure::Group);
        assert_eq!(of(Code::Fenced), Failure::Fenced);
        assert_eq!(of(Code::BrokerTransportFailure), Failure::Passing);
    }
}
