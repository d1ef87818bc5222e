//! From the tree of a query to a plan: names are looked up as the integration user sees them, values are read by type.
//! Must not know records.

use std::collections::HashSet;

use super::MOST_OFFSET;
use super::parser::{Condition, Literal, Name, Query, Selected};
use super::plan::{Filter, OF_WHOEVER, Path, Plan, Test, pieces};
use crate::clock::{DAY, parse_date, parse_time};
use crate::schema::field::{Field, Kind};
use crate::schema::{Object, Schema};
use crate::world::datum::Datum;
use crate::world::failure::Failure;
use crate::world::id::Id;

/// What may be asked of a reference that leads to several objects.
const OF_ANYBODY: [(&str, Kind); 7] = [
    ("Id", Kind::Id),
    ("Name", Kind::Text),
    ("FirstName", Kind::Text),
    ("LastName", Kind::Text),
    ("Email", Kind::Email),
    ("Title", Kind::Text),
    ("Type", Kind::Text),
];

/// # Errors
/// When the query names what the integration user does not see, or compares what cannot be compared.
pub(crate) fn bind(query: &Query, schema: &Schema, now: i64) -> Result<Plan, Failure> {
    let unknown = || {
        let message = format!(
            "sObject type '{}' is not supported. The list of all objects names those that are.",
            query.object.text
        );
        Failure::new("INVALID_TYPE", message)
    };
    let object = schema.object(&query.object.text).ok_or_else(unknown)?;
    let binder = Binder { schema, object: &schema.objects[object], now };
    let columns = match &query.selected {
        Selected::Count => Vec::new(),
        Selected::Every if query.limit.is_none_or(|limit| limit > 200) => {
            return Err(Failure::new("MALFORMED_QUERY", "FIELDS(ALL) needs a LIMIT of at most 200"));
        }
        Selected::Every => binder.object.visible_fields().map(|(place, field)| own(place, field)).collect(),
        Selected::Fields(names) => {
            names.iter().map(|name| binder.path(name).map(|(path, _)| path)).collect::<Result<_, _>>()?
        }
    };
    if query.offset > MOST_OFFSET {
        let message = format!("Maximum SOQL offset allowed is {MOST_OFFSET}");
        return Err(Failure::new("NUMBER_OUTSIDE_VALID_RANGE", message));
    }
    let order = query.order.iter().map(|part| {
        let (path, field) = binder.path(&part.name)?;
        usable(&field, &part.name, "sorted")?;
        Ok((path, part.descending, part.nulls_last))
    });
    Ok(Plan {
        object,
        count: query.selected == Selected::Count,
        columns,
        filter: query.condition.as_ref().map_or(Ok(Filter::All(Vec::new())), |condition| binder.filter(condition))?,
        order: order.collect::<Result<_, Failure>>()?,
        limit: query.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        offset: usize::try_from(query.offset).unwrap_or(0),
    })
}

fn own(place: usize, field: &Field) -> Path {
    Path { via: None, place, name: field.name.clone() }
}

/// What the filter needs to know of a field.
struct Described {
    kind: Kind,
    case_sensitive: bool,
    usable: bool,
}

fn usable(described: &Described, name: &Name, what: &str) -> Result<(), Failure> {
    if described.usable {
        return Ok(());
    }
    Err(Failure::new("INVALID_FIELD", format!("field '{}' can not be {what} in a query call", name.text)))
}

struct Binder<'a> {
    schema: &'a Schema,
    object: &'a Object,
    now: i64,
}

