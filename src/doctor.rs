//! `airtight doctor`: whether this image is fit. The list is the data: stdout.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::arguments::DoctorArguments;
use super::common_arguments::ListFormat;
use super::resolve::Resolved;
use super::{ExitCode, Stop, output, typed};
use airtight_engine::environment::Environment;
use airtight_finding::{escape, plural};
use airtight_gate::doctor;
use airtight_gate::doctor::{Check, Image, Outcome};
use airtight_gate::engine;
use airtight_gate::settings;
use airtight_gate::settings::{Effective, Rank, Settings, Source};

pub(super) fn run(arguments: &DoctorArguments) -> Result<ExitCode, Stop> {
    let environment = Environment::from_process().map_err(|error| Stop::Usage(error.to_string()))?;
    // Settings that are wrong are a line of the list; the other lines then go by what was given.
    let settings = if settings::read(Utf8Path::new(settings::IMAGE_PATH)).is_ok() {
        Resolved::new(&arguments.common(), None)?.settings
    } else {
        let given = Settings {
            mirror: (!arguments.mirror.is_empty()).then(|| arguments.mirror.iter().map(Utf8PathBuf::from).collect()),
            modules: (!arguments.modules.is_empty()).then(|| arguments.modules.iter().map(Utf8PathBuf::from).collect()),
            engine: arguments.engine.clone().filter(|engine| !engine.is_empty()),
            ..Settings::default()
        };
        Effective::merge(vec![Source { rank: Rank::Administrator, name: "an option".to_owned(), settings: given }])
    };
    // Not remembered: what an image build asks must not lie in the image.
    let found = engine::find(settings.engine.as_deref(), environment.path.as_deref(), None);
    let image = Image {
        environment: &environment,
        engine: found.as_ref(),
        mirrors: &settings.mirror,
        module_stores: &settings.module_stores(),
        names_module_stores: settings.modules.is_some(),
        seal: settings.seal.as_ref(),
        templates: settings.templates.as_ref(),
        program: std::env::current_exe().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok()),
    };
    let checks = doctor::examine(&image);
    let is_fit = doctor::is_fit(&checks);
    let json = || output::json(&Report { schema: doctor::SCHEMA, fit: is_fit, checks: &checks });
    if let Some(path) = arguments.report.as_deref().filter(|path| !path.is_empty()) {
        output::file("the report", path.into(), &json()?)?;
    }
    output::data(&match typed::format(arguments.format) {
        ListFormat::Human => human(&checks, is_fit),
        ListFormat::Json => json()?,
    })?;
    Ok(if is_fit { ExitCode::Cleared } else { ExitCode::Refused })
}

fn human(checks: &[Check], is_fit: bool) -> String {
    let mut text = String::new();
    for Check { name, outcome, text: found, fix } in checks {
        let mark = match outcome {
            Outcome::Passed => "ok",
            Outcome::Warning => "warning",
            Outcome::Failed => "FAILED",
        };
        text += &format!("{mark:<8}{name:<13}{}\n", escape::line(found));
        if let Some(fix) = fix {
            text += &format!("{:21}fix: {}\n", "", escape::line(fix));
        }
    }
    if is_fit {
        return text + "This image can run jobs offline.\n";
    }
    let failed = checks.iter().filter(|check| check.outcome == Outcome::Failed).count();
    text + &format!("This image cannot run jobs offline: {failed} of {} failed.\n", plural(checks.len(), "check"))
}

/// `airtight/doctor/1`.
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    fit: bool,
    checks: &'a [Check],
}
