//! What follows the workflow command of `airtight run`: that command's own arguments, each taken as it is.

use std::ffi::OsString;

use airtight_gate::render::CommandValues;
use airtight_provider::WorkflowCommand;

/// Parses the values; the error is for people and names what was expected.
pub(super) fn parse(command: WorkflowCommand, arguments: &[OsString], encoded: bool) -> Result<CommandValues, String> {
    let mut texts = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let text = argument.to_str().ok_or_else(|| format!("an argument of `{command}` is not UTF-8"))?;
        texts.push(text);
    }
    let value = |what: &str, text: &str| {
        let text = if encoded { decode(text)? } else { text.to_owned() };
        match text {
            text if text.is_empty() => Err(format!("the {what} of `{command}` is empty")),
            text if text.contains(['\n', '\r', '\0']) => Err(format!(
                "the {what} of `{command}` holds a line break or a NUL, which no argument of an engine can"
            )),
            text => Ok(text),
        }
    };
    let single = |what: &str| match texts.as_slice() {
        [text] => value(what, text),
        [] => Err(format!("`{command}` needs a {what}")),
        [_, rest @ ..] => Err(format!(
            "`{command}` takes one {what}, and {} more {} given; quote a value with spaces",
            rest.len(),
            if rest.len() == 1 { "argument was" } else { "arguments were" }
        )),
    };
    match command {
        WorkflowCommand::WorkspaceSelect | WorkflowCommand::WorkspaceNew => {
            Ok(CommandValues { workspace_name: single("workspace name")?, ..CommandValues::default() })
        }
        WorkflowCommand::ShowPlan | WorkflowCommand::Apply => {
            Ok(CommandValues { plan_file: single("plan file")?, ..CommandValues::default() })
        }
        WorkflowCommand::Plan => parse_plan(&texts, value),
        WorkflowCommand::Init | WorkflowCommand::ShowState | WorkflowCommand::GetOutputs | WorkflowCommand::Destroy => {
            match texts.first() {
                None => Ok(CommandValues::default()),
                Some(_) => Err(format!(
                    "`{command}` takes no arguments; flags for the engine go into TF_CLI_ARGS_{}",
                    engine_command(command)
                )),
            }
        }
    }
}

fn parse_plan(texts: &[&str], value: impl Fn(&str, &str) -> Result<String, String>) -> Result<CommandValues, String> {
    let (mut lock, mut refresh, mut plan_file) = (None, None, None);
    let mut targets = Vec::new();
    for text in texts {
        let (name, given) = text.split_once('=').unwrap_or((text, ""));
        let repeated = match name {
            "--lock" => lock.replace(boolean(name, given)?).is_some(),
            "--refresh" => refresh.replace(boolean(name, given)?).is_some(),
            "--out" => plan_file.replace(value("plan file", given)?).is_some(),
            "--target" => {
                targets.push(value("target", given)?);
                false
            }
            _ => {
                return Err(
                    "`plan` takes --lock=BOOL, --refresh=BOOL, --out=FILE and --target=ADDRESS; other flags for \
                            the engine go into TF_CLI_ARGS_plan"
                        .to_owned(),
                );
            }
        };
        if repeated {
            return Err(format!("`plan` has {name} twice"));
        }
    }
    match (lock, refresh, plan_file) {
        (Some(lock), Some(refresh), Some(plan_file)) => {
            Ok(CommandValues { lock, refresh, plan_file, targets, workspace_name: String::new() })
        }
        _ => Err("`plan` needs --lock=BOOL, --refresh=BOOL and --out=FILE".to_owned()),
    }
}

fn boolean(name: &str, text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{name} is `true` or `false`")),
    }
}

const fn engine_command(command: WorkflowCommand) -> &'static str {
    match command {
        WorkflowCommand::Init => "init",
        WorkflowCommand::WorkspaceSelect | WorkflowCommand::WorkspaceNew => "workspace",
        WorkflowCommand::Plan => "plan",
        WorkflowCommand::ShowState | WorkflowCommand::ShowPlan => "show",
        WorkflowCommand::GetOutputs => "output",
        WorkflowCommand::Apply => "apply",
        WorkflowCommand::Destroy => "destroy",
    }
}

/// Reverses Go's `urlquery`: `+` is a space, `%XX` a byte.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                match (digit(rest.next()), digit(rest.next())) {
                    (Some(high), Some(low)) => bytes.push(u8::try_from(high * 16 + low).unwrap_or_default()),
                    _ => return Err("a value is not percent-encoded; call `run` without --encoded".to_owned()),
                }
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| "a percent-encoded value is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(command: WorkflowCommand, arguments: &[&str], encoded: bool) -> Result<CommandValues, String> {
        parse(command, &arguments.iter().map(OsString::from).collect::<Vec<_>>(), encoded)
    }

    #[test]
    fn takes_positionals_as_they_are() {
        for name in ["-x", "--help", "a b", "$(id)", "`id`", "a'b\"c", "ä"] {
            assert_eq!(parsed(WorkflowCommand::WorkspaceNew, &[name], false).unwrap().workspace_name, name);
        }
    }

    #[test]
    fn decodes_what_go_urlquery_writes() {
        let values = parsed(WorkflowCommand::WorkspaceNew, &["a+b%27%22%24%28id%29%2B%25"], true).unwrap();
        assert_eq!(values.workspace_name, "a b'\"$(id)+%");
        for text in ["%", "%2", "%zz", "%ff"] {
            assert!(parsed(WorkflowCommand::WorkspaceNew, &[text], true).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_single_argument() {
        for arguments in [&[] as &[&str], &[""], &["a", "b"], &["a\nb"]] {
            assert!(parsed(WorkflowCommand::Apply, arguments, false).is_err(), "{arguments:?}");
        }
        assert!(parsed(WorkflowCommand::Apply, &["a%0Ab"], true).is_err());
        assert!(parsed(WorkflowCommand::Init, &["-upgrade"], false).unwrap_err().contains("TF_CLI_ARGS_init"));
    }

    #[test]
    fn reads_the_flags_of_plan() {
        let values = parsed(
            WorkflowCommand::Plan,
            &["--lock=false", "--refresh=true", "--out=-p", "--target=a[\"b=c\"]"],
            false,
        )
        .unwrap();
        assert_eq!(
            values,
            CommandValues {
                lock: false,
                refresh: true,
                plan_file: "-p".to_owned(),
                targets: vec!["a[\"b=c\"]".to_owned()],
                workspace_name: String::new()
            }
        );
        for arguments in [
            &["--lock=yes", "--refresh=true", "--out=p"] as &[&str],
            &["--lock=true", "--refresh=true"],
            &["--lock=true", "--lock=true", "--refresh=true", "--out=p"],
            &["--lock=true", "--refresh=true", "--out="],
            &["--lock=true", "--refresh=true", "--out=p", "--destroy"],
        ] {
            assert!(parsed(WorkflowCommand::Plan, arguments, false).is_err(), "{arguments:?}");
        }
    }
}
