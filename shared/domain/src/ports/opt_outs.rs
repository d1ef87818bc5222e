//! What the rules need for opt-outs: the register, Salesforce's boxes, and what Marketo says of an address. Wire shapes stay in the adapters.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{PersonObject, PutOutcome, RowOutcome, Shelf};
use crate::Failure;
use crate::opt_outs::{Address, OptOut};
use crate::people::MarketoId;

/// An entry to write, and the revision of the stored one it was decided upon.
#[derive(Debug, Clone, PartialEq)]
pub struct OptOutWrite {
    /// The entry; its `rev` is set by the store.
    pub entry: OptOut,
    /// Revision of the stored entry that was seen; `None` = there was none.
    pub seen: Option<u64>,
}

/// An entry's place on a shelf.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShelvedAddress {
    /// When it is due, or was given up.
    pub at: Timestamp,
    /// Which.
    pub address: Address,
}

/// The register of opt-outs: one entry per address, conditional writes, and what is due in Salesforce.
#[async_trait]
pub trait OptOutRegister: Send + Sync {
    /// The entries of these addresses, read consistently, in any order, absent ones left out.
    ///
    /// # Errors
    /// `Unavailable`; `CorruptState` when an item is not one of ours.
    async fn get(&self, addresses: &[Address]) -> Result<Vec<OptOut>, Failure>;

    /// Writes each entry if the stored one is still the one seen; one outcome per write, same order. Addresses must be distinct.
    ///
    /// # Errors
    /// `Unavailable`; some may then have been written, which a repeat finds as conflicts.
    async fn put(&self, writes: Vec<OptOutWrite>) -> Result<Vec<PutOutcome>, Failure>;

    /// Addresses on a shelf whose time (see [`OptOut::shelved`]) is not after `until`, by that time, at most `limit`, beginning after `from`.
    /// Follows the entries by a moment: what it names may have moved on, and what was just written may be missing.
    ///
    /// # Errors
    /// As for [`Self::get`].
    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedAddress>,
        limit: usize,
    ) -> Result<Vec<ShelvedAddress>, Failure>;

    /// One page of all entries, in any order, starting after `from` (the second value of the page before).
    ///
    /// # Errors
    /// As for [`Self::get`].
    async fn scan(&self, from: Option<&Address>) -> Result<(Vec<OptOut>, Option<Address>), Failure>;
}

/// A lead or contact, as far as opt-outs go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOutRecord {
    /// Id, 18 characters.
    pub id: String,
    /// Contact or lead.
    pub object: PersonObject,
    /// Its address, where it has one that is one.
    pub address: Option<Address>,
    /// How many of the fields asked for are ticked.
    pub ticked: usize,
    /// Whether it is a lead that was converted, and can be changed no more.
    pub converted: bool,
    /// The contact that this lead was converted into, or the record that it was merged into.
    pub successor: Option<String>,
    /// Whether it is in the recycle bin, or was merged away.
    pub deleted: bool,
    /// When it was last changed by anybody, by Salesforce's clock.
    pub stamp: Timestamp,
}

/// Where a reading of changed records goes on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedSince {
    /// Records changed at this moment or later.
    pub at: Timestamp,
    /// Of those changed at this very moment, only those behind this id.
    pub after: Option<String>,
}

/// A field that the integration user cannot use as it must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableField {
    /// `Lead.HasOptedOutOfEmail`.
    pub name: String,
    /// Whether it can at least be read.
    pub readable: bool,
}

/// Most records of one reading.
pub const MAX_CHANGED: usize = 2_000;

/// The opt-out boxes of leads and contacts. Every method makes at least one call against the organisation's limits.
#[async_trait]
pub trait SalesforceOptOuts: Send + Sync {
    /// Those of these fields, of leads and of contacts, that the integration user cannot read and change.
    ///
    /// # Errors
    /// Any [`Failure`].
    async fn unusable_fields(&self, fields: &[String]) -> Result<Vec<UnusableField>, Failure>;

    /// Records with an address that were changed since, by the time of their change and then by id, deleted ones included, at most
    /// [`MAX_CHANGED`]; fewer mean that there are no more. `None` = all there are.
    ///
    /// # Errors
    /// `BadSetting` when a field cannot be seen.
    async fn changed_records(
        &self,
        object: PersonObject,
        fields: &[String],
        since: Option<&ChangedSince>,
    ) -> Result<Vec<OptOutRecord>, Failure>;

    /// All leads and contacts with these addresses, deleted ones included, upper and lower case alike.
    ///
    /// # Errors
    /// As for [`Self::changed_records`].
    async fn records_by_address(
        &self,
        addresses: &BTreeSet<Address>,
        fields: &[String],
    ) -> Result<Vec<OptOutRecord>, Failure>;

    /// The records with these ids, deleted ones included; ids that cannot be seen are absent.
    ///
    /// # Errors
    /// As for [`Self::changed_records`].
    async fn records_by_id(&self, ids: &BTreeSet<String>, fields: &[String]) -> Result<Vec<OptOutRecord>, Failure>;

    /// Ticks or clears all these fields of records, 200 a call; one outcome per record, same order. Ids must be distinct. Nothing is sent when
    /// `not_after`, on this machine's clock, is over.
    ///
    /// # Errors
    /// Any [`Failure`]; some or all may then have been written, and a repeat writes the same.
    async fn set_boxes(
        &self,
        records: &[(PersonObject, String)],
        fields: &[String],
        ticked: bool,
        not_after: Timestamp,
    ) -> Result<Vec<RowOutcome>, Failure>;
}

/// Most addresses of one call that asks Marketo for consent.
pub const MAX_ADDRESSES_PER_CALL: usize = 300;

/// What Marketo says of one person with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Who.
    pub person: MarketoId,
    /// The address.
    pub address: Address,
    /// `unsubscribed`: no marketing mail.
    pub unsubscribed: bool,
    /// `blackListed`: no mail at all.
    pub blocklisted: bool,
    /// `emailInvalid`: mails come back.
    pub invalid: bool,
}

/// Marketo's consent flags.
#[async_trait]
pub trait MarketoConsent: Send + Sync {
    /// Everybody with one of these addresses (at most [`MAX_ADDRESSES_PER_CALL`]); an address that nobody has is absent. One call, and one more
    /// for each 300 people beyond the first.
    ///
    /// # Errors
    /// Any [`Failure`].
    async fn consents(&self, addresses: &[Address]) -> Result<Vec<Consent>, Failure>;
}
