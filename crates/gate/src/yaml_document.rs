//! A YAML file of Spacelift's: its values, the line of each key, and its problems.
//!
//! Anchors, aliases and merge keys (`<<`) count, as Spacelift documents for its runtime configuration.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::Range;

use camino::Utf8Path;
use serde_yaml::{Mapping, Value};

use crate::yaml_nesting;
use airtight_hcl::{Place, Problem};

/// Larger files are none: Spacelift mounts no file above 2 MB.
pub const LIMIT_BYTES: u64 = 2 * 1024 * 1024;

/// A parsed text, and the problems that its readers meet.
pub struct Document<'a> {
    path: &'a Utf8Path,
    text: &'a str,
    /// The beginning of every problem: `The runtime configuration is not valid`.
    summary: &'static str,
    problems: RefCell<Vec<Problem>>,
    /// Where each key is that has a line of its own.
    keys: OnceCell<HashMap<String, Range<usize>>>,
}

/// A file with more is not reported to the end.
const MAXIMUM_PROBLEMS: usize = 50;

/// Later items of a list are reported at its key: each is looked for from the beginning of the list.
const MAXIMUM_ITEMS: usize = 200;

/// Keys below more levels are reported at their nearest parent.
const MAXIMUM_KEY_DEPTH: usize = 8;

impl<'a> Document<'a> {
    pub fn new(path: &'a Utf8Path, text: &'a str, summary: &'static str) -> Self {
        Self { path, text, summary, problems: RefCell::default(), keys: OnceCell::new() }
    }

    /// The top level. An empty file is an empty mapping.
    ///
    /// # Errors
    /// The text is no YAML, has a key twice, or is no mapping.
    pub fn mapping(&self) -> Result<Mapping, Problem> {
        let invalid = |error: &serde_yaml::Error| {
            let place = error.location().map_or_else(
                || Place::file(self.path),
                |location| Place::in_text(self.path, self.text, location.index()..location.index()),
            );
            let line = error.location().map_or(0, |location| location.line());
            // The place of the error may be behind the line that it comes from.
            let mut lines = self.text.lines().take(line).collect::<Vec<_>>().into_iter().rev().take(2);
            let cause = lines.find_map(|line| misread(value_of(line)));
            let fix = cause
                .map(|cause| format!(" To YAML, {cause}: put the whole item in single quotes."))
                .unwrap_or_default();
            self.problem_at(place, format!("It is not valid YAML: {error}.{fix}"))
        };
        if let Some(offset) = yaml_nesting::too_deep(self.text) {
            let detail = format!("More than {} brackets are nested in one another.", yaml_nesting::MAXIMUM_DEPTH);
            return Err(self.problem_at(Place::in_text(self.path, self.text, offset..offset), detail));
        }
        let mut value: Value = serde_yaml::from_str(self.text).map_err(|error| invalid(&error))?;
        value.apply_merge().map_err(|error| invalid(&error))?;
        match value {
            Value::Mapping(mapping) => Ok(mapping),
            Value::Null => Ok(Mapping::new()),
            _ => Err(self.problem_at(Place::file(self.path), "Its top level must be keys with values.".to_owned())),
        }
    }

    /// Takes a key's problem down; reading goes on.
    pub fn report(&self, key: &[&str], detail: impl AsRef<str>) {
        self.report_at(key, self.place(key), detail.as_ref());
    }

