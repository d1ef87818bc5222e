//! A queue in memory that behaves like a standard SQS queue, dead letters included. Must not know what a body says.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::Failure;
use domain::Timestamp;
use domain::ports::{Chance, Clock, Queue};
use jiff::SignedDuration;
use tokio::sync::Notify;

use super::lock;
use super::shelf::{Message, Shelf, Slot};
use crate::rules::check_bodies;

/// A message handed out, hidden from others until it is deleted or its time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Names the message; the same at each delivery.
    pub message_id: String,
    /// Names this delivery; deletes the message until it is delivered again.
    pub receipt_handle: String,
    /// What was sent.
    pub body: String,
    /// How often the message has been delivered, this time included.
    pub receive_count: u32,
}

/// How many messages stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Ready to be received.
    pub visible: usize,
    /// Handed out, neither deleted nor due again.
    pub in_flight: usize,
    /// In the dead-letter queue, in any state.
    pub dead: usize,
}

impl Counts {
    /// Whether nothing is left to be done: all messages are deleted or dead.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.visible == 0 && self.in_flight == 0
    }
}

/// What SQS may do and seldom does, for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Misbehaviour {
    /// Of a hundred deliveries, how many leave an extra copy of the message behind, with the same message id.
    pub duplicates_percent: u8,
    /// Whether messages come in a random order.
    pub shuffle: bool,
}

/// Where spent messages go.
struct DeadLetters {
    most: u32,
    queue: Arc<MemoryQueue>,
}

/// A queue with the ways of standard SQS: at least once, hidden while handed out, delivered again when not deleted in time.
pub struct MemoryQueue {
    name: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    visibility: Duration,
    dead_letters: Option<DeadLetters>,
    misbehaviour: Misbehaviour,
    shelf: Mutex<Shelf>,
    changed: Notify,
}

impl fmt::Debug for MemoryQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryQueue").field("name", &self.name).finish_non_exhaustive()
    }
}

