//! Files with values of input variables, which an engine that evaluates module sources reads before anything else.
//!
//! Source: OpenTofu `internal/command/meta_vars.go` `addVarsFromDir`, `addVarsFromFile`.

use std::io::ErrorKind;

use camino::Utf8Path;
use fs_err as fs;

use super::body::Problems;
use super::files;
use airtight_hcl::schema::{BodySchema, Unknown};
use airtight_hcl::{Place, Sources};

const BY_NAME: [&str; 2] = ["terraform.tfvars", "terraform.tfvars.json"];
const BY_SUFFIX: [&str; 2] = [".auto.tfvars", ".auto.tfvars.json"];
const DECLARATIONS: BodySchema<'static> =
    BodySchema { required: &[], optional: &[], blocks: &[("variable", &["name"])] };

/// Checks each file that is read without being asked for.
pub(super) fn check(directory: &Utf8Path, sources: &mut Sources, problems: &mut Problems) {
    let by_name = BY_NAME.iter().map(|name| directory.join(name)).filter(|path| fs::metadata(path).is_ok());
    let mut paths: Vec<_> = by_name.collect();
    let mut names: Vec<_> = directory
        .read_dir_utf8()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_owned()))
        .filter(|name| BY_SUFFIX.iter().any(|suffix| name.ends_with(suffix)))
        .collect();
    names.sort();
    paths.extend(names.into_iter().map(|name| directory.join(name)));
    for path in paths {
        check_file(&path, sources, problems);
    }
}

fn check_file(path: &Utf8Path, sources: &mut Sources, problems: &mut Problems) {
    let name = path.file_name().unwrap_or_default();
    let detail = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Some(format!("Given variables file {name} does not exist."))
        }
        Ok(metadata) if metadata.is_dir() => Some(format!("Error while reading {name}: is a directory.")),
        _ => None,
    };
    if let Some(detail) = detail {
        return problems.refuse("Failed to read variables file", detail, Place::file(path));
    }
    let Some(file) = files::parse(path, sources, problems) else { return };
    let declarations = file.root().content(&DECLARATIONS, Unknown::Ignored, problems).blocks;
    if declarations.is_empty() {
        file.root().just_attributes(problems);
    }
    for declaration in declarations {
        let detail = "A .tfvars file is used to assign values to variables that have already been declared in .tf \
                      files, not to declare new variables.";
        problems.refuse("Variable declaration in .tfvars file", detail, declaration.place);
    }
}
