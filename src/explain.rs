//! `airtight explain`: the page of a finding, offline, by its code or by an engine's error text.

use std::io::IsTerminal as _;

use super::arguments::ExplainArguments;
use super::{ExitCode, Stop, output};
use airtight_finding::{Code, catalogue};

pub(super) fn run(arguments: &ExplainArguments) -> Result<ExitCode, Stop> {
    let text = arguments.code.join(" ");
    let width = output::width(&std::io::stdout());
    let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    match text.trim() {
        "" => {
            let more = "exceptions: how to let a refused run through, with a reason and an end\n";
            output::data(&format!("{}\n{more}", catalogue::list(width)))?;
            return Ok(ExitCode::Cleared);
        }
        "exceptions" | "exception" => {
            output::data(&catalogue::shown(catalogue::EXCEPTIONS, color, width))?;
            return Ok(ExitCode::Cleared);
        }
        _ => {}
    }
    let found = match text.trim().parse::<Code>() {
        Ok(code) => vec![code],
        Err(_) => catalogue::search(&text),
    };
    match found.as_slice() {
        [] => {
            let nearest = catalogue::nearest(&text).map(|code| format!(" Did you mean `{code}`?")).unwrap_or_default();
            Err(Stop::Usage(format!(
                "no page has this code or holds this text.{nearest} `airtight explain` lists all codes."
            )))
        }
        [code] => {
            output::data(&catalogue::explain(*code, color, width))?;
            Ok(ExitCode::Cleared)
        }
        codes => {
            let lines = codes.iter().map(|code| format!("{code}: {}\n", catalogue::sentence(*code)));
            output::data(&lines.collect::<String>())?;
            Ok(ExitCode::Cleared)
        }
    }
}
