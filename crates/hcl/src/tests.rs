use hcl::edit::Span;
use proptest::prelude::*;

use super::*;

#[test]
fn refuses_what_the_engines_refuse_though_hcl_rs_does_not() {
    let cases = [
        ("a = \"x\ny\"\n", "Invalid multi-line string"),
        ("a = b.0.1\n", "Invalid legacy index syntax"),
        ("a = b.\n  c\n", "Invalid attribute name"),
        ("a = f(<<EOT\nx\nEOT)\n", "Unterminated template string"),
        ("a = <<EOT\nx\nEOT", "Unterminated template string"),
        ("a = [for k, v in x : k => v]\n", "Invalid 'for' expression"),
        ("a = {for v in x : v}\n", "Invalid 'for' expression"),
        ("a = 1\na = 2\n", "Attribute redefined"),
        ("b { a = 1, c = 2 }\n", "Invalid single-argument block definition"),
        ("b {\n", "Unclosed configuration block"),
        ("b \"l\"\n{\n}\n", "Invalid block definition"),
        ("\"a\" = 1\n", "Invalid argument name"),
        ("a = 'x'\n", "Invalid character"),
        ("a = [\"${b\", c]\n", "Invalid multi-line string"),
        ("a = \"%{ if x }\"\n", "Unexpected end of template"),
        ("a = \"\\q\"\n", "Invalid escape sequence"),
        ("a =\n", "Invalid expression"),
        ("a = (1\n", "Unbalanced parentheses"),
        ("a = [1 2]\n", "Missing item separator"),
        ("a = { b 1 }\n", "Missing key/value separator"),
        ("a = 1 # x\n}\n", "Argument or block definition required"),
        ("/* a = 1\n", "Argument or block definition required"),
    ];
    for (text, summary) in cases {
        let file = NativeFile::parse(text.as_bytes());
        assert_eq!(file.errors.first().map(|error| error.summary.as_str()), Some(summary), "{text}");
        let is_read_on = ["Attribute redefined", "Unclosed configuration block"].contains(&summary);
        assert_eq!(file.body.is_some(), is_read_on, "{text}");
    }
}

#[test]
fn keeps_the_structure_around_expressions_that_hcl_rs_refuses() {
    let text = "locals {\n  a = {\n    for k, v in x : k => v &&\n    w /* é */\n  }\n  b = {\n    for k, v in x : k => v\n    ? 1 # é\n    : 2\n  }\n}\nafter = \"é\"\n";
    let file = NativeFile::parse(text.as_bytes());
    assert_eq!(file.errors, []);
    assert!(!file.unread.is_empty(), "hcl-rs reads it by now: the replacement can go");
    let body = file.body.as_ref().unwrap();
    assert_eq!(body.blocks().count(), 1);
    let after = body.get_attribute("after").unwrap();
    assert_eq!(after.value.as_str(), Some("é"));
    assert_eq!(&text[after.value.span().unwrap()], "\"é\"");
    for attribute in body.blocks().next().unwrap().body.attributes() {
        assert!(file.is_unread(&attribute.value.span().unwrap()), "{}", attribute.key.as_str());
    }
}

#[test]
fn an_empty_heredoc_does_not_swallow_what_follows() {
    let text = "a {\n  b = <<EOT\nEOT\n  c = 1\n}\nd {\n  e = <<EOT\n  f\nEOT\n}\n";
    let file = NativeFile::parse(text.as_bytes());
    let body = file.body.unwrap();
    assert_eq!(body.blocks().count(), 2);
    assert!(body.blocks().next().unwrap().body.has_attribute("c"));
    let text = "a {\n  b = <<EOT\nEOT\n  c = 1\n}\n";
    assert!(NativeFile::parse(text.as_bytes()).body.is_some());
}

#[test]
fn heredocs_end_where_they_end_for_the_engines() {
    let texts = [
        "a = <<EOT\nEOT\nb = <<EOT\nx\nEOT\nc = 1\n",
        "a = <<-EOT\r\n\t EOT \r\nb = [<<EOT\n EOT\n]\nc = 1\n",
        "a = <<EOT\nx\nEOT # x\nd = 1\ne = 1 /*\nEOT\n/* */\nb = 1\nc = 1\n",
        "a = <<EOT\nEOT x\nEOT\nb = <<EOT\nEOTx\nEOT-\nEOT\nc = 1\n",
        "a = <<EOT\nx\n\u{a0}EOT\nb = <<EOT\nx\nEOT\nc = 1\n",
        "a = <<EOT\nx\nEOT ${1}\nEOT\nb = \"${<<EOT\nEOT\n}\"\nc = 1\n",
    ];
    for text in texts {
        let file = NativeFile::parse(text.as_bytes());
        assert_eq!(file.errors, [], "{text}");
        let keys: Vec<_> = file.body.as_ref().unwrap().attributes().map(|attribute| attribute.key.as_str()).collect();
        assert_eq!(keys, ["a", "b", "c"], "{text}");
    }
    let empty = NativeFile::parse(texts[0].as_bytes());
    assert_eq!(empty.body.unwrap().get_attribute("a").unwrap().value.as_str(), Some(""));
    assert!(empty.unread.is_empty());
}

