//! The catalogue of person fields: names, types and ids as the describe calls give them.
//! Knows no person.

/// A field that holds text, by its place in `Person::text`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Text {
    FirstName,
    LastName,
    Email,
    Phone,
    Company,
    Title,
    Source,
    LinkedIn,
    SfdcLead,
    SfdcContact,
    SfdcAccount,
    SfdcOwner,
    ExternalOwner,
    SfdcType,
}

pub(crate) const TEXTS: usize = 14;

/// The text fields that the person sync copies, in the order of the expected table.
pub(crate) const SYNCED: [Text; 11] = [
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
];

/// Where a field's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    Created,
    Updated,
    Text(Text),
    Bool {
        percent: u64,
    },
    Integer {
        below: u64,
    },
    Partition,
    Float,
    Date,
    DateTime,
    /// Never computed for the API.
    Formula,
}

/// One field of the catalogue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Field id, as data value changes name it.
    pub(crate) id: i64,
    /// REST name; empty for a field that REST cannot use.
    pub(crate) name: &'static str,
    pub(crate) display: &'static str,
    pub(crate) data_type: &'static str,
    pub(crate) length: u32,
    pub(crate) kind: Kind,
}

const fn field(
    id: i64,
    name: &'static str,
    display: &'static str,
    data_type: &'static str,
    length: u32,
    kind: Kind,
) -> Field {
    Field { id, name, display, data_type, length, kind }
}

const fn text(id: i64, name: &'static str, display: &'static str, data_type: &'static str, which: Text) -> Field {
    field(id, name, display, data_type, 255, Kind::Text(which))
}

const fn flag(id: i64, name: &'static str, display: &'static str, percent: u64) -> Field {
    field(id, name, display, "boolean", 0, Kind::Bool { percent })
}

/// All fields, in the order of the describe answer.
pub(crate) const FIELDS: [Field; 35] = [
    text(2, "company", "Company Name", "string", Text::Company),
    field(3, "annualRevenue", "Annual Revenue", "currency", 0, Kind::Float),
    field(4, "numberOfEmployees", "Num Employees", "integer", 0, Kind::Integer { below: 90_000 }),
    text(29, "firstName", "First Name", "string", Text::FirstName),
    text(31, "lastName", "Last Name", "string", Text::LastName),
    text(36, "title", "Job Title", "string", Text::Title),
    text(40, "phone", "Phone Number", "phone", Text::Phone),
    text(48, "email", "Email Address", "email", Text::Email),
    field(51, "id", "Id", "integer", 0, Kind::Id),
    field(53, "createdAt", "Created At", "datetime", 0, Kind::Created),
    field(55, "updatedAt", "Updated At", "datetime", 0, Kind::Updated),
    text(57, "leadSource", "Lead Source", "string", Text::Source),
    field(60, "leadScore", "Person Score", "score", 0, Kind::Integer { below: 200 }),
    field(61, "relativeScore", "Relative Score", "percent", 0, Kind::Integer { below: 100 }),
    field(65, "leadPartitionId", "Lead Partition Id", "integer", 0, Kind::Partition),
    flag(70, "unsubscribed", "Unsubscribed", 4),
    flag(72, "emailInvalid", "Email Invalid", 2),
    flag(74, "marketingSuspended", "Marketing Suspended", 1),
    flag(76, "blackListed", "Black Listed", 1),
    flag(78, "doNotCall", "Do Not Call", 3),
    flag(80, "isAnonymous", "Is Anonymous", 0),
    field(82, "dateOfBirth", "Date of Birth", "date", 0, Kind::Date),
    field(84, "acquisitionDate", "Acquisition Date", "datetime", 0, Kind::DateTime),
    field(86, "inferredCompanyScore", "Inferred Company Score", "float", 0, Kind::Float),
    text(200, "sfdcType", "SFDC Type", "string", Text::SfdcType),
    field(201, "sfdcId", "SFDC Id", "formula", 0, Kind::Formula),
    text(202, "sfdcLeadId", "SFDC Lead Id", "string", Text::SfdcLead),
    text(203, "sfdcContactId", "SFDC Contact Id", "string", Text::SfdcContact),
    text(204, "sfdcAccountId", "SFDC Account Id", "string", Text::SfdcAccount),
    text(205, "sfdcLeadOwnerId", "SFDC Lead Owner Id", "string", Text::SfdcOwner),
    text(210, "externalSalesPersonId", "External Sales Person Id", "string", Text::ExternalOwner),
    text(220, "linkedInProfileURL", "Marketo Social LinkedIn Profile URL", "url", Text::LinkedIn),
    field(300, "", "Full Name", "string", 0, Kind::Formula),
    field(301, "", "Lead Revenue Stage Internal", "integer", 0, Kind::Formula),
    field(310, "engagementNote", "Engagement Note", "text", 2000, Kind::Formula),
];

/// Fields that a filter of leads.json may name, also those with nothing behind them here.
pub(crate) const SEARCHABLE: [&str; 13] = [
    "cookies",
    "email",
    "externalSalesPersonId",
    "facebookId",
    "id",
    "leadPartitionId",
    "linkedInId",
    "sfdcAccountId",
    "sfdcContactId",
    "sfdcLeadId",
    "sfdcLeadOwnerId",
    "sfdcOpptyId",
    "twitterId",
];

/// A field by its REST name.
pub(crate) fn by_name(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| !name.is_empty() && field.name == name)
}

/// The catalogue entry of a text field.
pub(crate) fn of_text(which: Text) -> &'static Field {
    // Every text field has an entry, which a test confirms; the first one stands in to stay total.
    FIELDS.iter().find(|field| field.kind == Kind::Text(which)).unwrap_or(&FIELDS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_field_has_one_entry_and_ids_are_unique() {
        let texts = FIELDS.iter().filter(|field| matches!(field.kind, Kind::Text(_))).count();
        assert_eq!(texts, TEXTS);
        let ids: std::collections::BTreeSet<i64> = FIELDS.iter().map(|field| field.id).collect();
        assert_eq!(ids.len(), FIELDS.len());
    }
}
