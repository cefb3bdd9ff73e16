//! One view of both syntaxes: bodies, blocks, arguments and their values.
//!
//! Source: hashicorp/hcl v2 `structure.go`, `ops.go`, `json/structure.go`.

use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::json::Json;
use airtight_hcl::constant::{self, Constant};
use airtight_hcl::{NativeFile, Place, Problem, ProblemKind, structure};
use airtight_provider::json_error;

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
    /// Parses by the file's name, as the engines do. Also returns the text, and the problems of parts that cannot be read.
    pub(super) fn parse(path: &Utf8Path, bytes: &[u8]) -> (Self, Arc<str>, Option<Problem>) {
        let file = |syntax| Self { path: path.to_owned(), syntax };
        if path.as_str().strip_suffix(".json").is_none() {
            let native = NativeFile::parse(bytes);
            let (text, problem) = (native.text.clone(), native.problem(path));
            return (file(Syntax::Native(native)), text, problem);
        }
        let text: Arc<str> = String::from_utf8_lossy(bytes).into();
        match serde_json::from_str::<Json>(&text) {
            Ok(json @ (Json::Object(_) | Json::Array(_))) => (file(Syntax::Json(json)), text, None),
            refused => {
                let (kind, summary) = match bytes {
                    [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => (ProblemKind::Utf16, "The file is UTF-16"),
                    _ => (ProblemKind::Syntax, "The file is not JSON"),
                };
                let reason = refused.err().map_or_else(|| "it is not an object".to_owned(), |error| json_error(&error));
                let problem = Problem::new(kind, summary, reason, Place::file(path));
                (file(Syntax::Json(Json::Null)), text, Some(problem))
            }
        }
    }

    pub(super) fn root(&self) -> Body<'_> {
        let kind = match &self.syntax {
            Syntax::Native(native) => BodyKind::Native(native, &native.body),
            Syntax::Json(json) => BodyKind::Json(json),
        };
        Body { file: self, kind }
    }

    pub(super) fn place(&self, range: Option<Range<usize>>) -> Place {
        match &self.syntax {
            Syntax::Native(native) => native.place(&self.path, range),
            Syntax::Json(_) => Place::file(&self.path),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'a> {
    file: &'a ParsedFile,
    kind: BodyKind<'a>,
}

#[derive(Clone, Copy, Debug)]
enum BodyKind<'a> {
    Native(&'a NativeFile, &'a structure::Body),
    Json(&'a Json),
}

#[derive(Clone, Debug)]
pub(super) struct Attribute<'a> {
    pub name: String,
    name_range: Option<Range<usize>>,
    pub value: Expression<'a>,
}

#[derive(Clone, Debug)]
pub(super) struct Block<'a> {
    /// Such as `resource`.
    pub kind: &'a str,
    pub labels: Vec<&'a str>,
    pub body: Body<'a>,
    header: Option<Range<usize>>,
}

