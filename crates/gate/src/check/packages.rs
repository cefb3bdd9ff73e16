//! Archives that airtight does not read, because they are made to exhaust their reader.

use airtight_engine::predict::Prediction;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::Contents;

/// One error for each selected package that only we refuse: nothing proves it, whatever an engine makes of it.
pub fn check(prediction: &Prediction, contents: &Contents) -> Vec<Finding> {
    let selected = prediction.providers.iter().filter_map(|provider| provider.selected.as_ref());
    let packages = selected.filter_map(|selected| Some((&selected.id.address, selected.package.as_ref()?)));
    packages
        .filter_map(|(address, package)| {
            let problem = contents.get(&package.path)?.problem.as_ref().filter(|problem| problem.is_ours())?;
            let summary = format!("the package of `{address}` {}, so it is not read", problem.describe());
            Some(
                Finding::new(Code::PackageUnreadable, Severity::Error, Owner::Image, summary)
                    .detail("What is not read has no hash, so nothing proves it.")
                    .help(problem.fix(package.path.as_str()))
                    .at(Place::file(&package.path), ""),
            )
        })
        .collect()
}