#[test]
fn accepts_what_the_engines_accept() {
    let texts = [
        "",
        "\u{feff}a = 1\r\n",
        "a = 1 // x",
        "b c \"d\" { e = 1 } # f\n",
        "a = <<-EOT\n  x ${y} $${z} %%{w} $\n  EOT\n",
        "a = \"%{ for k, v in x ~} ${k} %{ if v } a %{ else } b %{ endif } %{ endfor }\"\n",
        "a = b.*.c.0[*].d[\"e\"]\n",
        "a = f(1, [2]...)\n",
        "a = provider::b::c(1)\n",
        "a = {for k, v in x : k => v... if v}\n",
        "a = !b && -c < 1.5e3\n",
        "é-ö = 1\n",
        "a = x ? y : z ? 1 : 2\n",
        "a = {\n b = 1, c : 2\n (d) = 3\n}\n",
    ];
    for text in texts {
        let file = NativeFile::parse(text.as_bytes());
        assert_eq!(file.errors, [], "{text}");
        assert!(file.body.is_some(), "{text}");
    }
}

#[test]
fn deep_nesting_is_not_understood_rather_than_an_overflow() {
    for open in ["[", "(", "{a=", "!", "\"${", "x["] {
        let file = NativeFile::parse(format!("a = {}", open.repeat(100_000)).as_bytes());
        assert!(file.body.is_none() && file.errors.is_empty(), "{open}");
    }
    let file = NativeFile::parse("b {\n".repeat(100_000).as_bytes());
    assert!(file.body.is_none() && file.errors.is_empty());
}

#[test]
fn constants_are_evaluated_and_references_are_not() {
    use constant::{Constant, NotConstant, evaluate};
    let string = |text: &str| Ok(Constant::String(text.to_owned()));
    let number = |text: &str| Ok(Constant::Number(text.to_owned()));
    let cases = [
        ("\"a\\u0062\"", string("ab")),
        ("\"a${\"b\"}${1}${true}\"", string("ab1true")),
        ("\"${1.50}\"", number("1.5")),
        ("(\"a\")", string("a")),
        ("true ? \"a\" : \"b\"", string("a")),
        ("\"x\" == \"y\" ? \"a\" : \"b\"", string("b")),
        ("<<-EOT\n  a\n   b\n  EOT\n", string("a\n b\n")),
        ("3", number("3")),
        ("3.0", number("3")),
        ("1e2", number("100")),
        ("12.5e-1", number("1.25")),
        ("0.050", number("0.05")),
        ("-1", number("-1")),
        ("null", Ok(Constant::Null)),
        ("[1, \"a\"]", Ok(Constant::Tuple)),
        ("{ a = 1 }", Ok(Constant::Object)),
        ("var.x", Err(NotConstant::Variable)),
        ("\"a${var.x}\"", Err(NotConstant::Variable)),
        ("true ? \"a\" : var.x", Err(NotConstant::Variable)),
        ("[var.x]", Err(NotConstant::Variable)),
        ("upper(\"a\")", Err(NotConstant::Function)),
        ("[for x in []: x]", Err(NotConstant::NotUnderstood)),
    ];
    for (text, expected) in cases {
        let file = NativeFile::parse(format!("a = {text}\n").as_bytes());
        let body = file.body.unwrap();
        assert_eq!(evaluate(&body.get_attribute("a").unwrap().value), expected, "{text}");
    }
}

const SOUND: &str = "a = \"${b}$${c}%{ if d }e%{ endif }\"\nf \"g\" h {\n  i = <<-J\n    k ${l}\n    J\n  m = [{ n = 1 }, (o ? p : q)]\n  # r\n}\n";

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        NativeFile::parse(&bytes);
    }

    #[test]
    fn no_mutation_makes_the_parser_panic_or_lose_the_offsets(
        at in 0..SOUND.len(), count in 0..20_usize, insert in "[\"${}%\\[\\]()<J\n\\\\=é~:?.]{0,6}"
    ) {
        let mut bytes = SOUND.as_bytes().to_vec();
        let end = (at + count).min(bytes.len());
        bytes.splice(at..end, insert.into_bytes());
        let file = NativeFile::parse(&bytes);
        prop_assert_eq!(file.text.len(), bytes.len());
        prop_assert!(file.errors.iter().all(|error| error.range.end <= bytes.len()));
    }
}

#[test]
fn text_that_is_no_expression_is_refused_at_once() {
    let text = format!("n{}", "[m".repeat(60));
    assert!(super::expression(&text).is_none());
    assert!(super::template(&format!("${{{text}}}")).is_none());
    assert!(super::expression("n[\"a\"].b").is_some());
    assert!(super::template("${var.x}%{ if a }b%{ endif }").is_some());
}
