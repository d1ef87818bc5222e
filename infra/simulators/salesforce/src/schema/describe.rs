//! Describe answers: what the integration user is told of objects and fields.
//! Must not know records.

use serde_json::{Value, json};

use super::field::{Field, Kind, Source};
use super::{Object, Schema};

/// The short form that the list of all objects has.
pub(crate) fn brief(object: &Object, version: &str) -> Value {
    let url = format!("/services/data/{version}/sobjects/{}", object.name);
    json!({
        "activateable": false,
        "associateEntityType": null,
        "associateParentEntity": null,
        "createable": object.writable,
        "custom": false,
        "customSetting": false,
        "deepCloneable": false,
        "deletable": object.writable,
        "deprecatedAndHidden": false,
        "feedEnabled": false,
        "hasSubtypes": false,
        "isInterface": false,
        "isSubtype": false,
        "keyPrefix": object.prefix,
        "label": object.name,
        "labelPlural": object.plural,
        "layoutable": object.writable,
        "mergeable": matches!(object.name, "Lead" | "Contact" | "Account"),
        "mruEnabled": object.writable,
        "name": object.name,
        "queryable": true,
        "replicateable": true,
        "retrieveable": true,
        "searchable": object.writable,
        "triggerable": object.writable,
        "undeletable": object.writable,
        "updateable": object.writable,
        "urls": { "sobject": url, "describe": format!("{url}/describe"), "rowTemplate": format!("{url}/{{ID}}") },
    })
}

/// The whole of one object.
pub(crate) fn whole(schema: &Schema, object: &Object, version: &str) -> Value {
    let mut described = brief(object, version);
    let fields: Vec<Value> = object.visible_fields().map(|(_, field)| of_field(object, field)).collect();
    described["fields"] = fields.into();
    described["childRelationships"] = children(schema, object).into();
    described["recordTypeInfos"] = json!([]);
    described["supportedScopes"] = json!([{ "label": format!("All {}", object.plural), "name": "everything" }]);
    described
}

fn children(schema: &Schema, parent: &Object) -> Vec<Value> {
    let mut found = Vec::new();
    for child in &schema.objects {
        for (_, field) in child.visible_fields().filter(|(_, field)| field.references.contains(&parent.name)) {
            found.push(json!({
                "cascadeDelete": false,
                "childSObject": child.name,
                "deprecatedAndHidden": false,
                "field": field.name,
                "relationshipName": null,
                "restrictedDelete": false,
            }));
        }
    }
    found
}

fn of_field(object: &Object, field: &Field) -> Value {
    let (digits, precision, scale) = match field.kind {
        Kind::Int => (8, 0, 0),
        Kind::Currency => (0, 18, 2),
        _ => (0, 0, 0),
    };
    let text = field.kind.is_text() || matches!(field.kind, Kind::Id | Kind::Reference);
    let length = if text { field.length } else { 0 };
    let is_name = field.name == "Name" && object.name != "Task";
    let mut described = json!({
        "aggregatable": field.filterable(),
        "aiPredictionField": false,
        "autoNumber": false,
        "byteLength": length * 3,
        "calculated": false,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": null,
        "controllerName": null,
        "createable": object.writable && field.can_create(),
        "custom": field.is_custom(),
        "defaultValue": if field.kind == Kind::Bool { json!(false) } else { Value::Null },
        "defaultedOnCreate": field.default.is_some() || field.name == "OwnerId" || !field.createable,
        "deprecatedAndHidden": false,
        "digits": digits,
        "displayLocationInDecimal": false,
        "encrypted": false,
        "externalId": field.external,
        "filterable": field.filterable(),
        "groupable": field.filterable() && field.kind != Kind::Time,
    });
    let rest = json!({
        "htmlFormatted": false,
        "idLookup": field.kind == Kind::Id || field.external || field.kind == Kind::Email,
        "inlineHelpText": null,
        "label": label(&field.name),
        "length": length,
        "name": field.name,
        "nameField": is_name,
        "namePointing": field.references.len() > 1,
        "nillable": !(field.required || field.kind == Kind::Bool || field.default.is_some() || is_always_there(field)),
        "permissionable": field.is_custom(),
        "picklistValues": values(field),
        "polymorphicForeignKey": field.references.len() > 1,
        "precision": precision,
        "queryByDistance": false,
        "referenceTargetField": null,
        "referenceTo": field.references,
        "relationshipName": field.relationship,
        "relationshipOrder": null,
        "restrictedDelete": false,
        "restrictedPicklist": field.restricted,
        "scale": scale,
        "soapType": field.kind.soap(),
        "sortable": field.filterable(),
        "type": field.kind.name(),
        "unique": field.unique,
        "updateable": object.writable && field.can_update(),
        "writeRequiresMasterRead": false,
    });
    // One list of all of them is more than the macro takes.
    if let (Value::Object(described), Value::Object(rest)) = (&mut described, rest) {
        described.extend(rest);
    }
    described
}

/// Whether every record has it from the start.
fn is_always_there(field: &Field) -> bool {
    !matches!(field.source, Source::Stored | Source::FullName) || field.name == "OwnerId"
}

fn values(field: &Field) -> Vec<Value> {
    let default = field.default.as_ref().and_then(|value| value.as_text());
    let entry = |value: &String| json!({ "active": true, "defaultValue": default == Some(value), "label": value, "validFor": null, "value": value });
    field.values.iter().map(entry).collect()
}

/// `ActivityDate` becomes `Activity Date`; custom fields lose their suffix.
fn label(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let bare = name.strip_suffix("__c").unwrap_or(name);
    let mut before = 'A';
    for letter in bare.chars() {
        if letter == '_' {
            out.push(' ');
        } else {
            if letter.is_uppercase() && before.is_lowercase() {
                out.push(' ');
            }
            out.push(letter);
        }
        before = letter;
    }
    out
}
