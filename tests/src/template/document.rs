//! YAML to JSON, CloudFormation's short tags written out: `!Ref x` becomes `{"Ref": "x"}`, `!GetAtt a.b` `{"Fn::GetAtt": ["a", "b"]}`.

use saphyr::{LoadableYamlNode, ScalarOwned, YamlOwned};
use serde_json::{Map, Value, json};

/// Reads one document.
///
/// # Errors
/// When it is not one document of YAML.
pub fn parse(text: &str) -> Result<Value, String> {
    let documents = YamlOwned::load_from_str(text).map_err(|e| format!("this is no YAML: {e}"))?;
    match documents.as_slice() {
        [one] => value(one),
        other => Err(format!("one document was expected, not {}", other.len())),
    }
}

fn value(node: &YamlOwned) -> Result<Value, String> {
    Ok(match node {
        YamlOwned::Value(ScalarOwned::Null) => Value::Null,
        YamlOwned::Value(ScalarOwned::Boolean(yes)) => json!(yes),
        YamlOwned::Value(ScalarOwned::Integer(number)) => json!(number),
        YamlOwned::Value(ScalarOwned::FloatingPoint(number)) => json!(number.into_inner()),
        YamlOwned::Value(ScalarOwned::String(text)) | YamlOwned::Representation(text, ..) => json!(text),
        YamlOwned::Sequence(all) => Value::Array(all.iter().map(value).collect::<Result<_, _>>()?),
        YamlOwned::Mapping(all) => {
            let mut map = Map::new();
            for (key, inner) in all {
                let key = value(key)?.as_str().ok_or("a key is no text")?.to_owned();
                map.insert(key, value(inner)?);
            }
            Value::Object(map)
        }
        YamlOwned::Tagged(tag, inner) => written_out(&tag.suffix, value(inner)?),
        YamlOwned::Alias(_) | YamlOwned::BadValue => return Err("there is a value that means nothing".to_owned()),
    })
}

fn written_out(tag: &str, inner: Value) -> Value {
    match (tag, inner.as_str().and_then(|text| text.split_once('.'))) {
        ("Ref" | "Condition", _) => json!({ tag: inner }),
        ("GetAtt", Some((name, attribute))) => json!({ "Fn::GetAtt": [name, attribute] }),
        _ => json!({ format!("Fn::{tag}"): inner }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_are_written_out() {
        let text = "a: !Ref b\nc: !GetAtt d.Arn\ne: !Sub ${f}-g\nh: !If [i, !Ref j, 1]\nk: [\"1\", 2, true]";
        let wanted = json!({
            "a": { "Ref": "b" },
            "c": { "Fn::GetAtt": ["d", "Arn"] },
            "e": { "Fn::Sub": "${f}-g" },
            "h": { "Fn::If": ["i", { "Ref": "j" }, 1] },
            "k": ["1", 2, true],
        });
        assert_eq!(parse(text), Ok(wanted));
        assert!(parse("a: [").is_err());
    }
}
