//! What the template allows a function to do: pairs of an action and the logical name of what it may be done to.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Resource, Template, each, reference};

/// An action, such as `dynamodb:GetItem`, on a resource of the template by its logical name, or on a literal such as `*`.
pub type Permission = (String, String);

/// Everything that a function's role allows.
///
/// # Errors
/// When the function has no role of its own in the template, or a statement that this cannot read.
pub fn permissions(template: &Template, function: Resource<'_>) -> Result<BTreeSet<Permission>, String> {
    let role = template
        .target(&function.properties()["Role"])
        .ok_or_else(|| format!("{} has no role of its own in the template", function.name))?;
    let mut all = BTreeSet::new();
    for statement in statements(role) {
        if statement["Effect"] != "Allow" {
            return Err(format!("{} has a statement that allows nothing", role.name));
        }
        for action in each(&statement["Action"]) {
            for resource in each(&statement["Resource"]) {
                let action = action.as_str().ok_or_else(|| format!("{}: an action is no text", role.name))?;
                let on = reference(resource).or(resource.as_str()).map(str::to_owned).or_else(|| index(resource));
                let on = on.ok_or_else(|| format!("{}: {action} is on something built of parts", role.name))?;
                all.insert((action.to_owned(), on));
            }
        }
    }
    Ok(all)
}

/// An index of a table of the template, `!Sub ${Table.Arn}/index/name`, as `Table/index/name`.
fn index(resource: &Value) -> Option<String> {
    let (table, index) = resource["Fn::Sub"].as_str()?.strip_prefix("${")?.split_once(".Arn}/index/")?;
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (plain(table) && plain(index)).then(|| format!("{table}/index/{index}"))
}

/// The statements of a role's own policies, those under a condition included.
pub fn statements<'a>(role: Resource<'a>) -> impl Iterator<Item = &'a Value> {
    let policies = each(&role.properties()["Policies"]).into_iter();
    policies.flat_map(|policy| each(&policy["PolicyDocument"]["Statement"])).flat_map(
        |statement| match &statement["Fn::If"] {
            Value::Array(parts) => parts.iter().skip(1).filter(|part| part.get("Effect").is_some()).collect(),
            _ => vec![statement],
        },
    )
}
