//! Something that is wrong with an input.

use crate::Place;

/// Something the engine itself would report about an input, in the engine's own split of summary and detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub summary: String,
    pub detail: String,
    pub place: Place,
}
