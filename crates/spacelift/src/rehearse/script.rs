//! What one phase runs: its hooks in Spacelift's order, and the one shell text that they make with the phase's command.
//! Pure.
//!
//! Documented by Spacelift (`concepts/stack/stack-settings`): hooks run in the same shell session as the phase; they are
//! joined with `&&`, each in `{ }` since January 2026, bare before; a failing hook stops the phase, a failing phase its
//! `after_` hooks; before a phase come the attached contexts by ascending priority, the auto-attached ones in reverse
//! alphabetical order, then the stack; after a phase the same backwards.
//!
//! Inferred, and written so that being wrong changes no verdict: that braces are written on one line (`{ hook; }`), so
//! that a hook with a trailing comment or `;` is a syntax error; that the phase's command itself has no braces;
//! that `after_run` is a shell of its own; that contexts of equal priority keep the order in which they are given; that
//! hooks of the runtime configuration replace those of the stack at the same point and leave those of contexts.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::hooks::{Attachment, Context, Hooks, Variable};
use airtight_provider::HookPoint;

/// How Spacelift joins the hooks of a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Joining {
    /// `{ hook; } && { hook; } && command`, since January 2026.
    #[default]
    Braced,
    /// `hook && hook && command`, in older installations.
    Bare,
}

impl Joining {
    pub const ALL: &'static [Self] = &[Self::Braced, Self::Bare];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Braced => "braced",
            Self::Bare => "bare",
        }
    }
}

/// One hook, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook<'a> {
    pub text: &'a str,
    pub from: HookSource<'a>,
}

/// Whose a hook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookSource<'a> {
    /// A context's, by its name.
    Context(&'a str),
    /// The stack's own, or the runtime configuration's in their place.
    Stack,
}

/// The hooks of a point in the order in which they run. `stack` are the stack's own, with the runtime configuration's
/// already in their place ([`crate::runtime_configuration::RuntimeConfiguration::for_stack`]).
pub(crate) fn hooks_at<'a>(point: HookPoint, contexts: &'a [Context], stack: &'a Hooks) -> Vec<Hook<'a>> {
    let of = |hooks: &'a Hooks, from: HookSource<'a>| {
        hooks.get(&point).into_iter().flatten().map(move |text| Hook { text, from })
    };
    let mut ordered = before_order(contexts);
    let stack = of(stack, HookSource::Stack);
    if is_before(point) {
        let contexts = ordered.into_iter().flat_map(|context| of(&context.hooks, HookSource::Context(&context.name)));
        contexts.chain(stack).collect()
    } else {
        ordered.reverse();
        let contexts = ordered.into_iter().flat_map(|context| of(&context.hooks, HookSource::Context(&context.name)));
        stack.chain(contexts).collect()
    }
}

fn is_before(point: HookPoint) -> bool {
    point.as_str().starts_with("before_")
}

/// Attached ones by ascending priority, then auto-attached ones from Z to A.
fn before_order(contexts: &[Context]) -> Vec<&Context> {
    let mut ordered: Vec<&Context> = contexts.iter().collect();
    ordered.sort_by_key(|context| match context.attachment {
        Attachment::Explicit { priority } => (0, priority, None),
        Attachment::Auto => (1, 0, Some(Reverse(&context.name))),
    });
    ordered
}

/// The variables of a run, weakest first: auto-attached contexts, attached ones, the stack with the runtime
/// configuration laid over it.
///
/// Inferred: that of two attached contexts the one evaluated later, with the higher priority, wins, and of two
/// auto-attached ones the first in the alphabet. `${NAME}` in a value is not replaced here.
pub fn variables(contexts: &[Context], stack: &BTreeMap<String, Variable>) -> BTreeMap<String, Variable> {
    let (attached, auto): (Vec<_>, Vec<_>) =
        before_order(contexts).into_iter().partition(|context| context.attachment != Attachment::Auto);
    let layers = auto.into_iter().chain(attached).map(|context| &context.environment);
    let mut variables = BTreeMap::new();
    for layer in layers.chain([stack]) {
        variables.extend(layer.iter().map(|(name, variable)| (name.clone(), variable.clone())));
    }
    variables
}