    fn report_at(&self, key: &[&str], place: Place, detail: &str) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MAXIMUM_PROBLEMS {
            problems.push(self.problem_at(place, format!("`{}`: {detail}", key.join("."))));
        }
    }

    pub fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    /// Reports every key that is not among those known. Keys that begin with `x-` or `.` hold anchors.
    pub fn known_keys(&self, parents: &[&str], mapping: &Mapping, known: &[&str]) {
        for key in mapping.keys() {
            let name = key_text(key);
            if known.contains(&name.as_str()) || name.starts_with("x-") || name.starts_with('.') {
                continue;
            }
            let nearest = nearest(&name, known).map(|candidate| format!(" Did you mean `{candidate}`?"));
            self.report(
                &[parents, &[&name]].concat(),
                format!("it is no key here (known: {}).{}", known.join(", "), nearest.unwrap_or_default()),
            );
        }
    }

    /// The mapping behind a key; empty if there is none, or something else, which is reported.
    pub fn mapping_of(&self, key: &[&str], value: Option<&Value>) -> Mapping {
        match value {
            None | Some(Value::Null) => Mapping::new(),
            Some(Value::Mapping(mapping)) => mapping.clone(),
            Some(_) => {
                self.report(key, "expected keys with values.");
                Mapping::new()
            }
        }
    }

    /// A list of mappings.
    pub fn mappings_of(&self, key: &[&str], value: Option<&Value>) -> Vec<Mapping> {
        match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Sequence(items)) => items.iter().map(|item| self.mapping_of(key, Some(item))).collect(),
            Some(_) => {
                self.report(key, "expected a list.");
                Vec::new()
            }
        }
    }

    /// A text. Numbers and truth values are used as they are written in the file; everything else is reported.
    pub fn text_of(&self, key: &[&str], value: Option<&Value>) -> Option<String> {
        match value? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(number) => Some(self.as_written(key, &number.to_string())),
            _ => {
                self.report(key, "expected a text.");
                None
            }
        }
    }

    /// A truth value; `false` where there is none.
    pub fn truth_of(&self, key: &[&str], value: Option<&Value>) -> bool {
        match value {
            None | Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(_) => {
                self.report(key, "expected true or false.");
                false
            }
        }
    }

    /// A list of texts; `None` where the key is absent or has no value, so that it overrides nothing.
    pub fn texts_of(&self, key: &[&str], value: Option<&Value>) -> Option<Vec<String>> {
        match value? {
            Value::Null => None,
            Value::Sequence(items) => {
                let texts = items.iter().enumerate().filter_map(|(index, item)| match item {
                    Value::Mapping(_) | Value::Sequence(_) | Value::Tagged(_) => {
                        let (place, written) = self.item(key, index);
                        self.report_at(key, place, &not_text(written.unwrap_or_default()));
                        None
                    }
                    item => {
                        let text = self.text_of(key, Some(item))?;
                        if is_open(&text)
                            && let (place, Some(written)) = self.item(key, index)
                            && let Some((_, rest)) = cut(written, &text)
                        {
                            let detail = format!(
                                "the item ends in the middle: to YAML, ` #` begins a comment, so `#{rest}` is dropped. Put the \
                                 whole item in single quotes."
                            );
                            self.report_at(key, place, &detail);
                        }
                        Some(text)
                    }
                });
                Some(texts.collect())
            }
            _ => {
                self.report(key, "expected a list of texts.");
                None
            }
        }
    }

    /// The line of a key, or of the nearest parent whose line is known.
    pub fn place(&self, key: &[&str]) -> Place {
        match self.range_of(key) {
            Some(range) => Place::in_text(self.path, self.text, range),
            None => Place::file(self.path),
        }
    }

    pub(crate) fn problem_at(&self, place: Place, detail: String) -> Problem {
        Problem::new(airtight_hcl::ProblemKind::Syntax, self.summary, detail, place)
    }

    /// The bytes of a key in block style, or of its nearest parent's that has a line of its own.
    fn range_of(&self, key: &[&str]) -> Option<Range<usize>> {
        let keys = self.keys.get_or_init(|| keys_of(self.text));
        (1..=key.len()).rev().find_map(|length| keys.get(&key[..length].join("\0"))).cloned()
    }

    /// Where an item of a list is, with its text, if each has a line of its own; else its key.
    fn item(&self, key: &[&str], index: usize) -> (Place, Option<&'a str>) {
        let range = self.range_of(key).filter(|_| index < MAXIMUM_ITEMS).and_then(|range| {
            let mut offset = range.start + self.text[range.start..].find('\n')? + 1;
            let mut dash = None;
            let mut items = 0;
            for line in self.text[offset..].split_inclusive('\n') {
                let content = line.trim_start();
                let indent = line.len() - content.len();
                if content.starts_with("- ") && indent == *dash.get_or_insert(indent) {
                    if items == index {
                        return Some(offset + indent + 2..offset + line.trim_end().len());
                    }
                    items += 1;
                }
                offset += line.len();
            }
            None
        });
        match range {
            Some(range) => (Place::in_text(self.path, self.text, range.clone()), self.text.get(range)),
            None => (self.place(key), None),
        }
    }

    /// A number as the file has it: `1.10` is not `1.1`.
    fn as_written(&self, key: &[&str], number: &str) -> String {
        let written = self.range_of(key).and_then(|range| {
            let value = self.text[range.end..].lines().next()?.split_once(':')?.1;
            let value = value.split(" #").next()?.trim();
            value.parse::<f64>().is_ok_and(|written| number.parse() == Ok(written)).then(|| value.to_owned())
        });
        written.unwrap_or_else(|| number.to_owned())
    }
}

/// Each key that has a line of its own, below its parents; the first of several equal ones.
fn keys_of(text: &str) -> HashMap<String, Range<usize>> {
    let mut keys = HashMap::new();
    // Columns and lengths of the joined name up to each parent.
    let mut parents: Vec<(usize, usize)> = Vec::new();
    let mut joined = String::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let content = line.trim_start_matches([' ', '-']);
        let column = line.len() - content.len();
        let unquoted = content.trim_start_matches(['"', '\'']);
        let Some((name, _)) = unquoted.split_once(':') else { continue };
        let name = name.trim_end().trim_end_matches(['"', '\'']);
        if content.starts_with('#') || name.is_empty() {
            continue;
        }
        while parents.last().is_some_and(|(parent, _)| *parent >= column) {
            parents.pop();
        }
        if parents.len() >= MAXIMUM_KEY_DEPTH {
            continue;
        }
        joined.truncate(parents.last().map_or(0, |(_, length)| *length));
        if !parents.is_empty() {
            joined.push('\0');
        }
        joined.push_str(name);
        parents.push((column, joined.len()));
        let at = start + column + (content.len() - unquoted.len());
        keys.entry(joined.clone()).or_insert(at..at + name.len());
    }
    keys
}

