//! What the engines say of a text that is not JSON, and what they read of it all the same.
//!
//! Source: hashicorp/hcl v2 `json/scanner.go`, `json/parser.go`, `json/public.go`.

use std::ops::Range;

use super::json::Json;

const NO_ROOT: &str = "Root value must be object";

/// Deeper than this nothing more is said.
const MAXIMUM_DEPTH: usize = 500;

/// An error with the bytes that it is about. It never holds what the text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonError {
    pub summary: &'static str,
    pub detail: &'static str,
    pub range: Range<usize>,
}

/// The value, with what is wrong in the order of its places, as the engines print it: nothing where this finds nothing
/// wrong. Of a root that is no object an empty one is made.
pub(super) fn recover(text: &str) -> (Json, Vec<JsonError>) {
    let mut parser = Parser::new(text);
    let start = parser.peek().range;
    let mut root = parser.value(0);
    if parser.errors.is_empty() && parser.peek().kind != Kind::End {
        let range = parser.peek().range;
        parser.refuse("Extraneous data after value", "Extra characters appear after the JSON value.", range);
    }
    if !matches!(root, Json::Object(_) | Json::Array(_)) {
        let detail = "The root value must be either a JSON object or a JSON array of objects.";
        parser.refuse(NO_ROOT, detail, start);
        root = Json::Object(Vec::new());
    }
    let mut errors = parser.errors;
    if parser.is_too_deep {
        errors.clear();
    }
    errors.sort_by_key(|error| error.range.start);
    (root, errors)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One of `{}[],:=`.
    Punctuation(u8),
    String,
    Number,
    Keyword,
    Invalid,
    End,
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    range: Range<usize>,
}

fn scan(text: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&first) = text.get(at) {
        let length_while = |is_part: fn(&u8) -> bool| text[at..].iter().take_while(|byte| is_part(byte)).count();
        let (kind, length) = match first {
            b' ' | b'\n' | b'\r' | b'\t' => {
                at += 1;
                continue;
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' | b'=' => (Kind::Punctuation(first), 1),
            b'"' => (Kind::String, string_length(&text[at..])),
            b'-' | b'+' | b'.' | b'0'..=b'9' => {
                (Kind::Number, length_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')))
            }
            b'a'..=b'z' | b'A'..=b'Z' => {
                (Kind::Keyword, length_while(|byte| byte.is_ascii_alphabetic() || *byte == b'_'))
            }
            _ => (Kind::Invalid, 1),
        };
        tokens.push(Token { kind, range: at..at + length });
        at += length;
        if kind == Kind::Invalid {
            break;
        }
    }
    tokens.push(Token { kind: Kind::End, range: at..at });
    tokens
}

/// To the closing quote or the first control character.
fn string_length(text: &[u8]) -> usize {
    let mut is_escaped = false;
    for (index, byte) in text.iter().enumerate().skip(1) {
        match byte {
            b'\\' => is_escaped = !is_escaped,
            b'"' if !is_escaped => return index + 1,
            0..32 => return index,
            _ => is_escaped = false,
        }
    }
    text.len()
}

struct Parser<'a> {
    tokens: Vec<Token>,
    next: usize,
    text: &'a [u8],
    errors: Vec<JsonError>,
    is_too_deep: bool,
}