/// Block types that a body may hold, with the number of their labels. JSON cannot be read without it.
pub(super) type BlockTypes = [(&'static str, usize)];

impl<'a> Body<'a> {
    pub(super) fn attribute(&self, name: &str) -> Option<Attribute<'a>> {
        match self.kind {
            BodyKind::Native(native, body) => {
                let found =
                    body.attributes.iter().find(|attribute| native.text.get(attribute.name.clone()) == Some(name))?;
                Some(self.native_attribute(native, found))
            }
            BodyKind::Json(json) => {
                let (name, value) = pairs(json).find(|(key, _)| key.as_str() == name)?;
                Some(self.json_attribute(name, value))
            }
        }
    }

    /// Every argument; in JSON every pair.
    pub(super) fn attributes(&self) -> Vec<Attribute<'a>> {
        match self.kind {
            BodyKind::Native(native, body) => {
                body.attributes.iter().map(|attribute| self.native_attribute(native, attribute)).collect()
            }
            BodyKind::Json(json) => pairs(json).map(|(name, value)| self.json_attribute(name, value)).collect(),
        }
    }

    fn native_attribute(&self, native: &'a NativeFile, attribute: &'a structure::Attribute) -> Attribute<'a> {
        Attribute {
            name: native.text.get(attribute.name.clone()).unwrap_or_default().to_owned(),
            name_range: Some(attribute.name.clone()),
            value: Expression { file: self.file, kind: ExpressionKind::Native(native, attribute.value.clone()) },
        }
    }

    fn json_attribute(&self, name: &str, value: &'a Json) -> Attribute<'a> {
        let value = Expression { file: self.file, kind: ExpressionKind::Json(value) };
        Attribute { name: name.to_owned(), name_range: None, value }
    }

    /// The blocks of these types that have the right number of labels, and those of other types: in native syntax all
    /// blocks, in JSON the pairs that are no arguments.
    pub(super) fn blocks(&self, known: &BlockTypes, arguments: &[&str]) -> (Vec<Block<'a>>, Vec<Unknown<'a>>) {
        let (mut blocks, mut unknown) = (Vec::new(), Vec::new());
        match self.kind {
            BodyKind::Native(native, body) => {
                let text = |range: &Range<usize>| native.text.get(range.clone()).unwrap_or_default();
                for block in &body.blocks {
                    let kind = text(&block.name);
                    let is_known = known.iter().any(|(name, labels)| *name == kind && *labels == block.labels.len());
                    let header = Some(block.header.clone());
                    if is_known {
                        blocks.push(Block {
                            kind,
                            labels: block.labels.iter().map(text).collect(),
                            body: Body { file: self.file, kind: BodyKind::Native(native, &block.body) },
                            header,
                        });
                    } else {
                        unknown.push(Unknown { kind, place: self.file.place(header) });
                    }
                }
            }
            BodyKind::Json(json) => {
                for (name, value) in pairs(json) {
                    if let Some((_, labels)) = known.iter().find(|(known, _)| known == name) {
                        self.json_blocks(value, *labels, (name, &[]), &mut blocks);
                    } else if name != "//" && !arguments.contains(&name.as_str()) {
                        unknown.push(Unknown { kind: name, place: self.file.place(None) });
                    }
                }
            }
        }
        (blocks, unknown)
    }

    fn json_blocks(
        &self,
        json: &'a Json,
        labels_left: usize,
        (kind, labels): (&'a str, &[&'a str]),
        blocks: &mut Vec<Block<'a>>,
    ) {
        if labels_left > 0 {
            for (name, value) in pairs(json) {
                let labels = [labels, &[name.as_str()]].concat();
                self.json_blocks(value, labels_left - 1, (kind, &labels), blocks);
            }
            return;
        }
        let bodies = match json {
            Json::Array(elements) => elements.as_slice(),
            object => std::slice::from_ref(object),
        };
        blocks.extend(bodies.iter().filter(|body| !matches!(body, Json::Null)).map(|body| Block {
            kind,
            labels: labels.to_vec(),
            body: Body { file: self.file, kind: BodyKind::Json(body) },
            header: None,
        }));
    }
}

/// A block, or a pair in JSON, that is not known here.
pub(super) struct Unknown<'a> {
    pub kind: &'a str,
    pub place: Place,
}

/// The pairs of an object, or of every object of an array.
fn pairs(json: &Json) -> impl Iterator<Item = (&String, &Json)> {
    let objects = match json {
        Json::Array(elements) => elements.as_slice(),
        other => std::slice::from_ref(other),
    };
    let objects = objects.iter().filter_map(|object| match object {
        Json::Object(pairs) => Some(pairs),
        _ => None,
    });
    objects.flatten().map(|(name, value)| (name, value))
}

impl Attribute<'_> {
    /// The name in native syntax, the file in JSON.
    pub(super) fn place(&self) -> Place {
        self.value.file.place(self.name_range.clone())
    }
}

