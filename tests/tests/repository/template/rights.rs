//! Rules of what functions may do. `tests/system/policies` compares it with what they do.

use std::collections::BTreeMap;

use system_tests::template::{Template, each, policy, reference};

use super::Code;

pub fn each_function_has_its_own_role(template: &Template, _: &Code) -> Vec<String> {
    let mut found = Vec::new();
    let mut holders: BTreeMap<&str, usize> = BTreeMap::new();
    let functions: Vec<_> = template.of_kind("AWS::Serverless::Function").collect();
    for function in &functions {
        match reference(&function.properties()["Role"]) {
            Some(role) => *holders.entry(role).or_default() += 1,
            None => found.push(format!("{} has no role in the template", function.name)),
        }
        if !function.properties()["Policies"].is_null() {
            found.push(format!("{} has policies beside its role", function.name));
        }
        if let Err(why) = policy::permissions(template, *function) {
            found.push(why);
        }
    }
    found.extend(holders.iter().filter(|(_, count)| **count > 1).map(|(role, _)| format!("{role} is shared")));
    for role in template.of_kind("AWS::IAM::Role") {
        if !role.properties()["ManagedPolicyArns"].is_null() {
            found.push(format!("{} has policies that AWS may change", role.name));
        }
    }
    found
}

/// A reason is a comment in the line above. Wildcards stand on one line with their key, so that the lines can be looked at.
pub fn wildcards_have_reasons(template: &Template, _: &Code) -> Vec<String> {
    let lines: Vec<&str> = template.text.lines().collect();
    let mut found = Vec::new();
    let mut on_lines = 0;
    for (number, line) in lines.iter().enumerate() {
        let granted = line.trim_start().trim_start_matches("- ");
        if !(granted.starts_with("Resource:") || granted.starts_with("Action:")) || !granted.contains('*') {
            continue;
        }
        on_lines += granted.matches('*').count();
        if number == 0 || !lines[number - 1].trim_start().starts_with('#') {
            found.push(format!("line {} has no reason above it: {granted}", number + 1));
        }
    }
    let roles = template.resources().filter(|resource| resource.kind == "AWS::IAM::Role");
    let granted = roles.flat_map(policy::statements).flat_map(|statement| {
        let actions = each(&statement["Action"]).into_iter();
        actions.chain(each(&statement["Resource"])).filter_map(|value| value.as_str())
    });
    let in_roles: usize = granted.map(|text| text.matches('*').count()).sum();
    if in_roles != on_lines {
        found.push(format!("{in_roles} wildcards are granted, and {on_lines} stand on a line with their key"));
    }
    found
}
