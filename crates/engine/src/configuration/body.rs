//! One view of both syntaxes: bodies, blocks, arguments and their expressions.
//!
//! Source: hashicorp/hcl v2 `structure.go`, `ops.go`, `json/structure.go`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hcl::edit::Span;
use hcl::edit::structure::Body as NativeBody;

use super::expression::{Expression, ExpressionKind};
use super::json::Json;
use super::json_syntax;
use airtight_hcl::NativeFile;
use airtight_hcl::Place;
use airtight_hcl::Problem;
use airtight_hcl::constant::NotConstant;
use airtight_hcl::schema::{BodySchema, Unknown, missing_argument};
use airtight_provider::json_error;

/// What was found wrong, and what could not be judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Problems {
    pub errors: Vec<Problem>,
    pub not_understood: Vec<Problem>,
    /// How many of the errors are of files' syntax.
    pub syntax_errors: usize,
    /// Syntax errors have kept the rest of a file from being read.
    pub has_unread_file: bool,
}

impl Problems {
    pub(super) fn refuse(&mut self, summary: &str, detail: impl Into<String>, place: Place) {
        self.errors.push(Problem { summary: summary.to_owned(), detail: detail.into(), place });
    }

    fn note_syntax(&mut self, errors_before: usize, is_readable: bool) {
        let found = self.errors.len() - errors_before;
        self.syntax_errors += found;
        self.has_unread_file |= found > 0 && !is_readable;
    }

    pub(super) fn give_up(&mut self, summary: &str, detail: impl Into<String>, place: Place) {
        self.not_understood.push(Problem { summary: summary.to_owned(), detail: detail.into(), place });
    }

    /// An expression that should be constant here and is not.
    pub(super) fn not_constant(&mut self, reason: NotConstant, place: Place) {
        match reason.refusal() {
            Some((summary, detail)) => self.refuse(summary, detail, place),
            None => self.give_up("Expression not understood", "Whether it is constant could not be told.", place),
        }
    }
}

/// One file of a module, parsed.
#[derive(Clone, Debug)]
pub(super) struct ParsedFile {
    pub path: Utf8PathBuf,
    syntax: Syntax,
}

#[derive(Clone, Debug)]
enum Syntax {
    Native(NativeFile),
    Json(Json),
}

impl ParsedFile {
    /// Parses by the file's name, as the engines do; what is wrong goes to `problems`, and nothing is left then.
    pub(super) fn parse(path: &Utf8Path, bytes: &[u8], problems: &mut Problems) -> (Arc<str>, Option<Self>) {
        if path.as_str().strip_suffix(".json").is_some() {
            let text: Arc<str> = String::from_utf8_lossy(bytes).into();
            let errors_before = problems.errors.len();
            let json = parse_json(path, &text, problems);
            problems.note_syntax(errors_before, json.is_some());
            let file = json.map(|json| Self { path: path.to_owned(), syntax: Syntax::Json(json) });
            return (text, file);
        }
        let errors_before = problems.errors.len();
        let mut native = NativeFile::parse(bytes);
        let text = native.text.clone();
        if native.body.is_none() && native.errors.is_empty() {
            problems.give_up("File not understood", "Its syntax could not be read.", Place::file(path));
        }
        for error in std::mem::take(&mut native.errors) {
            problems.errors.push(native.problem(path, error));
        }
        let is_readable = native.body.is_some();
        problems.note_syntax(errors_before, is_readable);
        let file = Self { path: path.to_owned(), syntax: Syntax::Native(native) };
        (text, is_readable.then_some(file))
    }

    /// An expression in native syntax that stands somewhere else, as the only attribute of a file.
    pub(super) fn of_expression(text: &str) -> (Option<Self>, Vec<Problem>) {
        let mut problems = Problems::default();
        let text = format!("expression = {text}\n");
        let (_, file) = Self::parse(Utf8Path::new("expression.tf"), text.as_bytes(), &mut problems);
        (file, problems.errors)
    }

    /// Where a function is called by a name with `::` in it.
    pub(super) fn scoped_call(&self) -> Option<Place> {
        match &self.syntax {
            Syntax::Native(native) => native.scoped_call.map(|start| self.place(Some(start..start + 2))),
            Syntax::Json(_) => None,
        }
    }

    pub(super) fn root(&self) -> Body<'_> {
        let kind = match &self.syntax {
            Syntax::Native(native) => match &native.body {
                Some(body) => BodyKind::Native(native, body),
                None => BodyKind::Empty,
            },
            Syntax::Json(json) => BodyKind::Json(json),
        };
        Body { file: self, kind, range: 0..0 }
    }

    pub(super) fn place(&self, range: Option<Range<usize>>) -> Place {
        match &self.syntax {
            Syntax::Native(native) => native.place(&self.path, range),
            Syntax::Json(_) => Place::file(&self.path),
        }
    }
}