impl Binder<'_> {
    fn no_column(&self, name: &Name, column: &str, object: &str) -> Failure {
        let at = name.at + 1;
        let message = format!("ERROR at Row:1:Column:{at}\nNo such column '{column}' on entity '{object}'.");
        Failure::new("INVALID_FIELD", message)
    }

    fn path(&self, name: &Name) -> Result<(Path, Described), Failure> {
        let describe = |field: &Field| Described {
            kind: field.kind,
            case_sensitive: field.case_sensitive,
            usable: field.filterable(),
        };
        // The object's own name may stand before its fields.
        let text = match name.text.split_once('.') {
            Some((first, rest)) if first.eq_ignore_ascii_case(self.object.name) => rest,
            _ => name.text.as_str(),
        };
        let Some((relationship, column)) = text.split_once('.') else {
            let place = self.object.visible(text).ok_or_else(|| self.no_column(name, text, self.object.name))?;
            let field = &self.object.fields[place];
            return Ok((own(place, field), describe(field)));
        };
        let reference = self
            .object
            .visible_fields()
            .find(|(_, field)| field.relationship.is_some_and(|known| known.eq_ignore_ascii_case(relationship)));
        let Some((place, Field { relationship: Some(relationship), references, .. })) = reference else {
            let message = format!(
                "Didn't understand relationship '{relationship}' in field path '{}' of '{}'",
                name.text, self.object.name
            );
            return Err(Failure::new("INVALID_FIELD", message));
        };
        let via = Some((place, *relationship));
        if let [single] = references {
            let target = self.schema.object(single).map(|at| &self.schema.objects[at]);
            let field = target.and_then(|target| target.visible(column).map(|place| &target.fields[place]));
            let field = field.ok_or_else(|| self.no_column(name, column, single))?;
            return Ok((Path { via, place: 0, name: field.name.clone() }, describe(field)));
        }
        let known = OF_ANYBODY.iter().find(|(known, _)| known.eq_ignore_ascii_case(column));
        let (column, kind) = known.ok_or_else(|| self.no_column(name, column, "Name"))?;
        let described = Described { kind: *kind, case_sensitive: false, usable: true };
        Ok((Path { via, place: OF_WHOEVER, name: (*column).to_owned() }, described))
    }

    fn filter(&self, condition: &Condition) -> Result<Filter, Failure> {
        let each = |parts: &[Condition]| parts.iter().map(|part| self.filter(part)).collect::<Result<Vec<_>, _>>();
        Ok(match condition {
            Condition::And(parts) => Filter::All(each(parts)?),
            Condition::Or(parts) => Filter::Any(each(parts)?),
            Condition::Not(inner) => Filter::Not(Box::new(self.filter(inner)?)),
            Condition::In(name, list, negated) => {
                let (path, field) = self.path(name)?;
                usable(&field, name, "filtered")?;
                let mut keys = HashSet::with_capacity(list.len());
                let mut null = false;
                for literal in list {
                    match read(&field, name, literal)?.key(field.case_sensitive) {
                        Some(key) => {
                            keys.insert(key);
                        }
                        None => null = true,
                    }
                }
                let filter = Filter::In { path, keys, null, case_sensitive: field.case_sensitive };
                if *negated { Filter::Not(Box::new(filter)) } else { filter }
            }
            Condition::Compare(name, sign, literal) => self.comparison(name, sign, literal)?,
        })
    }

    fn comparison(&self, name: &Name, sign: &str, literal: &Literal) -> Result<Filter, Failure> {
        let (path, field) = self.path(name)?;
        usable(&field, name, "filtered")?;
        let invalid = || {
            let message =
                format!("'{sign}' cannot be used with the field '{}' of type {}", name.text, field.kind.name());
            Failure::new("INVALID_QUERY_FILTER_OPERATOR", message)
        };
        let test = match sign {
            "LIKE" => {
                let Literal::Text(pattern) = literal else { return Err(invalid()) };
                return if field.kind.is_text() {
                    Ok(Filter::Like { path, pattern: pieces(pattern) })
                } else {
                    Err(invalid())
                };
            }
            "=" => Test::Equal,
            "!=" => Test::NotEqual,
            "<" => Test::Less,
            "<=" => Test::LessOrEqual,
            ">" => Test::Greater,
            _ => Test::GreaterOrEqual,
        };
        let ordered = matches!(test, Test::Equal | Test::NotEqual);
        if !ordered && field.kind == Kind::Bool {
            return Err(invalid());
        }
        let case_sensitive = field.case_sensitive;
        if let Literal::Relative(word) = literal {
            return relative(path, &field, test, word, self.now).ok_or_else(|| wrong_type(&field, name));
        }
        Ok(Filter::Compare { path, test, value: read(&field, name, literal)?, case_sensitive })
    }
}

