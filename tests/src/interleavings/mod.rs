//! Opt-outs under every order of events up to a length: links, boxes, Marketo, syncs, address changes, merges, deletions, re-creations,
//! conversions, crashes, resubscribes. After each event the check before a mail must refuse whoever is known to have said no; in the end both
//! sides must agree, and a second pass must plan nothing. The rules, clients and simulated vendors are the real ones; time and network are not.

mod model;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

pub use model::Model;
use world::Small;

use crate::{lock, parallel};

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// The recipient clicks the link.
    Link,
    /// A Salesforce user ticks the box of a record.
    Ticked,
    /// Marketo's person unsubscribes from marketing.
    Unsubscribed,
    /// A Salesforce user unticks every box.
    Unticked,
    /// An initial sync runs.
    InitialSync,
    /// A pull runs.
    Pull,
    /// The person gets another address, in Marketo and on its records.
    AddressChange,
    /// The person is merged into another one.
    Merge,
    /// The person is deleted, in Marketo and in Salesforce.
    Delete,
    /// A person is made with the address, in Marketo and in Salesforce.
    Recreate,
    /// The lead is converted.
    Convert,
    /// A pass or a pull is cut off; where depends on how far the story is.
    Crash,
    /// An admin resubscribes the address.
    Resubscribe,
    /// A pass of the reconciler.
    Reconcile,
}

impl Happening {
    /// All of them; a story begins with one of the first three, as nobody has said anything before.
    pub const ALL: [Self; 14] = [
        Self::Link,
        Self::Ticked,
        Self::Unsubscribed,
        Self::Unticked,
        Self::InitialSync,
        Self::Pull,
        Self::AddressChange,
        Self::Merge,
        Self::Delete,
        Self::Recreate,
        Self::Convert,
        Self::Crash,
        Self::Resubscribe,
        Self::Reconcile,
    ];
    const FIRST: usize = 3;
}

/// Events in their order; the number names it.
#[derive(Clone, PartialEq, Eq)]
pub struct Story(pub Vec<Happening>);

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(|event| format!("{event:?}")).collect();
        f.write_str(&names.join(","))
    }
}

/// How many stories have this length.
#[must_use]
pub fn count(length: u32) -> u64 {
    Happening::FIRST as u64 * (Happening::ALL.len() as u64).pow(length.saturating_sub(1))
}

/// The story of this number.
#[must_use]
pub fn story(length: u32, number: u64) -> Story {
    let mut rest = number;
    let mut take = |of: usize| {
        let at = rest % of as u64;
        rest /= of as u64;
        Happening::ALL[usize::try_from(at).unwrap_or(0)]
    };
    let first = take(Happening::FIRST);
    Story(std::iter::once(first).chain((1..length).map(|_| take(Happening::ALL.len()))).collect())
}

/// Reads a story as it is printed.
///
/// # Errors
/// Names what is no event.
pub fn parse(text: &str) -> Result<Story, String> {
    let event = |name: &str| {
        let found = Happening::ALL.into_iter().find(|event| format!("{event:?}") == name.trim());
        found.ok_or_else(|| format!("there is no event {name}; there are {:?}", Happening::ALL))
    };
    text.split(',').map(event).collect::<Result<_, _>>().map(Story)
}

/// Plays all stories of a length on all cores, or until one is broken; gives the broken ones and what was wrong, in their order.
#[must_use]
pub fn broken(length: u32, stop: bool) -> Vec<(Story, String)> {
    let broken = Mutex::new(BTreeMap::new());
    parallel::each(
        0..count(length),
        || stop && !lock(&broken).is_empty(),
        |number| {
            let story = story(length, number);
            let played = parallel::caught(|| play(&story, false));
            if let Err(why) = played.and_then(|outcome| outcome) {
                lock(&broken).insert(number, (story, why));
            }
        },
    );
    std::mem::take(&mut *lock(&broken)).into_values().collect()
}

/// Plays a story.
///
/// # Errors
/// What was wrong.
pub fn play(story: &Story, spoken: bool) -> Result<(), String> {
    // The clients' time limits need a timer to hang on; it is never waited for.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let (mut world, mut model) = (Small::new().await, Model::default());
        for (place, event) in story.0.iter().enumerate() {
            if spoken {
                eprintln!("{place}: {event:?}");
            }
            model.happens(&mut world, *event, place).await.map_err(|why| format!("at {event:?}: {why}"))?;
            model.check(&world).await.map_err(|why| format!("after event {place}, {event:?}: {why}"))?;
        }
        model.end(&mut world).await.map_err(|why| format!("in the end: {why}"))
    })
}