impl Block<'_> {
    /// The block's type and labels in native syntax, the file in JSON.
    pub(super) fn place(&self) -> Place {
        self.body.file.place(self.header.clone())
    }
}

#[derive(Clone, Debug)]
pub(super) struct Expression<'a> {
    file: &'a ParsedFile,
    kind: ExpressionKind<'a>,
}

#[derive(Clone, Debug)]
enum ExpressionKind<'a> {
    Native(&'a NativeFile, structure::Expression),
    Json(&'a Json),
}

/// What an argument that should be a constant string holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Text {
    Constant(String),
    Null,
    /// Only the engine can say.
    Unevaluated,
}

impl Expression<'_> {
    pub(super) fn place(&self) -> Place {
        match &self.kind {
            ExpressionKind::Native(_, expression) => self.file.place(Some(expression.range.clone())),
            ExpressionKind::Json(_) => self.file.place(None),
        }
    }

    /// Its value without variables and functions; null if it has none. A string in JSON that is a template has none.
    pub(super) fn constant(&self) -> Option<Constant> {
        match &self.kind {
            ExpressionKind::Native(native, expression) => constant::evaluate(&native.expression(expression)?).ok(),
            ExpressionKind::Json(json) => match json {
                Json::Null => Some(Constant::Null),
                Json::Bool(value) => Some(Constant::Bool(*value)),
                Json::Number(text) => Some(Constant::Number(text.clone())),
                Json::String(text) if text.contains("${") || text.contains("%{") => None,
                Json::String(text) => Some(Constant::String(text.clone())),
                Json::Array(_) => Some(Constant::Tuple),
                Json::Object(_) => Some(Constant::Object),
            },
        }
    }

    pub(super) fn text(&self) -> Text {
        match self.constant().map(Constant::into_string) {
            Some(Ok(Some(text))) => Text::Constant(text),
            Some(Ok(None)) => Text::Null,
            Some(Err(_)) | None => Text::Unevaluated,
        }
    }

    /// Its text in native syntax, for [`airtight_hcl::evaluation`]; null if it cannot be read. Strings in JSON are templates.
    pub(super) fn source_text(&self) -> Option<String> {
        match &self.kind {
            ExpressionKind::Native(native, expression) => native.expression_text(expression),
            ExpressionKind::Json(json) => json.in_native_syntax(),
        }
    }

    /// The pairs of an object written out, each with its key if that is a constant. Null for anything else.
    pub(super) fn items(&self) -> Option<Vec<(Option<String>, Self)>> {
        let sibling = |kind| Self { file: self.file, kind };
        match &self.kind {
            ExpressionKind::Native(native, object) => {
                let items = native.items(object)?.into_iter().map(|(key, value)| {
                    let text = native.text.get(key.range.clone()).unwrap_or_default();
                    let name = hcl::edit::Ident::try_new(text).ok().map(|_| text.to_owned());
                    let constant = || sibling(ExpressionKind::Native(native, key)).constant()?.into_string().ok()?;
                    (name.or_else(constant), sibling(ExpressionKind::Native(native, value)))
                });
                Some(items.collect())
            }
            ExpressionKind::Json(Json::Object(pairs)) => {
                let items = pairs.iter().map(|(key, value)| (Some(key.clone()), sibling(ExpressionKind::Json(value))));
                Some(items.collect())
            }
            ExpressionKind::Json(_) => None,
        }
    }

    /// The names of a reference, without its keys. It may be in quotes.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        let text = match &self.kind {
            ExpressionKind::Native(native, expression) => {
                let text = native.text.get(expression.range.clone())?;
                if text.starts_with('"') { self.constant()?.into_string().ok()?? } else { text.to_owned() }
            }
            ExpressionKind::Json(Json::String(text)) => text.clone(),
            ExpressionKind::Json(_) => return None,
        };
        Some(airtight_hcl::names(&text)?.into_iter().map(str::to_owned).collect())
    }
}