impl MemoryQueue {
    /// An empty queue whose messages, once handed out, stay hidden for `visibility`. Message ids come from `chance`.
    #[must_use]
    pub fn new(name: impl Into<String>, visibility: Duration, clock: Arc<dyn Clock>, chance: Arc<dyn Chance>) -> Self {
        Self {
            name: name.into(),
            clock,
            chance,
            visibility,
            dead_letters: None,
            misbehaviour: Misbehaviour::default(),
            shelf: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Moves a message that was delivered `max_receive_count` times to `queue`, once its last delivery has timed out.
    #[must_use]
    pub fn with_dead_letters(mut self, max_receive_count: u32, queue: Arc<Self>) -> Self {
        self.dead_letters = Some(DeadLetters { most: max_receive_count, queue });
        self
    }

    /// Lets the queue deliver twice and out of order.
    #[must_use]
    pub fn misbehaving(mut self, misbehaviour: Misbehaviour) -> Self {
        self.misbehaviour = misbehaviour;
        self
    }

    /// The queue's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hands out at most `max` messages, hiding each from others for the visibility timeout.
    #[must_use]
    pub fn receive(&self, max: usize) -> Vec<Delivery> {
        let until = later(self.clock.now(), self.visibility);
        self.with_settled(|shelf| {
            let mut deliveries = Vec::new();
            while deliveries.len() < max && shelf.ready() > 0 {
                let place = if self.misbehaviour.shuffle { self.below(shelf.ready()) } else { 0 };
                let Some((slot, message)) = shelf.receive(place, until) else { break };
                if !message.copy && self.below(100) < usize::from(self.misbehaviour.duplicates_percent) {
                    shelf.add(Message { copy: true, ..message.clone() });
                }
                deliveries.push(delivery(slot, message));
            }
            deliveries
        })
    }

    /// Deletes the message of a delivery; `false`, as when it was delivered again in between, if there was nothing to delete.
    pub fn delete(&self, receipt_handle: &str) -> bool {
        let Some((slot, received)) = parse_handle(receipt_handle) else { return false };
        self.with_settled(|shelf| shelf.delete(slot, received))
    }

    /// Hides the message of a delivery for `visibility` from now; zero makes it ready at once. `false` if it is not in flight by this
    /// delivery any more.
    pub fn change_visibility(&self, receipt_handle: &str, visibility: Duration) -> bool {
        let Some((slot, received)) = parse_handle(receipt_handle) else { return false };
        let until = later(self.clock.now(), visibility);
        let changed = self.with_settled(|shelf| shelf.hide(slot, received, until));
        if changed {
            // Whoever waits has computed its wait from the former instant.
            self.changed.notify_waiters();
        }
        changed
    }

    /// How many messages stand where.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let (visible, in_flight) = self.with_settled(|shelf| (shelf.ready(), shelf.hidden()));
        let dead = self.dead_letters.as_ref().map(|dead| dead.queue.counts());
        Counts { visible, in_flight, dead: dead.map_or(0, |counts| counts.visible + counts.in_flight) }
    }

    /// The bodies of all messages that are not deleted, in the order of sending, without receiving them.
    #[must_use]
    pub fn bodies(&self) -> Vec<String> {
        self.with_settled(|shelf| shelf.bodies())
    }

    /// Waits until a message is ready, at most `longest`; whether there is one. Another receiver may still be quicker.
    pub async fn wait_for_message(&self, longest: Duration) -> bool {
        let deadline = later(self.clock.now(), longest);
        loop {
            // Registered before looking, so that a message sent in between is not missed.
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let (ready, next) = self.with_settled(|shelf| (shelf.ready() > 0, shelf.next_ready()));
            let now = self.clock.now();
            if ready || now >= deadline {
                return ready;
            }
            let wake = next.map_or(deadline, |next| next.min(deadline));
            let pause = Duration::try_from(wake.duration_since(now)).unwrap_or_default();
            tokio::select! {
                () = changed => {}
                () = self.clock.sleep(pause) => {}
            }
        }
    }

    /// Works on the shelf as it is now; what is spent goes to the dead letters.
    fn with_settled<T>(&self, work: impl FnOnce(&mut Shelf) -> T) -> T {
        let mut shelf = lock(&self.shelf);
        let spent = shelf.settle(self.clock.now(), self.dead_letters.as_ref().map(|dead| dead.most));
        if let Some(dead) = self.dead_letters.as_ref().filter(|_| !spent.is_empty()) {
            dead.queue.take_over(spent);
        }
        work(&mut shelf)
    }

    /// Adds messages of another queue, keeping their ids, as a dead-letter queue does.
    fn take_over(&self, messages: Vec<Message>) {
        let mut shelf = lock(&self.shelf);
        for message in messages {
            shelf.add(Message { received: 0, ..message });
        }
        drop(shelf);
        self.changed.notify_waiters();
    }

    /// A number below `end`, which must not be 0.
    fn below(&self, end: usize) -> usize {
        usize::try_from(self.chance.next_u64() % end.max(1) as u64).unwrap_or_default()
    }

    /// A message id in the form of SQS's.
    fn message_id(&self) -> String {
        let (high, low) = (self.chance.next_u64(), self.chance.next_u64());
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xFFFF,
            high & 0xFFFF,
            low >> 48,
            low & 0xFFFF_FFFF_FFFF
        )
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, bodies: Vec<String>) -> Result<(), Failure> {
        check_bodies(&self.name, &bodies)?;
        let messages: Vec<_> = bodies.into_iter().map(|body| Message::new(self.message_id(), body)).collect();
        self.take_over(messages);
        Ok(())
    }
}

/// What a receiver gets to see of a message.
fn delivery(slot: Slot, message: Message) -> Delivery {
    Delivery {
        receipt_handle: format!("{slot}/{}", message.received),
        message_id: message.message_id,
        body: message.body,
        receive_count: message.received,
    }
}

/// Slot and delivery of a receipt handle.
fn parse_handle(receipt_handle: &str) -> Option<(Slot, u32)> {
    let (slot, received) = receipt_handle.split_once('/')?;
    Some((slot.parse().ok()?, received.parse().ok()?))
}

/// An instant `pause` after another; the last instant there is, if that is too far.
fn later(from: Timestamp, pause: Duration) -> Timestamp {
    SignedDuration::try_from(pause).ok().and_then(|pause| from.checked_add(pause).ok()).unwrap_or(Timestamp::MAX)
}