const OPENING_BRACE: Kind = Kind::Punctuation(b'{');
const CLOSING_BRACE: Kind = Kind::Punctuation(b'}');
const OPENING_BRACKET: Kind = Kind::Punctuation(b'[');
const CLOSING_BRACKET: Kind = Kind::Punctuation(b']');
const COMMA: Kind = Kind::Punctuation(b',');
const COLON: Kind = Kind::Punctuation(b':');

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        let text = text.as_bytes();
        Self { tokens: scan(text), next: 0, text, errors: Vec::new(), is_too_deep: false }
    }

    fn peek(&self) -> Token {
        let end = || Token { kind: Kind::End, range: self.text.len()..self.text.len() };
        self.tokens.get(self.next).cloned().unwrap_or_else(end)
    }

    fn read(&mut self) -> Token {
        let token = self.peek();
        if token.kind != Kind::End {
            self.next += 1;
        }
        token
    }

    fn refuse(&mut self, summary: &'static str, detail: &'static str, range: Range<usize>) -> Json {
        self.errors.push(JsonError { summary, detail, range });
        Json::Invalid
    }

    fn value(&mut self, depth: usize) -> Json {
        const START: &str = "A JSON value must start with a brace, a bracket, a number, a string, or a keyword.";
        let token = self.peek();
        match token.kind {
            _ if depth > MAXIMUM_DEPTH => {
                self.is_too_deep = true;
                self.next = self.tokens.len();
                Json::Invalid
            }
            OPENING_BRACE => self.object(depth),
            OPENING_BRACKET => self.array(depth),
            Kind::Number | Kind::String | Kind::Keyword => self.scalar(),
            CLOSING_BRACE => self.refuse("Missing JSON value", START, token.range),
            CLOSING_BRACKET => self.refuse("Missing array element value", START, token.range),
            Kind::End => self.refuse("Missing value", "The JSON data ends prematurely.", token.range),
            Kind::Punctuation(_) | Kind::Invalid => self.refuse("Invalid start of value", START, token.range),
        }
    }

    fn scalar(&mut self) -> Json {
        let token = self.read();
        let bytes = &self.text[token.range.clone()];
        match token.kind {
            Kind::Number if !is_number(bytes) => {
                self.refuse("Invalid JSON number", "There is a syntax error in the given JSON number.", token.range)
            }
            Kind::Keyword if !matches!(bytes, b"true" | b"false" | b"null") => {
                self.refuse("Invalid JSON keyword", "The keywords of JSON are true, false and null.", token.range)
            }
            Kind::String => match string_error(bytes) {
                // Half of a surrogate pair is read by the engines alone.
                None => serde_json::from_slice(bytes).map_or(Json::Invalid, Json::String),
                Some(offset) => {
                    let start = token.range.start + offset;
                    let detail = "There is a syntax error in the given JSON string.";
                    self.refuse("Invalid JSON string", detail, start..start)
                }
            },
            Kind::Number => Json::Number(String::from_utf8_lossy(bytes).into_owned()),
            _ if bytes == b"null" => Json::Null,
            _ => Json::Bool(bytes == b"true"),
        }
    }

    /// To what closes the object or array that is open, or to the end.
    fn recover(&mut self, from: Token, [opening, closing]: [Kind; 2]) {
        let mut depth = 1;
        let mut token = from;
        loop {
            if token.kind == opening {
                depth += 1;
            } else if token.kind == closing {
                depth -= 1;
                if depth <= 1 {
                    return;
                }
            } else if token.kind == Kind::End {
                return;
            }
            token = self.read();
        }
    }

    fn object(&mut self, depth: usize) -> Json {
        const BRACES: [Kind; 2] = [OPENING_BRACE, CLOSING_BRACE];
        let open = self.read();
        let mut pairs = Vec::new();
        while self.peek().kind != CLOSING_BRACE {
            let name_range = self.peek().range;
            let Json::String(name) = self.value(depth + 1) else {
                let detail = "A JSON object property name must be a string.";
                return self.refuse("Invalid object property name", detail, name_range);
            };
            let colon = self.read();
            if colon.kind != COLON {
                self.recover(colon.clone(), BRACES);
                let (summary, detail) = match colon.kind {
                    CLOSING_BRACE | COMMA => {
                        ("Missing object value", "A JSON object attribute must have a value, introduced by a colon.")
                    }
                    Kind::Punctuation(b'=') => (
                        "Missing property value colon",
                        "JSON uses a colon as its name/value delimiter, not an equals sign.",
                    ),
                    _ => (
                        "Missing property value colon",
                        "A colon must appear between an object property's name and its value.",
                    ),
                };
                return self.refuse(summary, detail, colon.range);
            }
            let value = self.value(depth + 1);
            pairs.push((name, value));
            match self.peek().kind {
                COMMA => {
                    let comma = self.read();
                    if self.peek().kind == CLOSING_BRACE {
                        let detail = "JSON does not permit a trailing comma after the final property in an object.";
                        return self.refuse("Trailing comma in object", detail, comma.range);
                    }
                }
                CLOSING_BRACE => {}
                Kind::End => {
                    let detail = "No closing brace was found for this JSON object.";
                    return self.refuse("Unclosed object", detail, open.range);
                }
                CLOSING_BRACKET => {
                    self.read();
                    let detail = "A JSON object must be closed with a brace, not a bracket.";
                    let range = self.peek().range;
                    return self.refuse("Mismatched braces", detail, range);
                }
                _ => {
                    let token = self.read();
                    self.recover(token, BRACES);
                    let detail = "A comma must appear between each property definition in an object.";
                    let range = self.peek().range;
                    return self.refuse(MISSING_COMMA, detail, range);
                }
            }
        }
        self.read();
        Json::Object(pairs)
    }

    fn array(&mut self, depth: usize) -> Json {
        let open = self.read();
        let mut elements = Vec::new();
        while self.peek().kind != CLOSING_BRACKET {
            elements.push(self.value(depth + 1));
            let (summary, detail) = match self.peek().kind {
                COMMA => {
                    let comma = self.read();
                    if self.peek().kind == CLOSING_BRACKET {
                        let detail = "JSON does not permit a trailing comma after the final value in an array.";
                        return self.refuse("Trailing comma in array", detail, comma.range);
                    }
                    continue;
                }
                CLOSING_BRACKET => continue,
                Kind::End => {
                    let detail = "No closing bracket was found for this JSON array.";
                    return self.refuse("Unclosed object", detail, open.range);
                }
                COLON => ("Invalid array value", "A colon is not used to introduce values in a JSON array."),
                CLOSING_BRACE => ("Mismatched brackets", "A JSON array must be closed with a bracket, not a brace."),
                _ => (MISSING_COMMA, "A comma must appear between each value in an array."),
            };
            let token = self.read();
            self.recover(token, [OPENING_BRACKET, CLOSING_BRACKET]);
            let range = self.peek().range;
            return self.refuse(summary, detail, range);
        }
        self.read();
        Json::Array(elements)
    }
}

