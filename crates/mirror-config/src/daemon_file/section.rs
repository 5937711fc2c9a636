//! Typed reading of one table: a wrong value becomes a finding and reads as absent, so that everything wrong is found in
//! one go.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::keys::{Default, ROOT, SECTIONS, SectionKeys};
use super::reading::{Reading, Written};
use crate::error::{ConfigError, Place};
use crate::{suggest, units};

/// One table of the file.
#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    reading: &'a Reading<'a>,
    keys: &'static SectionKeys,
    table: &'a DeTable<'a>,
    /// Where it begins, in bytes.
    at: usize,
}

// === impl Section ===

impl<'a> Section<'a> {
    /// Looks at the names in the table: reports those that are unknown and those that are refused.
    pub(super) fn open(
        reading: &'a Reading<'a>,
        keys: &'static SectionKeys,
        table: &'a DeTable<'a>,
        at: usize,
    ) -> Self {
        let section = Self {
            reading,
            keys,
            table,
            at,
        };
        let mut names: Vec<_> = table.keys().collect();
        names.sort_by_key(|name| name.span().start);
        for name in names {
            section.review(name.get_ref(), name.span());
        }
        section
    }

    fn review(&self, name: &str, span: Range<usize>) {
        let reading = self.reading;
        match self.keys.key(name).map(|key| key.default) {
            Some(Default::Refused { reason, advice }) => reading.error(ConfigError::Refused {
                reason: reason.to_owned(),
                place: reading.place(span.start, Some(name.to_owned())),
                advice: advice.to_owned(),
            }),
            Some(_) => {}
            None => reading.error(ConfigError::UnknownKey {
                key: name.to_owned(),
                section: self.keys.title,
                place: reading.place(span.start, None),
                advice: advice_for_unknown(self.keys, name),
            }),
        }
    }

    /// The place of the section as a whole.
    pub(super) fn place(&self) -> Place {
        if *self.keys == ROOT {
            return Place::File {
                file: self.reading.file.to_owned(),
            };
        }
        self.reading.place(self.at, Some(self.keys.title.to_owned()))
    }

    pub(super) fn reading(&self) -> &'a Reading<'a> {
        self.reading
    }

    /// What is written behind a key, if the key is there.
    pub(super) fn value(&self, key: &'static str) -> Option<Written<&'a DeValue<'a>>> {
        #[cfg(test)]
        self.reading.asked.borrow_mut().insert((self.keys.title, key));
        debug_assert!(
            self.keys.key(key).is_some(),
            "invariant: {key} stands in the table"
        );
        let value: &'a Spanned<DeValue<'a>> = self.table.get(key)?;
        Some(Written {
            value: value.get_ref(),
            place: self.place_of(key, value),
        })
    }

