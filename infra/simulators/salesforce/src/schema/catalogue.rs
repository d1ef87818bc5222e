//! The standard objects and their fields, with the custom Activity fields that sales applications use.
//! Names and types only; must not know who may see what.

use super::field::{Field, Kind, Source};
use crate::world::datum::Datum;

/// What an object is made of before anything is configured.
pub(crate) struct Blueprint {
    pub(crate) name: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) prefix: &'static str,
    /// Whether records may be written over the API.
    pub(crate) writable: bool,
    pub(crate) fields: Vec<Field>,
}

pub(crate) fn all() -> Vec<Blueprint> {
    let object = |name, plural, prefix, writable, own: Vec<Field>| Blueprint {
        name,
        plural,
        prefix,
        writable,
        fields: system_fields().into_iter().chain(own).collect(),
    };
    vec![
        object("Lead", "Leads", "00Q", true, lead()),
        object("Contact", "Contacts", "003", true, contact()),
        object("Account", "Accounts", "001", true, account()),
        object("Task", "Tasks", "00T", true, task()),
        object("User", "Users", "005", false, user()),
        object("Group", "Groups", "00G", false, group()),
        object("TaskStatus", "Task Status Values", "01T", false, task_status()),
        object("TaskPriority", "Task Priority Values", "01P", false, task_priority()),
        object("Opportunity", "Opportunities", "006", true, opportunity()),
        object("OpportunityContactRole", "Opportunity Contact Roles", "00K", true, contact_role()),
        object("Organization", "Organizations", "00D", false, organization()),
    ]
}

const USERS: &[&str] = &["User"];
const OWNERS: &[&str] = &["Group", "User"];

fn system_fields() -> Vec<Field> {
    let by = |name, relationship, source| Field {
        source,
        indexed: false,
        ..Field::reference(name, relationship, USERS).read_only()
    };
    vec![
        Field::system("Id", Kind::Id, Source::Id),
        Field::system("IsDeleted", Kind::Bool, Source::Deleted),
        Field::system("CreatedDate", Kind::Time, Source::CreatedAt),
        by("CreatedById", "CreatedBy", Source::CreatedBy),
        Field::system("LastModifiedDate", Kind::Time, Source::ModifiedAt),
        by("LastModifiedById", "LastModifiedBy", Source::ModifiedBy),
        Field::system("SystemModstamp", Kind::Time, Source::Modstamp),
    ]
}

