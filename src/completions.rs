//! `airtight completions` and `airtight man`, made from the command line itself.

use std::io::Write;

use camino::Utf8Path;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use fs_err as fs;

use super::arguments::Arguments;
use super::{ExitCode, Stop, output};

/// Beside each command's own.
const FILES: &str = "\
.SH FILES
.TP
/etc/airtight/settings.yml
The image's settings, if root owns the file. `airtight render settings` prints one that explains each key.
.TP
\\&.spacelift/airtight.yml
A repository's own rules, which can only be stricter.
.TP
/providers
The provider packages, if no mirror is named.
.TP
\\&.terraform.lock.hcl
The dependency lock file of a root module: its hashes prove the packages.
";

const EXIT_STATUS: &str = "\
.SH \"EXIT STATUS\"
.TP
0
Cleared. For `run`: the engine's own success.
.TP
96
Usage, settings, or a directory that does not exist.
.TP
100
Refused, or failure predicted; or a file of airtight's cannot be written.
.TP
126, 127
The engine cannot be executed, or was not found.
.TP
70
A bug in airtight.
.PP
After `run` has started the engine, the exit status is the engine's.
";

pub(super) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Stop> {
    let mut buffer = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "airtight", &mut buffer);
    output::data(&String::from_utf8_lossy(&buffer))?;
    Ok(ExitCode::Cleared)
}

/// Prints the page of `airtight`, or writes one for each command into a directory.
pub(super) fn manual(directory: Option<&Utf8Path>) -> Result<ExitCode, Stop> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let Some(directory) = directory else {
        output::data(&page(&command)?)?;
        return Ok(ExitCode::Cleared);
    };
    fs::create_dir_all(directory).map_err(anyhow::Error::new)?;
    write_pages(&command, directory)?;
    Ok(ExitCode::Cleared)
}

fn write_pages(command: &Command, directory: &Utf8Path) -> Result<(), Stop> {
    let path = directory.join(Man::new(command.clone()).get_filename());
    output::file("the page", &path, &page(command)?)?;
    shown(command).try_for_each(|command| write_pages(command, directory))
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

fn page(command: &Command) -> Result<String, Stop> {
    let mut buffer = Vec::new();
    written(command, &mut buffer).map_err(anyhow::Error::new)?;
    Ok(String::from_utf8_lossy(&buffer).into_owned())
}

fn written(command: &Command, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    // No date: two builds of one version are the same.
    let man = Man::new(command.clone()).date("").manual("airtight");
    man.render_title(buffer)?;
    man.render_name_section(buffer)?;
    man.render_synopsis_section(buffer)?;
    man.render_description_section(buffer)?;
    man.render_options_section(buffer)?;
    if shown(command).next().is_some() {
        man.render_subcommands_section(buffer)?;
    }
    if command.get_after_help().is_some() || command.get_after_long_help().is_some() {
        man.render_extra_section(buffer)?;
    }
    buffer.write_all(FILES.as_bytes())?;
    buffer.write_all(EXIT_STATUS.as_bytes())?;
    if command.get_version().is_some() { man.render_version_section(buffer) } else { Ok(()) }
}
