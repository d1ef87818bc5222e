//! The rules that the deployment's template must keep, and the proof that each of them sees what it is for.

mod alarms;
mod broken;
mod data;
mod functions;
mod rights;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use system_tests::template::Template;

/// What the code says of itself, to be compared with the template.
struct Code {
    /// Folders of `functions/`.
    functions: BTreeSet<String>,
    /// The environment names that each function asks for.
    names: BTreeMap<String, BTreeSet<String>>,
    /// The metrics that the functions emit.
    metrics: BTreeSet<String>,
}

/// A rule: its name, and what it finds.
type Rule = (&'static str, fn(&Template, &Code) -> Vec<String>);

/// All rules.
const RULES: &[Rule] = &[
    ("function-for-each-folder", functions::one_for_each_folder),
    ("environment-as-read", functions::environment_is_what_is_read),
    ("logs-kept-for-a-time", functions::logs_have_a_retention),
    ("schedules-do-not-pile-up", functions::schedules_do_not_pile_up),
    ("partial-batches", functions::partial_batches_are_reported),
    ("dead-letters", data::queues_have_dead_letters),
    ("visibility", data::visibility_outlasts_the_function),
    ("names-begin-with-the-stack", data::names_begin_with_the_stack),
    ("tables-are-kept-safe", data::tables_are_kept_safe),
    ("no-plain-secret", data::no_secret_is_plain),
    ("role-for-each-function", rights::each_function_has_its_own_role),
    ("wildcards-have-reasons", rights::wildcards_have_reasons),
    ("alarms-of-functions", alarms::functions_have_alarms),
    ("alarms-of-queues", alarms::queues_have_alarms),
    ("alarms-reach-somebody", alarms::alarms_reach_the_topic),
    ("metrics-exist", alarms::metrics_are_emitted),
];

/// Which rules find something, and what.
fn findings(template: &Template, code: &Code) -> BTreeMap<&'static str, Vec<String>> {
    let found = RULES.iter().map(|(name, rule)| (*name, rule(template, code)));
    found.filter(|(_, found)| !found.is_empty()).collect()
}

fn code() -> Code {
    let folders = std::fs::read_dir(super::root().join("functions")).expect("there are functions");
    let functions: BTreeSet<String> =
        folders.map(|folder| folder.expect("readable").file_name().into_string().expect("plain names")).collect();
    let names = |function: &String| runtime::config::names_of(function).expect("each function has a configuration");
    Code {
        names: functions.iter().map(|function| (function.clone(), names(function))).collect(),
        functions,
        metrics: runtime::metrics::NAMES.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn the_template_keeps_the_rules() {
    let template = Template::of_repository().expect("there is a template");
    assert_eq!(findings(&template, &code()), BTreeMap::new());
}
