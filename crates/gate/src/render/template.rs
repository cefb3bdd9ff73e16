//! The one place where a template is read and filled in.

use serde::Serialize;
use tera::{Context, Delimiters, Tera};

use super::quoted::quoted;

/// Why nothing was rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// It would have become two arguments, or none that can be passed on.
    #[error("the {value} holds a line break or a NUL, which no argument of an engine can")]
    LineBreak { value: &'static str },
    /// Its line would have been dropped: `apply` without its plan file applies something else.
    #[error("the {value} has no text")]
    NoText { value: &'static str },
    /// Both engines look for it in every argument, behind `--` too, print their version and end with 0, as if the
    /// command had been done (`main` of both, "We shortcut --version and -v to just show the version").
    #[error("`{argument}` cannot be passed on: the engines treat it as their version flag in every position")]
    VersionFlag { argument: String },
    /// An empty list would accept every provider.
    #[error("the installation method `{method}` needs an `include` list, as it would be asked for every provider")]
    NoInclude { method: &'static str },
    #[error("`{path}` is no absolute path of letters, digits, `.`, `_` and `-`, which a Dockerfile takes as it is")]
    PathInImage { path: String },
    #[error("the template `{template}` uses the unknown name `{name}`; known are {known}")]
    UnknownName { template: String, name: String, known: String },
    #[error("the template `{template}` writes a NUL, which no argument of an engine can hold")]
    Nul { template: String },
    #[error("the template `{template}` is wrong: {source}")]
    Template { template: String, source: tera::Error },
}

/// A template with its delimiters.
pub struct Template<'text> {
    /// For people, and the name that an image replaces it by.
    pub name: &'text str,
    pub text: &'text str,
    pub delimiters: Delimiters,
}

impl Template<'_> {
    /// Fills in the template. The values' fields are the only names that it may use.
    ///
    /// Tera takes an unknown name in a condition for false, so names are checked before anything is rendered.
    pub fn render(&self, values: &impl Serialize) -> Result<String, RenderError> {
        let wrong = |source| RenderError::Template { template: self.name.to_owned(), source };
        let mut tera = Tera::default();
        tera.autoescape_on(Vec::<&str>::new());
        tera.set_delimiters(self.delimiters.clone()).map_err(wrong)?;
        tera.register_filter("quoted", |text: &str, _: tera::Kwargs, _: &tera::State<'_>| quoted(text));
        tera.add_raw_template(self.name, self.text).map_err(wrong)?;
        let context = Context::from_serialize(values).map_err(wrong)?;
        let used = tera.get_template_variables(self.name).map_err(wrong)?;
        if let Some(name) = used.into_iter().filter(|name| !context.contains_key(name)).min() {
            let known = names(values).iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(RenderError::UnknownName { template: self.name.to_owned(), name: name.to_owned(), known });
        }
        tera.render(self.name, &context).map_err(wrong)
    }
}

fn names(values: &impl Serialize) -> Vec<String> {
    match serde_json::to_value(values) {
        Ok(serde_json::Value::Object(fields)) => fields.into_iter().map(|(name, _)| name).collect(),
        _ => Vec::new(),
    }
}
