//! The log that a replay reads: all that its inputs hold, decoded and in one order.

use std::iter;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use plumbline_schemas::event::Event;

use super::ReplayError;
use super::ahead;
use super::feed::{Feed, Taken};
use super::inputs::{self, Inputs};
use super::merge::MOST_OPEN;
use super::place::{FeedPlace, Place};
use super::progress::Progress;
use super::reader::Opener;
use super::selection::Selection;
use crate::config::ReplayConfig;
use crate::enrich::Enricher;
use crate::log_format::LogFormat;
use crate::normalise::Normaliser;

/// Takes what comes next, with the name of the input it is of, and says whether there is to be more.
pub(super) type Taker<'s> = dyn FnMut(&str, Taken<'_>) -> Result<ControlFlow<()>, ReplayError> + 's;

/// A log of one or several inputs.
pub(super) struct Log<'c> {
    config: &'c ReplayConfig,
    /// Those together that are read one behind the other.
    sequences: Vec<Vec<PathBuf>>,
    opener: Opener,
    normaliser: Normaliser,
    /// So many records are read before they are handed on.
    portion: usize,
}

impl<'c> Log<'c> {
    /// The log in these files, which the inputs of the configuration name.
    pub(super) fn new(
        config: &'c ReplayConfig,
        (inputs, files): (Inputs, Vec<PathBuf>),
        enricher: Arc<Enricher>,
    ) -> Result<Self, ReplayError> {
        let sequences = inputs::in_sequence(files);
        let decoder = LogFormat::open(&config.format, config.program.as_deref())?;
        let normaliser = Normaliser::new(decoder, config.tenant.as_deref(), enricher)?;
        let progress = Progress::new(inputs.total_bytes(sequences.iter().flatten()));
        let reopens = sequences.len() > MOST_OPEN;
        Ok(Self {
            config,
            sequences,
            opener: Opener {
                inputs,
                format: config.format.clone(),
                progress,
                uncounted: reopens.then(Progress::hidden),
            },
            normaliser,
            portion: ahead::PORTION,
        })
    }

    /// Hands on each record for itself: for who lets time pass between them, and does not want all to be read long
    /// before.
    pub(super) fn hand_on_singly(&mut self) {
        self.portion = 1;
    }

    /// How far it is read.
    pub(super) fn progress(&self) -> &Progress {
        &self.opener.progress
    }

    /// The files it is in.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.sequences.iter().flatten().cloned().collect()
    }

    /// Where they are.
    pub(super) fn inputs(&self) -> &Inputs {
        &self.opener.inputs
    }

    /// Its inputs at a place in it. One that cannot be opened is known now, before anything else is done.
    pub(super) fn feeds(&self, place: &Place) -> Result<Vec<Feed<'_>>, ReplayError> {
        let places = place.feeds.iter().chain(iter::repeat(&FeedPlace::START));
        let sequences = self.sequences.iter().zip(places);
        let opened = |(files, place): (&Vec<PathBuf>, &FeedPlace)| {
            let mut feed = Feed::at(files, &self.opener, place);
            feed.open()?;
            if self.opener.uncounted.is_some() && feed.may_rest() {
                feed.rest();
            }
            Ok(feed)
        };
        sequences.map(opened).collect()
    }

    /// Hands on what they hold, in one order, until it is enough; so many things came `before`.
    pub(super) fn read(
        &self,
        (mut feeds, before): (Vec<Feed<'_>>, u64),
        take: &mut Taker<'_>,
    ) -> Result<(), ReplayError> {
        let progress = &self.opener.progress;
        let sequences = self.sequences.iter();
        let names: Vec<String> = sequences.map(|files| inputs::name(files)).collect();
        let selection = Selection::of(self.config);
        let mut since = 0;
        let mut is_enough = false;
        let read = ahead::read_ahead(
            (&mut feeds, before),
            &self.normaliser,
            &selection,
            self.portion,
            &mut |file, taken| {
                if !matches!(taken, Taken::Drift(_) | Taken::Place(_)) {
                    progress.events(before, since);
                    since += 1;
                }
                is_enough = take(&names[file], taken)?.is_break();
                match is_enough {
                    true => Err(ReplayError::Ended),
                    false => Ok(()),
                }
            },
        );
        progress.finish();
        match read {
            Err(ReplayError::Ended) if is_enough => Ok(()),
            read => read,
        }
    }
}

/// Hands on the events of a log in the order in which a replay applies them, until it is enough.
pub(crate) fn events(
    config: &ReplayConfig,
    enricher: Arc<Enricher>,
    take: &mut dyn FnMut(&Event<'_>) -> ControlFlow<()>,
) -> Result<(), ReplayError> {
    let log = Log::new(config, Inputs::expand(&config.input)?, enricher)?;
    log.read(
        (log.feeds(&Place::default())?, 0),
        &mut |_, taken| match taken {
            Taken::Event(event) => Ok(take(&event)),
            _ => Ok(ControlFlow::Continue(())),
        },
    )
}
