//! How to fix a package whose files are in the wrong places, or are too many.

use airtight_engine::predict::{Facts, Failure, Prediction, ProviderPrediction, Status};
use airtight_finding::shell_word as quoted;
use camino::Utf8Path;

pub(super) fn executable_below(facts: &Facts, prediction: &Prediction, failure: &Failure, name: &str) -> String {
    let program = facts.engine.name;
    let path = package_path(prediction, failure);
    let (package, files) = (quoted(&path), quoted(&format!("{path}.files")));
    let unpack = format!("unzip -q -j {package} -d {files}");
    // For back-slashes unzip ends with 1, which is only a warning.
    let unpack = if name.contains('\\') { format!("({unpack} || [ $? = 1 ])") } else { unpack };
    let is_proven = prediction_of(prediction, failure).is_some_and(|found| found.status == Status::Proven);
    let mirrors = facts.sources.mirrors();
    let mirror = mirrors.iter().find(|mirror| is_proven && Utf8Path::new(&path).starts_with(&mirror.path));
    let lock = match mirror {
        Some(mirror) => format!(
            "This archive is the locked one, so lock what you repack from it: `{program} providers lock -fs-mirror={} \
             -platform={} {}`, and commit the lock file.",
            quoted(mirror.path.as_str()),
            facts.platform,
            failure.providers.iter().map(|address| address.for_display(program)).collect::<Vec<_>>().join(" ")
        ),
        None => "The lock file has to get the new ones from those who build the provider.".to_owned(),
    };
    format!(
        "The archive has it as `{name}`, and engines look at its top level only. Repack it: `{unpack} && rm {package} && zip -q \
         -j {package} {files}/* && rm -r {files}`. Its `zh:` and `h1:` hashes change with that. {lock}"
    )
}

/// `path` is the package's, `names` are those of the files in it.
pub(super) fn leftovers(path: &str, names: &[String]) -> String {
    let package = quoted(path);
    let names = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" ");
    let command = if path.strip_suffix(".zip").is_some() {
        format!("zip --quiet --delete {package} {names}")
    } else {
        format!("cd {package} && rm {names}")
    };
    format!("Remove the files that an archiver left in the package: `{command}`. Without them the package matches.")
}

fn prediction_of<'a>(prediction: &'a Prediction, failure: &Failure) -> Option<&'a ProviderPrediction> {
    prediction.providers.iter().find(|provider| failure.providers.contains(&provider.requirement.address))
}

pub(super) fn package_path(prediction: &Prediction, failure: &Failure) -> String {
    let selected = prediction_of(prediction, failure).and_then(|provider| provider.selected.as_ref());
    let package = selected.and_then(|selected| selected.package.as_ref());
    package.map_or_else(|| "PACKAGE".to_owned(), |package| package.path.to_string())
}
