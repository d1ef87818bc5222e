//! Durable unsubscribes: addresses stay unsubscribed when their person goes, and are so again when somebody gets them.
//! Must not know operations.

use std::collections::HashSet;

use super::fields::{self, Text};
use super::person::{Person, Value};

/// What a person's mail depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Flags {
    pub unsubscribed: bool,
    pub blocklisted: bool,
    pub invalid: bool,
}

impl Flags {
    pub(crate) fn of(person: &Person) -> Self {
        let is = |name: &str| fields::by_name(name).is_some_and(|field| person.value(field) == Value::Bool(true));
        Self { unsubscribed: is("unsubscribed"), blocklisted: is("blackListed"), invalid: is("emailInvalid") }
    }
}

/// Addresses of people who unsubscribed and are gone, in lower case; `None` where the subscription forgets them.
#[derive(Debug, Default)]
pub(crate) struct Unsubscribed(Option<HashSet<String>>);

impl Unsubscribed {
    pub(crate) fn new(durable: bool) -> Self {
        Self(durable.then(HashSet::new))
    }

    /// A person is about to lose its address.
    pub(crate) fn leaves(&mut self, person: &Person) {
        let unsubscribed =
            fields::by_name("unsubscribed").is_some_and(|field| person.value(field) == Value::Bool(true));
        if let Some(known) = self.0.as_mut().filter(|_| unsubscribed) {
            known.extend(person.text(Text::Email).map(str::to_lowercase));
        }
    }

    /// Whether whoever gets this address is unsubscribed with it.
    pub(crate) fn holds(&self, email: &str) -> bool {
        self.0.as_ref().is_some_and(|known| known.contains(&email.trim().to_lowercase()))
    }
}
