//! Objects and fields as this organisation has them, and as the integration user sees them.
//! Must not know records.

mod catalogue;
pub(crate) mod describe;
pub(crate) mod field;

use std::collections::HashMap;

use self::catalogue::Blueprint;
use self::field::{Field, Kind};
use crate::config::{Config, CustomField, FieldChange, Picklist};
use crate::world::datum::Datum;

/// One object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) name: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) prefix: &'static str,
    pub(crate) writable: bool,
    pub(crate) fields: Vec<Field>,
    by_name: HashMap<String, usize>,
}

impl Object {
    fn new(blueprint: Blueprint) -> Self {
        let Blueprint { name, plural, prefix, writable, fields } = blueprint;
        let by_name = fields.iter().enumerate().map(|(at, field)| (field.name.to_lowercase(), at)).collect();
        Self { name, plural, prefix, writable, fields, by_name }
    }

    /// Where a field is, whoever may see it. Names are the same in any case.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).or_else(|| self.by_name.get(&name.to_lowercase())).copied()
    }

    /// Where a field is, if the integration user sees it.
    pub(crate) fn visible(&self, name: &str) -> Option<usize> {
        self.place(name).filter(|&at| self.fields[at].visible())
    }

    pub(crate) fn visible_fields(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.fields.iter().enumerate().filter(|(_, field)| field.visible())
    }

    fn add(&mut self, field: Field) {
        self.by_name.insert(field.name.to_lowercase(), self.fields.len());
        self.fields.push(field);
    }
}

/// All objects.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) objects: Vec<Object>,
    /// Rises with every change, so that readers can tell.
    pub(crate) changed_at: i64,
}

impl Schema {
    /// The schema of an organisation.
    ///
    /// # Errors
    /// When the configuration names an object or field that does not exist.
    pub(crate) fn new(config: &Config, now: i64) -> Result<Self, String> {
        let objects = catalogue::all().into_iter().map(Object::new).collect();
        let mut schema = Self { objects, changed_at: now };
        for (name, kind) in &config.custom_fields {
            let (object, field) = schema.split(name)?;
            let field = match kind {
                CustomField::Checkbox => Field::checkbox(field),
                CustomField::Text(length) => Field::text(field, *length),
                CustomField::ExternalId(length) => Field::external_id(field, *length),
            };
            if !field.is_custom() || schema.objects[object].place(&field.name).is_some() {
                return Err(format!("{name} cannot be added: custom fields end in __c and have a name of their own"));
            }
            schema.objects[object].add(field);
        }
        schema.set_picklist("Task.Type", &config.task_types, now)?;
        let default = config.task_statuses.iter().find(|status| status.default && !status.closed);
        let statuses = Picklist {
            values: config.task_statuses.iter().map(|status| status.name.clone()).collect(),
            default: default.map(|status| status.name.clone()),
            restricted: true,
        };
        schema.set_picklist("Task.Status", &statuses, now)?;
        let priorities = Picklist {
            values: config.task_priorities.iter().map(|(name, _)| name.clone()).collect(),
            default: config.task_priorities.iter().find(|(_, high)| !high).map(|(name, _)| name.clone()),
            restricted: true,
        };
        schema.set_picklist("Task.Priority", &priorities, now)?;
        for (name, change) in &config.fields {
            schema.change_field(name, change, now)?;
        }
        Ok(schema)
    }

    pub(crate) fn object(&self, name: &str) -> Option<usize> {
        self.objects.iter().position(|object| object.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn by_prefix(&self, prefix: &str) -> Option<usize> {
        self.objects.iter().position(|object| object.prefix == prefix)
    }

    /// The object and the field's name in `Object.Field`.
    fn split<'a>(&self, name: &'a str) -> Result<(usize, &'a str), String> {
        let parts = name.split_once('.').and_then(|(object, field)| Some((self.object(object)?, field)));
        parts.ok_or_else(|| format!("{name} names no known object; write Object.Field, as in Task.Type"))
    }

    fn field_mut(&mut self, name: &str) -> Result<&mut Field, String> {
        let (object, field) = self.split(name)?;
        let object = &mut self.objects[object];
        let place =
            object.place(field).ok_or_else(|| format!("{name} does not exist; the describe call lists the fields"))?;
        Ok(&mut object.fields[place])
    }

    pub(crate) fn change_field(&mut self, name: &str, change: &FieldChange, now: i64) -> Result<(), String> {
        let field = self.field_mut(name)?;
        if let Some(access) = change.access {
            field.access = access;
        }
        if let Some(length) = change.length {
            if !field.kind.is_text() {
                return Err(format!("{name} holds no text, so it has no length"));
            }
            field.length = length;
        }
        self.changed_at = now;
        Ok(())
    }

    pub(crate) fn set_picklist(&mut self, name: &str, picklist: &Picklist, now: i64) -> Result<(), String> {
        let field = self.field_mut(name)?;
        if field.kind != Kind::Picklist {
            return Err(format!("{name} is no picklist"));
        }
        field.values.clone_from(&picklist.values);
        field.default = picklist.default.as_deref().map(Datum::text);
        field.restricted = picklist.restricted;
        self.changed_at = now;
        Ok(())
    }
}