/// The name and address parts that leads and contacts share.
fn person() -> Vec<Field> {
    vec![
        Field::text("LastName", 80).required(),
        Field::text("FirstName", 40),
        Field::picklist("Salutation", &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof."]),
        Field::system("Name", Kind::Text, Source::FullName),
        Field::text("Title", 128),
        Field::new("Phone", Kind::Phone, 40),
        Field::new("MobilePhone", Kind::Phone, 40),
        Field::new("Email", Kind::Email, 80).indexed(),
        Field::new("Description", Kind::LongText, 32_000),
        Field::picklist("LeadSource", &["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"]),
        Field::checkbox("HasOptedOutOfEmail"),
        Field::checkbox("DoNotCall"),
        Field::text("EmailBouncedReason", 255),
        Field::new("EmailBouncedDate", Kind::Time, 0),
        Field::new("LastActivityDate", Kind::Date, 0).read_only(),
        Field::checkbox("Sales_Opt_Out__c"),
    ]
}

fn lead() -> Vec<Field> {
    let converted = |name, relationship, to| Field::reference(name, relationship, to).read_only();
    let mut fields = person();
    fields.extend([
        Field::reference("MasterRecordId", "MasterRecord", &["Lead"]).read_only(),
        Field::text("Company", 255).required(),
        Field::new("Street", Kind::LongText, 255),
        Field::text("City", 40),
        Field::text("State", 80),
        Field::text("PostalCode", 20),
        Field::text("Country", 80),
        Field::new("Website", Kind::Url, 255),
        Field::picklist("Status", &["Open - Not Contacted", "Working - Contacted", "Closed - Converted"])
            .default(Datum::text("Open - Not Contacted")),
        Field::picklist("Industry", &["Banking", "Energy", "Healthcare", "Manufacturing", "Technology"]),
        Field::picklist("Rating", &["Hot", "Warm", "Cold"]),
        Field::new("AnnualRevenue", Kind::Currency, 0),
        Field::new("NumberOfEmployees", Kind::Int, 0),
        Field::reference("OwnerId", "Owner", OWNERS),
        Field::checkbox("IsConverted").read_only(),
        Field::new("ConvertedDate", Kind::Date, 0).read_only(),
        converted("ConvertedAccountId", "ConvertedAccount", &["Account"]),
        converted("ConvertedContactId", "ConvertedContact", &["Contact"]),
        converted("ConvertedOpportunityId", "ConvertedOpportunity", &["Opportunity"]),
    ]);
    fields
}

fn contact() -> Vec<Field> {
    let mut fields = person();
    fields.extend([
        Field::reference("MasterRecordId", "MasterRecord", &["Contact"]).read_only(),
        Field::reference("AccountId", "Account", &["Account"]),
        Field::reference("ReportsToId", "ReportsTo", &["Contact"]),
        Field::text("Department", 80),
        Field::new("MailingStreet", Kind::LongText, 255),
        Field::text("MailingCity", 40),
        Field::text("MailingCountry", 80),
        Field::new("Birthdate", Kind::Date, 0),
        Field::reference("OwnerId", "Owner", USERS),
    ]);
    fields
}

fn account() -> Vec<Field> {
    vec![
        Field::reference("MasterRecordId", "MasterRecord", &["Account"]).read_only(),
        Field::text("Name", 255).required(),
        Field::picklist("Type", &["Prospect", "Customer", "Partner", "Other"]),
        Field::reference("ParentId", "Parent", &["Account"]),
        Field::text("BillingCity", 40),
        Field::text("BillingCountry", 80),
        Field::new("Phone", Kind::Phone, 40),
        Field::new("Website", Kind::Url, 255),
        Field::picklist("Industry", &["Banking", "Energy", "Healthcare", "Manufacturing", "Technology"]),
        Field::new("AnnualRevenue", Kind::Currency, 0),
        Field::new("NumberOfEmployees", Kind::Int, 0),
        Field::new("Description", Kind::LongText, 32_000),
        Field::reference("OwnerId", "Owner", USERS),
        Field::new("LastActivityDate", Kind::Date, 0).read_only(),
    ]
}

fn task() -> Vec<Field> {
    let mut fields = vec![
        Field::reference("WhoId", "Who", &["Contact", "Lead"]),
        Field::reference("WhatId", "What", &["Account", "Opportunity"]),
        Field::new("Subject", Kind::Combobox, 255),
        Field::new("ActivityDate", Kind::Date, 0),
        Field::picklist("Status", &[]),
        Field::picklist("Priority", &[]),
        Field::system("IsHighPriority", Kind::Bool, Source::HighPriority),
        Field::reference("OwnerId", "Owner", OWNERS),
        Field::new("Description", Kind::LongText, 32_000),
        Field::picklist("Type", &[]),
        Field::reference("AccountId", "Account", &["Account"]).read_only(),
        Field::system("IsClosed", Kind::Bool, Source::Closed),
        Field::system("IsArchived", Kind::Bool, Source::Archived),
        Field::new("CompletedDateTime", Kind::Time, 0).read_only(),
        Field::new("CallDurationInSeconds", Kind::Int, 0),
        Field { restricted: true, ..Field::picklist("CallType", &["Internal", "Inbound", "Outbound"]) },
        Field::text("CallDisposition", 255),
        Field::text("CallObject", 255),
        Field { source: Source::ReminderSet, ..Field::checkbox("IsReminderSet") },
        Field::new("ReminderDateTime", Kind::Time, 0),
        Field::checkbox("IsRecurrence").read_only(),
        Field {
            restricted: true,
            ..Field::picklist("TaskSubtype", &["Task", "Email", "ListEmail", "Cadence", "Call"])
        }
        .create_only()
        .default(Datum::text("Task")),
    ];
    fields.extend(activity_fields());
    fields
}

/// The custom Activity fields of sales applications. They are created by hand in an organisation, so each may be absent.
fn activity_fields() -> Vec<Field> {
    let url = |name| Field::new(name, Kind::Url, 255);
    vec![
        Field::external_id("Sales_Activity_Key__c", 255),
        Field::text("mktosales_call_outcome__c", 50),
        Field::text("mktosales_call_reason__c", 50),
        Field::text("MSE_Call_Local_Presence_ID__c", 255),
        url("MSE_Call_Recording__c"),
        Field::text("MSE_Campaign__c", 255),
        url("MSE_Campaign_Details_Link__c"),
        Field::text("MSE_Current_Campaign_Step__c", 255),
        Field::text("MSE_Email_Status__c", 255),
        Field::text("MSE_Template__c", 255),
        url("MSE_Template_Details__c"),
        url("MSE_Details__c"),
        Field::checkbox("MSE_Viewed__c"),
        Field::checkbox("MSE_Clicked__c"),
        Field::checkbox("MSE_Replied__c"),
        Field::checkbox("MSE_Presentation_Viewed__c"),
    ]
}

fn user() -> Vec<Field> {
    vec![
        Field::text("Username", 80).required(),
        Field::text("LastName", 80).required(),
        Field::text("FirstName", 40),
        Field::system("Name", Kind::Text, Source::FullName),
        Field::new("Email", Kind::Email, 128).required().indexed(),
        Field::text("Alias", 8),
        Field::checkbox("IsActive").default(Datum::Bool(true)),
        Field::picklist("UserType", &["Standard"]).default(Datum::text("Standard")),
        Field::picklist("TimeZoneSidKey", &["GMT"]).default(Datum::text("GMT")),
    ]
}

fn group() -> Vec<Field> {
    vec![
        Field::text("Name", 40).required(),
        Field::text("DeveloperName", 80),
        Field::new("Email", Kind::Email, 255),
        Field::picklist("Type", &["Queue", "Regular"]).default(Datum::text("Queue")),
    ]
}

fn task_status() -> Vec<Field> {
    vec![
        Field::text("MasterLabel", 255),
        Field::text("ApiName", 255),
        Field::new("SortOrder", Kind::Int, 0),
        Field::checkbox("IsDefault"),
        Field::checkbox("IsClosed"),
    ]
}

fn task_priority() -> Vec<Field> {
    vec![
        Field::text("MasterLabel", 255),
        Field::text("ApiName", 255),
        Field::new("SortOrder", Kind::Int, 0),
        Field::checkbox("IsDefault"),
        Field::checkbox("IsHighPriority"),
    ]
}

fn opportunity() -> Vec<Field> {
    vec![
        Field::text("Name", 120).required(),
        Field::reference("AccountId", "Account", &["Account"]),
        Field::picklist("StageName", &["Prospecting", "Negotiation", "Closed Won", "Closed Lost"]).required(),
        Field::new("CloseDate", Kind::Date, 0).required(),
        Field::new("Amount", Kind::Currency, 0),
        Field::checkbox("IsClosed").read_only(),
        Field::checkbox("IsWon").read_only(),
        Field::reference("OwnerId", "Owner", USERS),
    ]
}

fn contact_role() -> Vec<Field> {
    vec![
        Field::reference("OpportunityId", "Opportunity", &["Opportunity"]).required().create_only(),
        Field::reference("ContactId", "Contact", &["Contact"]).required(),
        Field::picklist("Role", &["Decision Maker", "Evaluator", "Influencer", "Other"]),
        Field::checkbox("IsPrimary"),
    ]
}

fn organization() -> Vec<Field> {
    vec![
        Field::text("Name", 80),
        Field::checkbox("IsSandbox"),
        Field::picklist("OrganizationType", &["Enterprise Edition"]),
        Field::picklist("TimeZoneSidKey", &["GMT"]),
        Field::text("InstanceName", 5),
        Field::picklist("LanguageLocaleKey", &["en_US"]),
    ]
}