    /// The place of a value, or of the key in front of it where the value is a table of its own lines.
    fn place_of(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Place {
        let at = self.table.keys().find(|name| name.get_ref() == key);
        let at = at.map_or(self.at, |name| name.span().start);
        let setting = if value.get_ref().is_table() {
            key.to_owned()
        } else {
            format!("{key} = {}", self.reading.written(value.span()))
        };
        self.reading.place(at, Some(setting))
    }

    /// Reports that a key which the job cannot do without is not there.
    pub(super) fn missing(&self, key: &'static str) {
        self.reading.error(ConfigError::MissingKey {
            key,
            place: self.place(),
            advice: format!("add {key}, {}", self.form(key)),
        });
    }

    /// Reports a value that the key cannot have; always `None`.
    pub(super) fn wrong<T>(&self, key: &'static str, place: &Place) -> Option<T> {
        let problem = format!("{key} cannot have this value");
        self.reading
            .invalid(problem, place, format_args!("write {}", self.form(key)));
        None
    }

    fn form(&self, key: &'static str) -> &'static str {
        self.keys.key(key).map_or("", |key| key.form)
    }

    pub(super) fn text(&self, key: &'static str) -> Option<Written<&'a str>> {
        let Written { value, place } = self.value(key)?;
        let text: Option<&'a str> = value.as_str().filter(|text| !text.trim().is_empty());
        text.map(|value| Written {
            value,
            place: place.clone(),
        })
        .or_else(|| self.wrong(key, &place))
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let Written { value, place } = self.value(key)?;
        value.as_bool().or_else(|| self.wrong(key, &place))
    }

    pub(super) fn integer(&self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let Written { value, place } = self.value(key)?;
        let number = value.as_integer().and_then(whole_number);
        number
            .filter(|number| range.contains(number))
            .or_else(|| self.wrong(key, &place))
    }

    /// A number of bytes, with or without a unit, at least `min`.
    pub(super) fn size(&self, key: &'static str, min: u64) -> Option<u64> {
        let Written { value, place } = self.value(key)?;
        let number = || value.as_integer().and_then(whole_number);
        let size = match value.as_str() {
            Some(text) => units::size(text),
            None => number().and_then(|number| u64::try_from(number).ok()),
        };
        let Some(size) = size else {
            return self.wrong(key, &place);
        };
        self.at_least(key, size, min, &min.to_string(), &place)
    }

    /// A duration with its unit, at least `min`.
    pub(super) fn duration(&self, key: &'static str, min: Duration) -> Option<Duration> {
        let Written { value, place } = self.value(key)?;
        let Some(duration) = value.as_str().and_then(units::duration) else {
            return self.wrong(key, &place);
        };
        self.at_least(key, duration, min, &format!("{} ms", min.as_millis()), &place)
    }

    fn at_least<T: Ord + Copy>(&self, key: &str, value: T, min: T, shown: &str, place: &Place) -> Option<T> {
        if value < min {
            let problem = format!("{key} is too small");
            self.reading
                .invalid(problem, place, format_args!("write at least {shown}"));
            return None;
        }
        Some(value)
    }

    /// One of a few words, written exactly so.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let Written { value, place } = self.value(key)?;
        let meant = words.iter().find(|(word, _)| value.as_str() == Some(word));
        meant
            .map(|&(_, meaning)| meaning)
            .or_else(|| self.wrong(key, &place))
    }

    /// A list of texts, each with its own place.
    pub(super) fn texts(&self, key: &'static str) -> Option<Written<Vec<Written<&'a str>>>> {
        let Written { value, place } = self.value(key)?;
        let Some(items) = value.as_array() else {
            return self.wrong(key, &place);
        };
        let mut texts = Vec::new();
        for item in items {
            let item_place = self.reading.place(
                item.span().start,
                Some(format!("{key}: {}", self.reading.written(item.span()))),
            );
            match item.get_ref().as_str() {
                Some(text) => texts.push(Written {
                    value: text,
                    place: item_place,
                }),
                None => return self.wrong(key, &item_place),
            }
        }
        Some(Written { value: texts, place })
    }

    /// The texts of a table whose names are of the user's choice, in the order written, each with its own place.
    pub(super) fn text_entries(&self, key: &'static str) -> Vec<(&'a str, Written<&'a str>)> {
        let Some(Written { value, place }) = self.value(key) else {
            return Vec::new();
        };
        let Some(table) = value.as_table() else {
            return self.wrong(key, &place).unwrap_or_default();
        };
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let read = |(name, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let text: &'a str = AsRef::<std::borrow::Cow<'a, str>>::as_ref(name);
            let setting = format!("{text} = {}", self.reading.written(value.span()));
            let place = self.reading.place(name.span().start, Some(setting));
            match value.get_ref().as_str() {
                Some(value) => Some((text, Written { value, place })),
                None => self.wrong(key, &place),
            }
        };
        entries.into_iter().filter_map(read).collect()
    }

    /// The table behind a key.
    pub(super) fn section(&self, key: &'static str, keys: &'static SectionKeys) -> Option<Self> {
        let Written { value, place } = self.value(key)?;
        let Some(table) = value.as_table() else {
            return self.wrong(key, &place);
        };
        Some(Self::open(self.reading, keys, table, self.start_of(key)))
    }

    /// The tables behind a key, each with a name of the user's choice, in the order written.
    pub(super) fn named_sections(
        &self,
        key: &'static str,
        keys: &'static SectionKeys,
    ) -> Vec<(&'a str, Self)> {
        let Some(Written { value, place }) = self.value(key) else {
            return Vec::new();
        };
        let Some(table) = value.as_table() else {
            return self.wrong(key, &place).unwrap_or_default();
        };
        let mut named: Vec<_> = table.iter().collect();
        named.sort_by_key(|(name, _)| name.span().start);
        let open = |(name, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let name: &'a str = AsRef::<std::borrow::Cow<'a, str>>::as_ref(name);
            let place = || self.reading.place(value.span().start, Some(name.to_owned()));
            let table = value.get_ref().as_table();
            let section = table.map(|table| Self::open(self.reading, keys, table, value.span().start));
            let section = section.or_else(|| self.wrong(key, &place()));
            section.map(|section| (name, section))
        };
        named.into_iter().filter_map(open).collect()
    }

    /// The tables of a list, in the order written.
    pub(super) fn listed_sections(&self, key: &'static str, keys: &'static SectionKeys) -> Vec<Self> {
        let Some(Written { value, place }) = self.value(key) else {
            return Vec::new();
        };
        let Some(items) = value.as_array() else {
            return self.wrong(key, &place).unwrap_or_default();
        };
        let open = |item: &'a Spanned<DeValue<'a>>| {
            let table = item.get_ref().as_table();
            let section = table.map(|table| Self::open(self.reading, keys, table, item.span().start));
            section.or_else(|| self.wrong(key, &place))
        };
        items.iter().filter_map(open).collect()
    }

    fn start_of(&self, key: &str) -> usize {
        let name = self.table.keys().find(|name| name.get_ref() == key);
        name.map_or(self.at, |name| name.span().start)
    }
}

fn whole_number(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The name that was nearly written, or the section that knows this one, or all names there are.
fn advice_for_unknown(keys: &SectionKeys, name: &str) -> String {
    let names = || keys.keys.iter().map(|key| key.name);
    if let Some(meant) = suggest::closest(name, names()) {
        return format!("did you mean {meant}?");
    }
    let elsewhere = SECTIONS.iter().find(|section| section.key(name).is_some());
    if let Some(section) = elsewhere {
        return format!("{name} belongs into {}", section.title);
    }
    let names: Vec<_> = names().collect();
    format!("it knows {}", names.join(", "))
}