/// Why an item that was meant as a text is none.
fn not_text(written: &str) -> String {
    misread(written).map_or_else(
        || "expected a text, not keys with values.".to_owned(),
        |cause| format!("expected a text. To YAML, {cause}: put the whole item in single quotes."),
    )
}

/// What a line gives to a list or a key.
fn value_of(line: &str) -> &str {
    let line = line.trim();
    let item = line.strip_prefix("- ").map(str::trim_start);
    item.or_else(|| line.split_once(": ").map(|(_, value)| value.trim_start())).unwrap_or_default()
}

/// What YAML makes of a value that is not in quotes, in the place of a text; null if nothing is known of it.
pub fn misread(value: &str) -> Option<&'static str> {
    let first = value.chars().next()?;
    Some(match first {
        '{' => "a value that begins with `{` is a mapping",
        '[' => "a value that begins with `[` is a list",
        '*' => "a value that begins with `*` refers to an anchor",
        '&' => "a value that begins with `&` is an anchor",
        '!' => "a value that begins with `!` is a tag",
        '%' | '@' | '`' => "no value begins with `%`, `@` or a backtick",
        '"' | '\'' if value.len() > 1 && !value.ends_with(first) => {
            "a value that begins with a quotation mark ends with the next one"
        }
        '"' | '\'' | '|' | '>' | '#' => return None,
        _ if value.contains(": ") || value.ends_with(':') => "the `: ` in it makes a key and a value of it",
        _ => return None,
    })
}

/// What is kept of a written value, and what is dropped, if YAML ends it at ` #` in the middle of what somebody meant: in
/// quotes, or in a template.
pub fn cut<'a>(written: &'a str, read: &str) -> Option<(&'a str, &'a str)> {
    let (kept, rest) = written.split_once(" #")?;
    (is_open(kept) && !written.starts_with(['"', '\'', '|', '>']) && kept.trim() == read.trim()).then_some((kept, rest))
}

/// Whether a quotation or a template in it does not end.
fn is_open(text: &str) -> bool {
    ['"', '\''].iter().any(|quote| text.matches(*quote).count() % 2 == 1)
        || text.matches("{{").count() > text.matches("}}").count()
}

/// The most similar known word, if it is similar enough.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// A key as text; a number or a truth value as YAML writes it.
pub fn key_text(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap_or_default().trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_line_of_a_nested_key() {
        let text = "version: 2\nstacks:\n  a:\n    environment:\n      b: 1\n    # b: no\n  \"b\":\n    before_init:\n    - x\n";
        let document = Document::new("config.yml".into(), text, "x");
        for (key, expected) in [
            (&["version"][..], Some((1, 1))),
            (&["stacks", "b"], Some((7, 4))),
            (&["stacks", "b", "before_init"], Some((8, 5))),
            (&["stacks", "a", "environment", "b"], Some((5, 7))),
            (&["stacks", "a", "before_init"], Some((3, 3))),
            (&["other"], None),
        ] {
            let position = document.place(key).position.map(|position| (position.line, position.column));
            assert_eq!(position, expected, "{key:?}");
        }
    }

    #[test]
    fn says_why_an_item_is_no_text_and_in_which_line() {
        let text =
            "a:\n- echo \"in: $PWD\"\n- echo \"x # y\"\n- {{ x }}\n- !a b\n- [ -f x ]\n- echo it # done\n- 'a: b'\n";
        let document = Document::new("config.yml".into(), text, "x");
        let mapping = document.mapping().unwrap();
        assert_eq!(document.texts_of(&["a"], mapping.get("a")).unwrap(), ["echo \"x", "echo it", "a: b"]);
        let problems = document.into_problems();
        let said: Vec<_> = problems
            .iter()
            .map(|problem| (problem.place.position.as_ref().unwrap().line, problem.detail.as_str()))
            .collect();
        for ((line, detail), (at, part)) in said.iter().zip([
            (2, "the `: ` in it"),
            (3, "`# y\"` is dropped"),
            (4, "begins with `{`"),
            (5, "is a tag"),
            (6, "is a list"),
        ]) {
            assert_eq!(*line, at, "{detail}");
            assert!(detail.contains(part), "{detail}");
        }
        assert_eq!(said.len(), 5, "{said:?}");
        for (item, part) in
            [("*.tf", "refers to an anchor"), ("@x", "no value begins"), ("\"a\" && b", "quotation mark")]
        {
            let text = format!("a:\n- {item}\n- b\n");
            let problem = Document::new("config.yml".into(), &text, "x").mapping().unwrap_err();
            assert!(problem.detail.contains(part), "{}", problem.detail);
        }
    }

    #[test]
    fn numbers_stay_as_they_are_written() {
        let document = Document::new("config.yml".into(), "a: 1.10 # x\nb: 0x1F\nc: 7\n", "x");
        let mapping = document.mapping().unwrap();
        let read = |key: &str| document.text_of(&[key], mapping.get(key)).unwrap();
        assert_eq!([read("a"), read("b"), read("c")], ["1.10", "31", "7"]);
    }
}