/// The text that `sh -c` runs for a phase: hooks before, the phase's command, hooks after.
///
/// `mark`, if given, comes before each part with the part's number from 0 in `{}`, such as `echo {} >&9`: what was
/// begun last is what failed. It must succeed and print nothing of its own on the phase's streams; it changes neither
/// the status that a part sees nor the grouping of bare hooks.
pub fn script(before: &[Hook<'_>], command: &str, after: &[Hook<'_>], joining: Joining, mark: Option<&str>) -> String {
    let hook = |hook: &Hook<'_>| match joining {
        Joining::Braced => format!("{{ {}; }}", hook.text),
        Joining::Bare => hook.text.to_owned(),
    };
    let mut parts: Vec<String> = before.iter().map(hook).collect();
    if !command.is_empty() {
        parts.push(command.to_owned());
    }
    parts.extend(after.iter().map(hook));
    if let Some(mark) = mark {
        for (number, part) in parts.iter_mut().enumerate() {
            *part = format!("{} && {part}", mark.replace("{}", &number.to_string()));
        }
    }
    parts.join(" && ")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn context(name: &str, attachment: Attachment) -> Context {
        let hooks = [HookPoint::BeforeInit, HookPoint::AfterInit].map(|point| (point, vec![format!("echo {name}")]));
        Context {
            name: name.to_owned(),
            attachment,
            environment: [("WHO".to_owned(), variable(name)), (name.to_owned(), variable("1"))].into(),
            mounted_files: Vec::new(),
            hooks: hooks.into(),
        }
    }

    fn variable(value: &str) -> Variable {
        Variable { value: value.to_owned(), is_sensitive: false }
    }

    /// The four contexts of Spacelift's own example, in an order of their own.
    fn contexts() -> Vec<Context> {
        vec![
            context("context_a", Attachment::Auto),
            context("context_d", Attachment::Explicit { priority: 5 }),
            context("context_b", Attachment::Auto),
            context("context_c", Attachment::Explicit { priority: 0 }),
        ]
    }

    #[test]
    fn hooks_run_in_the_documented_order() {
        let contexts = contexts();
        let stack: Hooks = [
            (HookPoint::BeforeInit, vec!["echo stack".to_owned(), "echo stack 2".to_owned()]),
            (HookPoint::AfterInit, vec!["echo stack".to_owned()]),
        ]
        .into();
        let names = |point| {
            let hooks = hooks_at(point, &contexts, &stack);
            hooks.iter().map(|hook| hook.text.trim_start_matches("echo ").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            names(HookPoint::BeforeInit),
            ["context_c", "context_d", "context_b", "context_a", "stack", "stack 2"]
        );
        assert_eq!(names(HookPoint::AfterInit), ["stack", "context_a", "context_b", "context_d", "context_c"]);
        assert_eq!(names(HookPoint::BeforePlan), [] as [&str; 0]);
    }

    #[test]
    fn the_stack_beats_attached_contexts_which_beat_auto_attached_ones() {
        let who = |contexts: &[Context], stack: &BTreeMap<String, Variable>| {
            let variables = variables(contexts, stack);
            (variables["WHO"].value.clone(), variables.len())
        };
        assert_eq!(who(&contexts(), &BTreeMap::new()), ("context_d".to_owned(), 5));
        assert_eq!(who(&contexts(), &[("WHO".to_owned(), variable("stack"))].into()), ("stack".to_owned(), 5));
        let auto: Vec<_> = contexts().into_iter().filter(|context| context.attachment == Attachment::Auto).collect();
        assert_eq!(who(&auto, &BTreeMap::new()), ("context_a".to_owned(), 3));
    }

    fn stack_hooks<'a>(texts: &[&'a str]) -> Vec<Hook<'a>> {
        texts.iter().map(|text| Hook { text, from: HookSource::Stack }).collect()
    }

    /// What `sh` prints, and its exit code.
    fn run(before: &[&str], command: &str, after: &[&str], joining: Joining) -> (String, i32) {
        let (before, after) = (stack_hooks(before), stack_hooks(after));
        let [plain, marked] = [None, Some("echo {} >/dev/null")].map(|mark| {
            let text = script(&before, command, &after, joining, mark);
            let output = Command::new("sh").arg("-c").arg(text).output().unwrap();
            (String::from_utf8(output.stdout).unwrap().replace('\n', " "), output.status.code().unwrap())
        });
        assert_eq!(plain, marked);
        plain
    }

    #[test]
    fn a_phase_is_one_shell() {
        use Joining::{Bare, Braced};
        for (joining, before, command, after, expected) in [
            (Braced, &["export A=1"][..], "echo run $A", &["echo after $A"][..], ("run 1 after 1 ", 0)),
            (Bare, &["export A=1"], "echo run $A", &["echo after $A"], ("run 1 after 1 ", 0)),
            (Braced, &["echo a", "false", "echo b"], "echo run", &["echo after"], ("a ", 1)),
            (Braced, &[], "false", &["echo after"], ("", 1)),
            (Braced, &["true"], "", &["echo after"], ("after ", 0)),
            // What braces were brought in for: bare, the first check's failure is forgotten.
            (Bare, &["false", "false || true"], "echo run", &[], ("run ", 0)),
            (Braced, &["false", "false || true"], "echo run", &[], ("", 1)),
            // `;` hides a failure in either form.
            (Braced, &["false; true"], "echo run", &[], ("run ", 0)),
            (Bare, &["false; true"], "echo run", &[], ("run ", 0)),
            (Bare, &[], "false", &["true; echo after"], ("after ", 0)),
            (Braced, &[], "false", &["true; echo after"], ("", 1)),
            // A hook that ends the shell ends the phase, in silence.
            (Braced, &["exit 0"], "echo run", &[], ("", 0)),
            (Braced, &["echo a # b"], "echo run", &[], ("", 2)),
            (Braced, &["echo a;"], "echo run", &[], ("", 2)),
        ] {
            let (printed, code) = run(before, command, after, joining);
            assert_eq!((printed.as_str(), code), expected, "{joining:?} {before:?} {command} {after:?}");
        }
    }

    #[test]
    fn marks_tell_what_was_begun_last() {
        let before = stack_hooks(&["true", "false"]);
        let text = script(&before, "echo run", &[], Joining::Braced, Some("echo {}"));
        assert_eq!(text, "echo 0 && { true; } && echo 1 && { false; } && echo 2 && echo run");
        let output = Command::new("sh").arg("-c").arg(text).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "0\n1\n");
    }
}
