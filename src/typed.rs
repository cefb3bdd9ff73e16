//! Typed values of options, which completions offer; an empty variable counts as unset.

use std::ffi::{OsStr, OsString};

use airtight_engine::environment::Environment;
use airtight_finding::Code;
use airtight_provider::{HookPoint, WorkflowCommand};
#[cfg(feature = "full")]
use clap::builder::PossibleValuesParser;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, ValueEnum};

/// A value of an option, or nothing: its variable may be empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given<T>(pub Option<T>);

/// Reads a [`Given`].
#[derive(Clone, Debug)]
pub(crate) struct GivenParser<T>(std::marker::PhantomData<T>);

impl<T> GivenParser<T> {
    pub(crate) const fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<T: ValueEnum + Clone + Send + Sync + 'static> TypedValueParser for GivenParser<T> {
    type Value = Given<T>;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<Given<T>, clap::Error> {
        if value.is_empty() {
            return Ok(Given(None));
        }
        let parser = clap::builder::EnumValueParser::<T>::new();
        parser.parse_ref(command, argument, value).map(|value| Given(Some(value)))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(T::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}

/// The format that is given, else the one in `AIRTIGHT_FORMAT`, if this command has it: the variable is for every command, and
/// may be one of another's.
pub(crate) fn format<T: ValueEnum + Default>(given: Option<T>) -> T {
    let of_variable = || T::from_str(Environment::from_process().ok()?.variables.get("AIRTIGHT_FORMAT")?, false).ok();
    given.or_else(of_variable).unwrap_or_default()
}

/// Reads a value by its name; completions offer all names.
#[cfg(feature = "full")]
pub(crate) fn named<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names = PossibleValuesParser::new(all.iter().map(|value| name(*value)));
    names.try_map(move |text| all.iter().copied().find(|value| name(*value) == text).ok_or("it has no such name"))
}

/// A point of Spacelift's hooks, by its own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point(pub HookPoint);

impl ValueEnum for Point {
    fn value_variants<'a>() -> &'a [Self] {
        const POINTS: [Point; HookPoint::ALL.len()] = {
            let mut points = [Point(HookPoint::ALL[0]); HookPoint::ALL.len()];
            let mut index = 0;
            while index < points.len() {
                points[index] = Point(HookPoint::ALL[index]);
                index += 1;
            }
            points
        };
        &POINTS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.as_str()))
    }
}

/// Any text, for which completions offer these values.
#[derive(Clone, Copy)]
pub(crate) struct Suggested(pub fn() -> Vec<&'static str>);

impl TypedValueParser for Suggested {
    type Value = String;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        clap::builder::StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0().into_iter().map(PossibleValue::new)))
    }
}

/// The same for arguments that may be no text.
#[derive(Clone, Copy)]
pub(crate) struct SuggestedRaw(pub fn() -> Vec<&'static str>);

impl TypedValueParser for SuggestedRaw {
    type Value = OsString;

    fn parse_ref(&self, _: &Command, _: Option<&Arg>, value: &OsStr) -> Result<OsString, clap::Error> {
        Ok(value.to_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0().into_iter().map(PossibleValue::new)))
    }
}

/// What `airtight explain` has pages for.
pub(crate) fn topics() -> Vec<&'static str> {
    Code::ALL.iter().map(|code| code.as_str()).chain(["exceptions"]).collect()
}

pub(crate) fn workflow_commands() -> Vec<&'static str> {
    WorkflowCommand::ALL.iter().map(|command| command.as_str()).collect()
}

pub(crate) fn engines() -> Vec<&'static str> {
    vec!["tofu", "terraform"]
}

pub(crate) fn platforms() -> Vec<&'static str> {
    vec!["linux_amd64", "linux_arm64"]
}

pub(crate) fn cli_configurations() -> Vec<&'static str> {
    vec!["generated", "inherited"]
}
