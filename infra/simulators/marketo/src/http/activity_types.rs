//! The catalogue of activity types, the custom ones at the end.
//! Must not know activities.

use serde_json::{Value, json};

use super::call::{Call, Outcome, result};

/// Id, name, primary attribute, secondary attributes; the names with their data types after a colon.
type Kind = (i64, &'static str, &'static str, &'static str);

const SALES_EMAIL: &str = "Sent By:string,Source:string,Template ID:integer,Sales Template URL:string,\
    Sales Campaign URL:string,Sales Template Name:string,Email Subject:string,Sales Campaign Name:string,\
    Marketo Sales Person ID:integer";

#[rustfmt::skip]
const KINDS: &[Kind] = &[
    (1, "Visit Webpage", "Webpage ID:integer", "Client IP Address:string,Query Parameters:string,Referrer URL:string,User Agent:string,Webpage URL:string"),
    (2, "Fill Out Form", "Webform ID:integer", "Client IP Address:string,Form Fields:text,Query Parameters:string,Webpage ID:integer"),
    (3, "Click Link", "Link ID:integer", "Client IP Address:string,Query Parameters:string,Referrer URL:string"),
    (6, "Send Email", "Mailing ID:integer", "Campaign Run ID:integer,Choice Number:Integer,Has Predictive:boolean,Step ID:Integer"),
    (7, "Email Delivered", "Mailing ID:integer", "Campaign Run ID:Integer,Choice Number:integer,Step ID:integer"),
    (8, "Email Bounced", "Mailing ID:integer", "Category:string,Details:string,Email:string,Subcategory:string"),
    (9, "Unsubscribe Email", "Mailing ID:integer", "Webform ID:integer,Form Fields:text,Client IP Address:string"),
    (10, "Open Email", "Mailing ID:integer", "Device:string,Is Mobile Device:boolean,Platform:string,User Agent:string"),
    (11, "Click Email", "Mailing ID:integer", "Link:string,Link ID:string,Is Mobile Device:boolean"),
    (12, "New Lead", "", "Created Date:date,Form Name:string,Lead Source:string,List Name:string,SFDC Type:string,Source Type:string,API Method Name:string,Modifying User:string,Request Id:string"),
    (13, "Change Data Value", "Attribute Name:string", "New Value:string,Old Value:string,Reason:string,Source:string,API Method Name:string,Modifying User:string,Request Id:string"),
    (21, "Convert Lead", "SFDC Contact ID:string", "Assign To:string,SFDC Account ID:string"),
    (22, "Change Score", "Score Name:string", "Change Value:score,New Value:score,Old Value:score,Reason:string"),
    (23, "Change Owner", "New Owner:string", "New Owner ID:string,Old Owner ID:string"),
    (24, "Add To List", "List ID:integer", "Source:string"),
    (25, "Remove from List", "List ID:integer", "Source:string"),
    (31, "SFDC Merge Leads", "Lead ID:integer", "Merge IDs:string"),
    (32, "Merge Leads", "Lead ID:integer", "Merge IDs:string,Merged in Sales:boolean,Merge Source:string,Master Updated:boolean"),
    (34, "Add to Opportunity", "Oppty ID:integer", "Role:string,Is Primary:boolean,SFDC Opportunity ID:string"),
    (35, "Remove from Opportunity", "Oppty ID:integer", "Role:string,Is Primary:boolean,SFDC Opportunity ID:string"),
    (36, "Update Opportunity", "Oppty ID:integer", "Role:string,Is Primary:boolean,SFDC Opportunity ID:string"),
    (37, "Delete Lead", "Lead ID:integer", "Campaign:string,Remove From CRM:boolean"),
    (39, "Send Sales Email", "Sales Email ID:integer", SALES_EMAIL),
    (40, "Open Sales Email", "Sales Email ID:integer", SALES_EMAIL),
    (41, "Click Sales Email", "Sales Email ID:integer", "Link:string,Sent By:string,Source:string"),
    (45, "Receive Sales Email", "Sales Email ID:integer", "Received By:string,Source:string,Marketo Sales Person ID:integer"),
    (46, "Interesting Moment", "Milestone ID:integer", "Date:datetime,Description:string,Source:string,Type:string"),
    (48, "Sales Email Bounced", "Sales Email ID:integer", "Details:string,Email:string,Sent By:string,Marketo Sales Person ID:integer,Template ID:integer"),
    (100, "Change Lead Partition", "Partition ID:integer", "Old Partition ID:integer,Reason:string"),
    (104, "Change Status in Progression", "Program ID:integer", "New Status:string,Old Status:string,Reason:string"),
    (145, "Push Lead to Marketo", "Program ID:integer", "Source:string,Reason:string"),
];

fn attribute_json(text: &str) -> Value {
    let (name, data_type) = text.split_once(':').unwrap_or((text, "string"));
    json!({ "name": name, "dataType": data_type })
}

pub(crate) fn all(call: &Call) -> Outcome {
    let mut rows: Vec<Value> = KINDS
        .iter()
        .map(|(id, name, primary, attributes)| {
            let mut row = json!({ "id": id, "name": name, "description": format!("{name} activity") });
            if !primary.is_empty() {
                row["primaryAttribute"] = attribute_json(primary);
            }
            row["attributes"] = attributes.split(',').map(attribute_json).collect();
            row
        })
        .collect();
    let custom = call.subscription().with_state(|state, _| {
        let approved = state.custom_types.by_name.values().filter_map(|kind| Some((kind, kind.approved.as_ref()?)));
        let rows = approved.map(|(kind, definition)| {
            let attribute = |attribute: &crate::world::custom::CustomAttribute| {
                json!({ "apiName": attribute.api_name, "name": attribute.name, "dataType": attribute.data_type })
            };
            let mut row = json!({
                "id": kind.id,
                "apiName": kind.api_name,
                "name": definition.name,
                "description": definition.description,
            });
            if let Some(primary) = definition.attributes.iter().find(|attribute| attribute.primary) {
                row["primaryAttribute"] = attribute(primary);
            }
            row["attributes"] = definition.attributes.iter().filter(|other| !other.primary).map(attribute).collect();
            row
        });
        rows.collect::<Vec<Value>>()
    });
    rows.extend(custom);
    result(rows)
}
