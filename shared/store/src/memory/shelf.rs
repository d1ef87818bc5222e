//! The messages of one queue and where each stands: ready, or hidden until an instant. Pure bookkeeping: is told the time, waits for
//! nothing, draws no chance of its own.

use std::collections::{BTreeSet, HashMap, VecDeque};

use domain::Timestamp;

/// Places a message on the shelf; never reused.
pub(super) type Slot = u64;

/// A message on the shelf.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub message_id: String,
    pub body: String,
    /// How often it was delivered.
    pub received: u32,
    /// Whether it is the extra copy of a message that was delivered twice on purpose.
    pub copy: bool,
    /// Until when it is hidden; `None` = ready. Kept by the shelf alone.
    pub hidden_until: Option<Timestamp>,
}

impl Message {
    /// A message that nobody has received.
    pub(super) fn new(message_id: String, body: String) -> Self {
        Self { message_id, body, received: 0, copy: false, hidden_until: None }
    }
}

/// All messages of a queue.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    messages: HashMap<Slot, Message>,
    ready: VecDeque<Slot>,
    hidden: BTreeSet<(Timestamp, Slot)>,
    next: Slot,
}

impl Shelf {
    /// Adds a message, ready.
    pub(super) fn add(&mut self, message: Message) {
        let slot = self.next;
        self.next += 1;
        self.messages.insert(slot, Message { hidden_until: None, ..message });
        self.ready.push_back(slot);
    }

    /// Makes ready what has been hidden long enough; takes out and gives back what was delivered `most` times already.
    pub(super) fn settle(&mut self, now: Timestamp, most: Option<u32>) -> Vec<Message> {
        let mut spent = Vec::new();
        while let Some(&(until, slot)) = self.hidden.first().filter(|(until, _)| *until <= now) {
            self.hidden.remove(&(until, slot));
            let Some(message) = self.messages.get_mut(&slot) else { continue };
            if most.is_some_and(|most| message.received >= most) {
                spent.extend(self.messages.remove(&slot));
            } else {
                message.hidden_until = None;
                self.ready.push_back(slot);
            }
        }
        spent
    }

    /// Messages ready.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Messages hidden.
    pub(super) fn hidden(&self) -> usize {
        self.hidden.len()
    }

    /// When the next hidden message becomes ready.
    pub(super) fn next_ready(&self) -> Option<Timestamp> {
        self.hidden.first().map(|(until, _)| *until)
    }

    /// Takes the ready message at a place in the line, counts the delivery and hides it.
    pub(super) fn receive(&mut self, place: usize, until: Timestamp) -> Option<(Slot, Message)> {
        let slot = self.ready.remove(place)?;
        let message = self.messages.get_mut(&slot)?;
        message.received += 1;
        message.hidden_until = Some(until);
        self.hidden.insert((until, slot));
        Some((slot, message.clone()))
    }

    /// Removes the message if this was its latest delivery; an older receipt removes nothing.
    pub(super) fn delete(&mut self, slot: Slot, received: u32) -> bool {
        let Some(message) = self.messages.get(&slot).filter(|message| message.received == received) else {
            return false;
        };
        match message.hidden_until {
            Some(until) => drop(self.hidden.remove(&(until, slot))),
            None => self.ready.retain(|other| *other != slot),
        }
        self.messages.remove(&slot).is_some()
    }

    /// Hides the message until another instant if this was its latest delivery and it is still hidden.
    pub(super) fn hide(&mut self, slot: Slot, received: u32, until: Timestamp) -> bool {
        let latest = self.messages.get_mut(&slot).filter(|message| message.received == received);
        let Some(hidden_until) = latest.and_then(|message| message.hidden_until.as_mut()) else { return false };
        let before = std::mem::replace(hidden_until, until);
        self.hidden.remove(&(before, slot));
        self.hidden.insert((until, slot));
        true
    }

    /// The bodies of all messages, in the order of sending.
    pub(super) fn bodies(&self) -> Vec<String> {
        let mut slots: Vec<_> = self.messages.keys().copied().collect();
        slots.sort_unstable();
        slots.iter().filter_map(|slot| self.messages.get(slot)).map(|message| message.body.clone()).collect()
    }
}