fn parse_json(path: &Utf8Path, text: &str, problems: &mut Problems) -> Option<Json> {
    let reason = match serde_json::from_str::<Json>(text) {
        Ok(json @ (Json::Object(_) | Json::Array(_))) => return Some(json),
        Ok(_) => String::new(),
        Err(error) => json_error(&error),
    };
    let (json, errors) = json_syntax::recover(text);
    if errors.is_empty() {
        // These the engines read: what is nested deeply, and half of a surrogate pair.
        problems.give_up("JSON not understood", reason, Place::file(path));
        return None;
    }
    for error in errors {
        let end = error.range.end.max(error.range.start + 1);
        problems.refuse(error.summary, error.detail, Place::in_text(path, text, error.range.start..end));
    }
    Some(json)
}

#[derive(Clone, Debug)]
pub(super) struct Body<'a> {
    pub file: &'a ParsedFile,
    kind: BodyKind<'a>,
    /// The header of the block, for what is missing in it.
    range: Range<usize>,
}

#[derive(Clone, Copy, Debug)]
enum BodyKind<'a> {
    Native(&'a NativeFile, &'a NativeBody),
    Json(&'a Json),
    Empty,
}

#[derive(Clone, Debug)]
pub(super) struct Attribute<'a> {
    pub name: &'a str,
    /// The name in native syntax, the file in JSON.
    pub place: Place,
    pub value: Expression<'a>,
}

#[derive(Clone, Debug)]
pub(super) struct Block<'a> {
    /// Such as `resource`.
    pub kind: &'a str,
    pub labels: Vec<&'a str>,
    pub body: Body<'a>,
    /// The block's type and labels in native syntax, the file in JSON.
    pub place: Place,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Content<'a> {
    pub attributes: BTreeMap<&'a str, Attribute<'a>>,
    pub blocks: Vec<Block<'a>>,
}

impl<'a> Body<'a> {
    /// What the schema has of the body; the rest is an error, or not, as `unknown` says.
    pub(super) fn content(&self, schema: &BodySchema<'_>, unknown: Unknown, problems: &mut Problems) -> Content<'a> {
        match self.kind {
            BodyKind::Native(_, body) => self.native_content(body, schema, unknown, problems),
            BodyKind::Json(json) => self.json_content(json, schema, unknown, problems),
            BodyKind::Empty => Content::default(),
        }
    }

    /// The arguments of a body that may hold nothing else; null where something is wrong with it.
    pub(super) fn just_attributes(&self, problems: &mut Problems) -> Option<Vec<Attribute<'a>>> {
        match self.kind {
            BodyKind::Native(native, body) => {
                if let Some(block) = body.blocks().next() {
                    let summary = format!("Unexpected \"{}\" block", block.ident.as_str());
                    problems.refuse(&summary, "Blocks are not allowed here.", self.file.place(block.ident.span()));
                    return None;
                }
                Some(body.attributes().map(|attribute| self.native_attribute(native, attribute)).collect())
            }
            BodyKind::Json(Json::Null) | BodyKind::Empty => Some(Vec::new()),
            BodyKind::Json(Json::Object(pairs)) => {
                let mut attributes: Vec<Attribute<'a>> = Vec::new();
                for (name, value) in pairs.iter().filter(|(name, _)| name != "//") {
                    if attributes.iter().any(|attribute| attribute.name == name) {
                        let detail = format!("The argument \"{name}\" was already set.");
                        problems.refuse("Duplicate attribute definition", detail, self.file.place(None));
                        return None;
                    }
                    attributes.push(self.json_attribute(name, value));
                }
                Some(attributes)
            }
            BodyKind::Json(_) => {
                problems.refuse(
                    "Incorrect JSON value type",
                    "A JSON object is required here, setting the arguments for this block.",
                    self.file.place(None),
                );
                None
            }
        }
    }

