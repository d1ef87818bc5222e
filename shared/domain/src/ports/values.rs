//! The values of one record, packed into one text: a record has a dozen short values, and an export has millions of records. Must not know
//! what the values mean.

use std::fmt;
use std::ops::Range;

/// Values by place; an empty one is none. Two are equal when their values are.
#[derive(Clone, Default)]
pub struct Values {
    text: String,
    /// Where in the text each value stands.
    ranges: Vec<Range<u32>>,
}

impl Values {
    /// Values that stand in a text, of which not all need be used. A range that is not within it is no value.
    #[must_use]
    pub fn within(text: String, ranges: impl IntoIterator<Item = Option<Range<usize>>>) -> Self {
        let narrow = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let ranges = ranges.into_iter().map(|range| range.map_or(0..0, |range| narrow(range.start)..narrow(range.end)));
        Self { text, ranges: ranges.collect() }
    }

    /// The value of a place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&str> {
        let range = self.ranges.get(place)?;
        self.text.get(range.start as usize..range.end as usize).filter(|value| !value.is_empty())
    }

    /// Bytes of all values together, at most.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// All values, in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.ranges.len()).map(|place| self.get(place))
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Values {}

impl<T: AsRef<str>> FromIterator<Option<T>> for Values {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(all: I) -> Self {
        let mut text = String::new();
        let mut ranges = Vec::new();
        for value in all {
            let start = text.len();
            text.push_str(value.as_ref().map_or("", AsRef::as_ref));
            ranges.push(Some(start..text.len()));
        }
        Self::within(text, ranges)
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