/// The engines' own spelling.
const MISSING_COMMA: &str = "Missing attribute seperator comma";

/// Of any size.
fn is_number(token: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = token.strip_prefix(b"-").unwrap_or(token);
    let integer = digits(text);
    let mut rest = &text[integer..];
    if integer == 0 || (integer > 1 && text[0] == b'0') {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        rest = &fraction[length..];
        if length == 0 {
            return false;
        }
    }
    let [b'e' | b'E', exponent @ ..] = rest else { return rest.is_empty() };
    let exponent = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
    !exponent.is_empty() && digits(exponent) == exponent.len()
}

/// How far a string can be read, if not to its end: one byte past what is wrong.
///
/// Source: Go `encoding/json/scanner.go`.
fn string_error(token: &[u8]) -> Option<usize> {
    let mut index = 1;
    loop {
        match token.get(index) {
            None => return Some(token.len()),
            Some(b'"') => return None,
            Some(b'\\') => match token.get(index + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => index += 2,
                Some(b'u') => {
                    let digits = token[index + 2..].iter().take(4).take_while(|byte| byte.is_ascii_hexdigit()).count();
                    if digits < 4 {
                        return Some((index + 3 + digits).min(token.len()));
                    }
                    index += 6;
                }
                found => return Some(index + 1 + usize::from(found.is_some())),
            },
            Some(_) => index += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summaries(text: &str) -> Vec<&'static str> {
        recover(text).1.iter().map(|error| error.summary).collect()
    }

    #[test]
    fn nothing_is_said_of_json() {
        for text in ["{}", "[]", "{\"a\": 1e999}", r#"{"a": [1, -2.5e3, true, null, "\u00e9\"", {"b": {}}], "a": 2}"#] {
            assert!(recover(text).1.is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_has_the_engines_words() {
        for (text, expected) in [
            ("", &["Missing value", NO_ROOT][..]),
            ("1", &[NO_ROOT]),
            ("{} 1", &["Extraneous data after value"]),
            ("\u{feff}{}", &["Invalid start of value", NO_ROOT]),
            ("{ // x\n}", &[NO_ROOT, "Invalid start of value", "Invalid object property name"]),
            (r#"{"a": 1,}"#, &[NO_ROOT, "Trailing comma in object"]),
            (r#"{"a" = 1}"#, &[NO_ROOT, "Missing property value colon"]),
            (r#"{"a"}"#, &[NO_ROOT, "Missing object value"]),
            (r#"{"a": }"#, &["Missing JSON value"]),
            (r#"{"a": tru, "b": 01}"#, &["Invalid JSON keyword", "Invalid JSON number"]),
            (r#"{"a": "\x"}"#, &["Invalid JSON string"]),
            ("{\"a\": \"b\n\"}", &[NO_ROOT, "Invalid JSON string", "Missing attribute seperator comma"]),
            (r#"{"a": [1,]}"#, &[NO_ROOT, "Trailing comma in array", "Mismatched braces"]),
            (r#"{"a": [1: 2]}"#, &["Invalid array value"]),
            (r#"{"a": [1}"#, &["Unclosed object", NO_ROOT, "Mismatched brackets"]),
            (r#"{"a": 1]"#, &[NO_ROOT, "Mismatched braces"]),
            (r#"{"a": 1 "b": 2}"#, &[NO_ROOT, "Missing attribute seperator comma"]),
            (r#"{"a": 1"#, &["Unclosed object", NO_ROOT]),
            ("[", &["Unclosed object", NO_ROOT, "Missing value"]),
        ] {
            assert_eq!(summaries(text), expected, "{text}");
        }
    }

    #[test]
    fn deep_texts_end() {
        for part in ["[", "{\"a\":"] {
            assert!(recover(&part.repeat(1_000_000)).1.is_empty());
        }
    }

    #[test]
    fn the_rest_is_read() {
        let (json, _) = recover(r#"{"a": [1 2], "c": yes, "d": [{"e": "f"}]}"#);
        let d = Json::Array(vec![Json::Object(vec![("e".to_owned(), Json::String("f".to_owned()))])]);
        let pairs = [("a", Json::Invalid), ("c", Json::Invalid), ("d", d)];
        assert_eq!(json, Json::Object(pairs.map(|(name, value)| (name.to_owned(), value)).into()));
    }
}