    /// The arguments, whatever stands beside them; in JSON every pair.
    pub(super) fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let attributes: Vec<_> = match self.kind {
            BodyKind::Native(native, found) => {
                found.attributes().map(|attribute| self.native_attribute(native, attribute)).collect()
            }
            BodyKind::Json(Json::Object(pairs)) => pairs
                .iter()
                .filter(|(name, _)| name != "//")
                .map(|(name, value)| self.json_attribute(name, value))
                .collect(),
            BodyKind::Json(_) | BodyKind::Empty => Vec::new(),
        };
        attributes.into_iter()
    }

    fn native_attribute(
        &self,
        native: &'a NativeFile,
        attribute: &'a hcl::edit::structure::Attribute,
    ) -> Attribute<'a> {
        Attribute {
            name: attribute.key.as_str(),
            place: self.file.place(attribute.key.span()),
            value: Expression { file: self.file, kind: ExpressionKind::Native(native, &attribute.value) },
        }
    }

    fn json_attribute(&self, name: &'a str, value: &'a Json) -> Attribute<'a> {
        let value = Expression { file: self.file, kind: ExpressionKind::Json(value) };
        Attribute { name, place: self.file.place(None), value }
    }

    fn native_content(
        &self,
        body: &'a NativeBody,
        schema: &BodySchema<'_>,
        unknown: Unknown,
        problems: &mut Problems,
    ) -> Content<'a> {
        let BodyKind::Native(native, _) = self.kind else { return Content::default() };
        for error in schema.check(body, self.range.clone(), unknown) {
            problems.errors.push(native.problem(&self.file.path, error));
        }
        let attributes = body.attributes().filter(|attribute| schema.has_argument(attribute.key.as_str()));
        let attributes = attributes.map(|attribute| self.native_attribute(native, attribute));
        let blocks = body.blocks().filter(|block| schema.accepts(block)).map(|block| {
            let start = block.ident.span().unwrap_or_default();
            let end = block.labels.last().and_then(Span::span).map_or(start.end, |span| span.end);
            let range = start.start..end;
            Block {
                kind: block.ident.as_str(),
                labels: block.labels.iter().map(hcl::edit::structure::BlockLabel::as_str).collect(),
                place: self.file.place(Some(range.clone())),
                body: Body { file: self.file, kind: BodyKind::Native(native, &block.body), range },
            }
        });
        Content {
            attributes: attributes.map(|attribute| (attribute.name, attribute)).collect(),
            blocks: blocks.collect(),
        }
    }

    fn json_content(
        &self,
        json: &'a Json,
        schema: &BodySchema<'_>,
        unknown: Unknown,
        problems: &mut Problems,
    ) -> Content<'a> {
        let mut content = Content::default();
        for (name, value) in self.json_pairs(json, None, problems) {
            if schema.has_argument(name) {
                let attribute = self.json_attribute(name, value);
                if content.attributes.insert(name, attribute).is_some() {
                    let detail = format!("The argument \"{name}\" was already set.");
                    problems.refuse("Duplicate argument", detail, self.file.place(None));
                }
            } else if let Some((kind, labels)) = schema.blocks.iter().find(|(known, _)| *known == name) {
                let header = JsonHeader { kind: name, schema_kind: kind, labels: Vec::new() };
                self.json_blocks(value, labels, &header, &mut content.blocks, problems);
            } else if unknown == Unknown::Refused && name != "//" {
                let detail = format!("No argument or block type is named \"{name}\".");
                problems.refuse("Extraneous JSON object property", detail, self.file.place(None));
            }
        }
        for name in schema.required.iter().filter(|name| !content.attributes.contains_key(**name)) {
            problems.refuse("Missing required argument", missing_argument(name), self.file.place(None));
        }
        content
    }

    /// The pairs of an object, or of every object of an array. `label` says which label the keys are.
    fn json_pairs(&self, json: &'a Json, label: Option<&str>, problems: &mut Problems) -> Vec<(&'a str, &'a Json)> {
        let objects = match json {
            Json::Null => return Vec::new(),
            Json::Array(elements) => elements.as_slice(),
            other => std::slice::from_ref(other),
        };
        let mut pairs = Vec::new();
        for object in objects {
            if let Json::Object(found) = object {
                pairs.extend(found.iter().map(|(name, value)| (name.as_str(), value)));
                continue;
            }
            let detail = match label {
                Some(label) => format!("A JSON object is required here, to specify \"{label}\" labels for this block."),
                None => "A JSON object is required here, to define arguments and child blocks.".to_owned(),
            };
            problems.refuse("Incorrect JSON value type", detail, self.file.place(None));
        }
        pairs
    }

    fn json_blocks(
        &self,
        json: &'a Json,
        labels_left: &[&str],
        header: &JsonHeader<'a, '_>,
        blocks: &mut Vec<Block<'a>>,
        problems: &mut Problems,
    ) {
        if let [label, labels_left @ ..] = labels_left {
            let pairs = self.json_pairs(json, Some(label), problems);
            if pairs.is_empty() {
                let detail = format!(
                    "At least one object property is required, whose name represents the {} block's {label}.",
                    header.schema_kind
                );
                problems.refuse("Missing block label", detail, self.file.place(None));
            }
            for (name, value) in pairs {
                let mut header = header.clone();
                header.labels.push(name);
                self.json_blocks(value, labels_left, &header, blocks, problems);
            }
            return;
        }
        let bodies = match json {
            Json::Null => return,
            Json::Array(elements) => elements.as_slice(),
            object @ Json::Object(_) => std::slice::from_ref(object),
            _ => {
                let detail = format!(
                    "Either a JSON object or a JSON array is required, representing the contents of one or more \"{}\" \
                     blocks.",
                    header.schema_kind
                );
                return problems.refuse("Incorrect JSON value type", detail, self.file.place(None));
            }
        };
        blocks.extend(bodies.iter().map(|body| Block {
            kind: header.kind,
            labels: header.labels.clone(),
            place: self.file.place(None),
            body: Body { file: self.file, kind: BodyKind::Json(body), range: 0..0 },
        }));
    }
}

#[derive(Clone)]
struct JsonHeader<'a, 'schema> {
    kind: &'a str,
    schema_kind: &'schema str,
    labels: Vec<&'a str>,
}
