//! People as they were when the simulator started: any of them can be told from seed and index, none is stored.
//! Must not know what happened to anyone since.

use super::fields::{TEXTS, Text};
use super::hash::{hash, within};
use super::person::{Person, ROLE_NAMES, Role};
use super::{salesforce_id, text};
use crate::config::Config;

/// Id of the first person.
pub const FIRST_ID: i64 = 1_000_001;

/// Which Salesforce records a person is linked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    None,
    Lead,
    Contact,
    Converted,
}

/// Who owns a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    None,
    User,
    Queue,
    External,
    UserAndExternal,
    QueueAndExternal,
}

/// The part of a person that decides whether they qualify, cheap to tell.
#[derive(Clone, Copy, Debug)]
struct Profile {
    link: Link,
    owner: Owner,
    short_ids: bool,
}

impl Profile {
    fn qualifies(self) -> bool {
        self.link != Link::None && matches!(self.owner, Owner::User | Owner::External | Owner::UserAndExternal)
    }
}

/// Everyone at the start.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) seed: u64,
    pub(crate) people: u64,
    /// Creation time of the first person.
    pub(crate) first_at: i64,
    /// When the simulator started.
    pub(crate) start_at: i64,
    awkward: bool,
    null_name_share: f64,
    canary: Option<(u64, String)>,
}

/// Purposes of hashed numbers; each decision has its own so that they are independent.
mod purpose {
    pub(super) const PROFILE: u64 = 1;
    pub(super) const OWNER: u64 = 2;
    pub(super) const NULL_NAME: u64 = 3;
    pub(super) const EMAIL_KEY: u64 = 4;
    pub(super) const EMAIL: u64 = 5;
    pub(super) const ROLES: u64 = 6;
    pub(super) const UPDATED: u64 = 7;
    pub(super) const ACCOUNT: u64 = 8;
    pub(super) const TEXT: u64 = 100;
    pub(super) const AWKWARD: u64 = 200;
}

impl Base {
    pub(crate) fn new(config: &Config, start_at: i64) -> Self {
        let first_at = start_at - i64::from(config.days_of_history.max(1)) * 86_400;
        let mut base = Self {
            seed: config.seed,
            people: config.people,
            first_at,
            start_at,
            awkward: config.awkward_text,
            null_name_share: config.null_name_share,
            canary: None,
        };
        if let Some(email) = &config.canary_email {
            base.canary = (0..base.people).find(|&index| base.qualifies(index)).map(|index| (index, email.clone()));
        }
        base
    }

    /// Id after the last person of the start.
    pub(crate) fn end_id(&self) -> i64 {
        FIRST_ID + self.people.cast_signed()
    }

    pub(crate) fn index_of(&self, id: i64) -> Option<u64> {
        (id >= FIRST_ID && id < self.end_id()).then(|| (id - FIRST_ID).cast_unsigned())
    }

    pub(crate) fn id_of(index: u64) -> i64 {
        FIRST_ID + index.cast_signed()
    }

    fn span(&self) -> i64 {
        (self.start_at - 3_600 - self.first_at).max(1)
    }

    /// Creation times rise with the id and are spread evenly.
    pub(crate) fn created_at(&self, index: u64) -> i64 {
        let part = i128::from(self.span()) * i128::from(index) / i128::from(self.people.max(1));
        self.first_at + i64::try_from(part).unwrap_or(0)
    }

