//! The deployment's template, read as CloudFormation reads it, for tests that compare it with the code. Must not know any rule.

mod document;
pub mod policy;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

pub use document::parse;

/// A template with its text, because comments count for some rules.
#[derive(Debug, Clone)]
pub struct Template {
    /// The text.
    pub text: String,
    document: Value,
}

/// A resource: its logical name, type and properties.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    /// Logical name.
    pub name: &'a str,
    /// CloudFormation type.
    pub kind: &'a str,
    /// Everything of it.
    pub whole: &'a Value,
}

impl<'a> Resource<'a> {
    /// Its properties; `Null` where it has none.
    #[must_use]
    pub fn properties(&self) -> &'a Value {
        &self.whole["Properties"]
    }
}

impl Template {
    /// The template of this repository.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_repository() -> Result<Self, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
        let text = fs::read_to_string(&path).map_err(|e| format!("template.yaml cannot be read: {e}"))?;
        Self::of_text(text)
    }

    /// A template of this text.
    ///
    /// # Errors
    /// When it is not YAML.
    pub fn of_text(text: String) -> Result<Self, String> {
        Ok(Self { document: parse(&text)?, text })
    }

    /// What is common to all functions.
    #[must_use]
    pub fn globals(&self) -> &Value {
        &self.document["Globals"]["Function"]
    }

    /// All resources, in the order of the text.
    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        let all = self.document["Resources"].as_object().into_iter().flatten();
        all.map(|(name, whole)| Resource { name, kind: whole["Type"].as_str().unwrap_or_default(), whole })
    }

    /// The resources of a type.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Resource<'a>> {
        self.resources().filter(move |resource| resource.kind == kind)
    }

    /// The resource that an intrinsic function such as `!Ref` or `!GetAtt` points to.
    #[must_use]
    pub fn target(&self, value: &Value) -> Option<Resource<'_>> {
        let name = reference(value)?;
        self.resources().find(|resource| resource.name == name)
    }

    /// The functions by the folder of their code, without `functions/`.
    #[must_use]
    pub fn functions(&self) -> BTreeMap<&str, Resource<'_>> {
        let folder = |function: &Resource<'_>| {
            let code: &str = self.document["Resources"][function.name]["Properties"]["CodeUri"].as_str()?;
            code.strip_prefix("functions/")
        };
        self.of_kind("AWS::Serverless::Function").filter_map(|f| Some((folder(&f)?, f))).collect()
    }

    /// The environment of a function, what is common to all included.
    #[must_use]
    pub fn environment(&self, function: Resource<'_>) -> BTreeMap<String, Value> {
        let of = |whole: &Value| whole["Environment"]["Variables"].as_object().cloned().unwrap_or_default();
        of(self.globals()).into_iter().chain(of(function.properties())).collect()
    }
}

/// The logical name that `!Ref` or `!GetAtt` names.
#[must_use]
pub fn reference(value: &Value) -> Option<&str> {
    let name = value["Ref"].as_str().or_else(|| value["Fn::GetAtt"][0].as_str())?;
    Some(name)
}

/// One value or a list of them, as many properties take either.
#[must_use]
pub fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    }
}
