//! Where the engine needs other providers than airtight read.

use airtight_engine::predict::{Difference, Facts};
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;

/// The engine's answer is used; the difference is a bug in airtight.
pub fn differs(facts: &Facts, difference: &Difference) -> Finding {
    let engine = facts.engine.name.title();
    let (summary, place) = match difference {
        Difference::OnlyEngine { address } => {
            (format!("{engine} needs `{address}`, which airtight did not read"), None)
        }
        Difference::OnlyReading { address, place } => {
            (format!("airtight expected `{address}`, but {engine} does not need it"), place.clone())
        }
        Difference::Constraints { address, engine: theirs, reading, place } => {
            (format!("{engine} needs `{address}` {theirs}, but airtight read {reading}"), place.clone())
        }
    };
    Finding::new(Code::RequirementsDiffer, Severity::Warning, Owner::Image, summary)
        .detail("The engine's answer is used. airtight may not know this release of the engine.")
        .help("Nothing has to be fixed here. Use a newer airtight, or report this: it is a bug in airtight.")
        .at(place.unwrap_or_else(|| Place::file(&facts.root_module)), "")
}
