//! The values of one record, packed into one text: a record has a dozen short values, and an export has millions of records. Must not know
//! what the values mean.

use std::fmt;

/// Values by place; an empty one is none.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Values {
    text: String,
    /// Where each value ends in the text; it begins where the one before ends.
    ends: Vec<u32>,
}

impl Values {
    /// None yet, with room for so many, and for so many bytes of them all.
    #[must_use]
    pub fn with_capacity(values: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(values) }
    }

    /// Adds the value of the next place.
    pub fn push(&mut self, value: Option<&str>) {
        self.text.push_str(value.unwrap_or_default());
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// The value of a place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start as usize..end as usize).filter(|value| !value.is_empty())
    }

    /// Bytes of all values together.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// All values, in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.ends.len()).map(|place| self.get(place))
    }
}

impl<T: AsRef<str>> FromIterator<Option<T>> for Values {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(all: I) -> Self {
        let mut values = Self::default();
        for value in all {
            values.push(value.as_ref().map(AsRef::as_ref));
        }
        values
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_by_place() {
        let values: Values = [Some("a"), None, Some(""), Some("é"), Some("last")].into_iter().collect();
        let wanted = [Some("a"), None, None, Some("é"), Some("last")];
        assert!(values.iter().eq(wanted));
        assert_eq!((values.get(4), values.get(5)), (Some("last"), None));
        assert_eq!(format!("{:?}", values), format!("{wanted:?}"));
    }
}