    /// The first index created at or after the given time; the number of people when there is none.
    pub(crate) fn first_created_from(&self, seconds: i64) -> u64 {
        if seconds <= self.first_at {
            return 0;
        }
        let (mut low, mut high) = (0, self.people);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.created_at(middle) < seconds { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn profile(&self, index: u64) -> Profile {
        let hashed = hash(self.seed, index, purpose::PROFILE);
        let link = match hashed % 1000 {
            0..150 => Link::None,
            150..520 => Link::Lead,
            520..900 => Link::Contact,
            _ => Link::Converted,
        };
        let owner = match (link, (hashed >> 20) % 1000) {
            (Link::None, 0..200) => Owner::External,
            (Link::None, _) => Owner::None,
            (_, 0..770) => Owner::User,
            (_, 770..815) => Owner::External,
            (_, 815..848) => Owner::UserAndExternal,
            (_, 848..866) => Owner::Queue,
            (_, 866..872) => Owner::QueueAndExternal,
            _ => Owner::None,
        };
        Profile { link, owner, short_ids: (hashed >> 40).is_multiple_of(10) }
    }

    pub(crate) fn qualifies(&self, index: u64) -> bool {
        self.profile(index).qualifies()
    }

    pub(crate) fn person(&self, index: u64) -> Person {
        let created_at = self.created_at(index);
        let life = (self.start_at - 3_600 - created_at).max(1).cast_unsigned();
        let updated_at = created_at + (hash(self.seed, index, purpose::UPDATED) % life).cast_signed();
        self.build(index, self.profile(index), created_at, updated_at)
    }

    /// Somebody who comes into being later: `number` continues the indexes of the start.
    pub(crate) fn newcomer(&self, number: u64, id: i64, at: i64, qualifying: bool) -> Person {
        let mut profile = self.profile(number);
        if qualifying && !profile.qualifies() {
            profile.link = if number.is_multiple_of(2) { Link::Lead } else { Link::Contact };
            profile.owner = Owner::User;
        }
        Person { id, ..self.build(number, profile, at, at) }
    }

    fn build(&self, index: u64, profile: Profile, created_at: i64, updated_at: i64) -> Person {
        let mut texts = [const { None }; TEXTS];
        for which in TEXT_ORDER {
            texts[which as usize] = self.text_of(index, profile, which);
        }
        Person { id: Self::id_of(index), created_at, updated_at, text: texts, set: Vec::new(), seed: self.seed }
    }

    /// One text field alone, for indexes over everybody.
    pub(crate) fn text(&self, index: u64, which: Text) -> Option<String> {
        self.text_of(index, self.profile(index), which)
    }

    fn text_of(&self, index: u64, profile: Profile, which: Text) -> Option<String> {
        match which {
            Text::Email => self.email(index),
            Text::SfdcLead | Text::SfdcContact | Text::SfdcAccount | Text::SfdcType => {
                self.link_text(index, profile, which)
            }
            Text::SfdcOwner | Text::ExternalOwner => self.owner_text(index, profile, which),
            _ => self.plain_text(index, which),
        }
    }

    fn plain_text(&self, index: u64, which: Text) -> Option<String> {
        let hashed = hash(self.seed, index, purpose::TEXT + which as u64);
        let empty_percent = match which {
            Text::FirstName => 2,
            Text::LastName => 0,
            Text::Company => 3,
            Text::Title => 12,
            Text::Phone => 25,
            Text::LinkedIn => 60,
            _ => 10,
        };
        if (hashed >> 48) % 100 < empty_percent {
            return None;
        }
        if which == Text::LastName && within(hash(self.seed, index, purpose::NULL_NAME), self.null_name_share) {
            return Some("null".to_owned());
        }
        let value = match which {
            Text::FirstName => text::first_name(hashed).to_owned(),
            Text::LastName => text::last_name(hashed).to_owned(),
            Text::Company => text::company(hash(self.seed, self.account(index), purpose::ACCOUNT)),
            Text::Title => text::title(hashed),
            Text::Phone => text::phone(hashed),
            Text::LinkedIn => text::linked_in(hashed, index),
            _ => text::source(hashed).to_owned(),
        };
        let twist = hash(self.seed, index, purpose::AWKWARD + which as u64);
        let permille = match which {
            Text::Phone | Text::LinkedIn => 2,
            Text::LastName | Text::Company => 40,
            _ => 25,
        };
        if self.awkward && twist % 1000 < permille {
            return Some(text::awkward(twist >> 10, &value));
        }
        Some(value)
    }

    /// People share companies: one account for about eight of them.
    fn account(&self, index: u64) -> u64 {
        hash(self.seed, index, purpose::ACCOUNT) % (self.people / 8 + 1)
    }

    fn email(&self, index: u64) -> Option<String> {
        if let Some((canary, email)) = &self.canary
            && *canary == index
        {
            return Some(email.clone());
        }
        let hashed = hash(self.seed, index, purpose::EMAIL_KEY);
        match hashed % 100 {
            0..4 => None,
            4..7 => Some(self.email_of_key(index.saturating_sub(1 + (hashed >> 10) % 40))),
            _ => Some(self.email_of_key(index)),
        }
    }

    fn email_of_key(&self, key: u64) -> String {
        text::email(hash(self.seed, key, purpose::EMAIL), key)
    }

    fn link_text(&self, index: u64, profile: Profile, which: Text) -> Option<String> {
        let Profile { link, short_ids, .. } = profile;
        let number = |salt: u64| hash(self.seed, index, purpose::TEXT + 50 + salt);
        match which {
            Text::SfdcLead => {
                matches!(link, Link::Lead | Link::Converted).then(|| salesforce_id::make("00Q", number(0), short_ids))
            }
            Text::SfdcContact => matches!(link, Link::Contact | Link::Converted)
                .then(|| salesforce_id::make("003", number(1), short_ids)),
            Text::SfdcAccount => matches!(link, Link::Contact | Link::Converted).then(|| {
                salesforce_id::make("001", hash(self.seed, self.account(index), purpose::ACCOUNT + 50), short_ids)
            }),
            _ => match link {
                Link::None => None,
                Link::Lead => Some("Lead".to_owned()),
                Link::Contact | Link::Converted => Some("Contact".to_owned()),
            },
        }
    }

    fn owner_text(&self, index: u64, profile: Profile, which: Text) -> Option<String> {
        let hashed = hash(self.seed, index, purpose::OWNER);
        let short = profile.short_ids;
        match (which, profile.owner) {
            (Text::SfdcOwner, Owner::User | Owner::UserAndExternal) => Some(owner_id(self.seed, hashed, short)),
            (Text::SfdcOwner, Owner::Queue | Owner::QueueAndExternal) => {
                Some(salesforce_id::make("00G", self.seed ^ (hashed % 3), short))
            }
            (Text::ExternalOwner, Owner::External | Owner::UserAndExternal | Owner::QueueAndExternal) => {
                Some(format!("REP-{:04}", hashed % 40))
            }
            _ => None,
        }
    }

    /// Opportunity roles of the start: about eight in a hundred qualifying people have one to three.
    pub(crate) fn roles(&self, index: u64) -> Vec<Role> {
        let hashed = hash(self.seed, index, purpose::ROLES);
        if hashed % 100 >= 8 || !self.qualifies(index) {
            return Vec::new();
        }
        let count = 1 + (hashed >> 8) % 3;
        let chosen = (hashed >> 16) % 6;
        (0..count).map(|nth| self.role(index, nth, nth == chosen)).collect()
    }

    /// The nth role that a person ever had.
    pub(crate) fn role(&self, index: u64, nth: u64, primary: bool) -> Role {
        let hashed = hash(self.seed, index.wrapping_mul(64) + nth, purpose::ROLES + 50);
        // The nth role is never as old as another one, so that "the newest" has one answer.
        let age = 4 * ((hashed >> 20) % 400) + nth % 4;
        Role {
            guid: format!(
                "{:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}",
                index,
                nth,
                hashed & 0xfff,
                hashed >> 12 & 0xfff,
                hashed >> 16
            ),
            opportunity: salesforce_id::make("006", hashed, hashed.is_multiple_of(10)),
            role: ROLE_NAMES[usize::try_from(hashed >> 40 & 3).unwrap_or(0)],
            primary,
            created_at: self.start_at - 3_600 - age.cast_signed() * 3_600,
        }
    }
}

/// A Salesforce user, one of sixty.
pub(crate) fn owner_id(seed: u64, hashed: u64, short: bool) -> String {
    salesforce_id::make("005", seed ^ (hashed % 60), short)
}

const TEXT_ORDER: [Text; TEXTS] = [
    Text::FirstName,
    Text::LastName,
    Text::Email,
    Text::Phone,
    Text::Company,
    Text::Title,
    Text::Source,
    Text::LinkedIn,
    Text::SfdcLead,
    Text::SfdcContact,
    Text::SfdcAccount,
    Text::SfdcOwner,
    Text::ExternalOwner,
    Text::SfdcType,
];