fn wrong_type(field: &Described, name: &Name) -> Failure {
    let quoted = if field.kind.is_text() { "must be enclosed in quotes" } else { "must not be enclosed in quotes" };
    let kind = if field.kind == Kind::Time { "dateTime" } else { field.kind.name() };
    let message = format!("value of filter criterion for field '{}' must be of type {kind} and {quoted}", name.text);
    Failure::new("INVALID_FIELD", message)
}

fn read(field: &Described, name: &Name, literal: &Literal) -> Result<Datum, Failure> {
    let wrong = || wrong_type(field, name);
    if *literal == Literal::Null {
        // A checkbox is never empty; asking for it finds nothing that is set.
        return Ok(if field.kind == Kind::Bool { Datum::Bool(false) } else { Datum::Null });
    }
    match (field.kind, literal) {
        (Kind::Id | Kind::Reference, Literal::Text(text)) if text.is_empty() => Ok(Datum::Null),
        (Kind::Id | Kind::Reference, Literal::Text(text)) => Id::parse(text)
            .map(Datum::Id)
            .ok_or_else(|| Failure::new("INVALID_QUERY_FILTER_OPERATOR", format!("invalid ID field: {text}"))),
        (kind, Literal::Text(text)) if kind.is_text() => {
            Ok(if text.is_empty() { Datum::Null } else { Datum::Text(without_marks(text).into()) })
        }
        (Kind::Bool, Literal::Bool(value)) => Ok(Datum::Bool(*value)),
        (Kind::Int | Kind::Currency, Literal::Bare(text)) => text.parse().map(Datum::Double).map_err(|_| wrong()),
        (Kind::Date, Literal::Bare(text)) => parse_date(text).map(Datum::Date).ok_or_else(wrong),
        (Kind::Time, Literal::Bare(text)) => parse_time(text).map(Datum::Time).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// Outside of `LIKE`, an escaped `%` is a `%`.
fn without_marks(text: &str) -> String {
    text.replace("\\%", "%").replace("\\_", "_")
}

/// A span of days relative to today, as comparisons.
fn relative(path: Path, field: &Described, test: Test, word: &str, now: i64) -> Option<Filter> {
    let today = now.div_euclid(DAY);
    let (name, count) = word.split_once(':').map_or((word, None), |(name, count)| (name, count.parse::<i64>().ok()));
    let (first, end) = match (name, count) {
        ("TODAY", None) => (today, today + 1),
        ("YESTERDAY", None) => (today - 1, today),
        ("TOMORROW", None) => (today + 1, today + 2),
        ("LAST_N_DAYS", Some(count)) => (today - count, today + 1),
        ("NEXT_N_DAYS", Some(count)) => (today + 1, today + count + 1),
        _ => return None,
    };
    let point = |day: i64| match field.kind {
        Kind::Date => Some(Datum::Date(day)),
        Kind::Time => Some(Datum::Time(day * DAY)),
        _ => None,
    };
    let (first, end) = (point(first)?, point(end)?);
    let compare =
        |test, value: &Datum| Filter::Compare { path: path.clone(), test, value: value.clone(), case_sensitive: false };
    let within = || Filter::All(vec![compare(Test::GreaterOrEqual, &first), compare(Test::Less, &end)]);
    Some(match test {
        Test::Equal => within(),
        Test::NotEqual => Filter::Not(Box::new(within())),
        Test::Less => compare(Test::Less, &first),
        Test::LessOrEqual => compare(Test::Less, &end),
        Test::Greater => compare(Test::GreaterOrEqual, &end),
        Test::GreaterOrEqual => compare(Test::GreaterOrEqual, &first),
    })
}
