use proptest::prelude::*;

use super::*;

fn names_of(file: &NativeFile) -> Vec<&str> {
    file.body.attributes.iter().map(|attribute| &file.text[attribute.name.clone()]).collect()
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
        assert_eq!((names_of(&file), file.errors.clone()), (vec!["a", "b", "c"], vec![]), "{text}");
    }
}

#[test]
fn accepts_what_the_engines_accept() {
    let texts = [
        "",
        "\u{feff}a = 1\r\n",
        "a = 1 // x",
        "b c \"d\" { e = 1 } # f\n",
        "b \"\" {}\n",
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
        "# \u{201c}\na = \"'`;\u{201c}\"\n",
    ];
    for text in texts {
        assert_eq!(NativeFile::parse(text.as_bytes()).errors, [], "{text}");
    }
}

#[test]
fn an_error_has_its_kind_and_its_place() {
    use SyntaxErrorKind as K;
    let cases = [
        ("a = \"x\ny\"\n", K::Character, 6..7),
        ("b {\n", K::Unclosed, 2..3),
        ("b \"l\"\n{\n}\n", K::Unexpected, 5..6),
        ("\"a\" = 1\n", K::Unexpected, 0..1),
        ("a = 'x'\n", K::Character, 4..5),
        ("a =\n", K::Unexpected, 3..4),
        ("a = (1\n", K::Unexpected, 7..7),
        ("a = 1 # x\n}\n", K::Unexpected, 10..11),
        ("/* a = 1\n", K::Unexpected, 0..1),
        ("a = 1\n<<<<<<< HEAD\n", K::MergeMarker, 6..13),
    ];
    for (text, kind, range) in cases {
        let errors = NativeFile::parse(text.as_bytes()).errors;
        assert_eq!(errors.first(), Some(&SyntaxError { kind, range }), "{text}");
    }
    let broken = NativeFile::parse(b"# \xff\na = \"\xff\"\n");
    assert_eq!(broken.errors[0], SyntaxError { kind: K::Encoding, range: 9..10 });
    assert_eq!(NativeFile::parse(b"\xff\xfea\0").errors, [SyntaxError { kind: K::Utf16, range: 0..0 }]);
}

#[test]
fn deep_nesting_is_no_overflow() {
    for open in ["[", "(", "{a=", "!", "\"${", "x["] {
        let text = format!("a = {}", open.repeat(100_000));
        let file = NativeFile::parse(text.as_bytes());
        assert!(file.hcl_body().is_none(), "{open}");
        assert!(file.expression(&file.body.attributes[0].value).is_none(), "{open}");
    }
    let file = NativeFile::parse(["b {\n".repeat(100_000), "}\n".repeat(100_000)].concat().as_bytes());
    assert_eq!(file.errors[0].kind, SyntaxErrorKind::TooDeep);
}

#[test]
fn objects_are_taken_apart_with_every_key() {
    let items = |text: &str| {
        let file = NativeFile::parse(format!("a = {text}\n").as_bytes());
        let pairs = file.items(&file.body.attributes[0].value)?;
        let text = |part: &Expression| file.text[part.range.clone()].to_owned();
        Some(pairs.iter().map(|(key, value)| (text(key), text(value))).collect::<Vec<_>>())
    };
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(items("{}"), Some(vec![]));
    assert_eq!(
        items("{\n a = 1 # x\n\n \"b\" : { c = [2, 3] }, a = \"${f({d=4})}\"\n (e) = x ? 5 : 6,\n}"),
        Some(vec![
            pair("a", "1"),
            pair("\"b\"", "{ c = [2, 3] }"),
            pair("a", "\"${f({d=4})}\""),
            pair("(e)", "x ? 5 : 6")
        ])
    );
    for text in ["{ a }", "{ a = 1 }.a", "[{}]", "{a=1} == {b=2}", "x", "{ a = }"] {
        assert_eq!(items(text), None, "{text}");
    }
}

#[test]
fn references_are_names_and_passed_over_keys() {
    assert_eq!(names("module.a[\"x\"].b_c.d[e.f[0]]"), Some(vec!["module", "a", "b_c", "d"]));
    assert_eq!(names("google-beta"), Some(vec!["google-beta"]));
    for text in ["", "a.", "a.0", "a b", "\"a\"", "f(1)", "a[", "${a}", "!a", "a.*.b"] {
        let found = names(text);
        assert!(found.is_none() || text == "f(1)", "{text}: {found:?}");
    }
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
        ("\"x\" == \"y\"", Err(NotConstant::NotUnderstood)),
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
        assert_eq!(evaluate(&file.expression(&file.body.attributes[0].value).unwrap()), expected, "{text}");
        assert_eq!(evaluate(&file.hcl_body().unwrap().get_attribute("a").unwrap().value), expected, "{text}");
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
        for attribute in &file.body.attributes {
            file.expression(&attribute.value);
            file.items(&attribute.value);
        }
        file.hcl_body();
    }
}

#[test]
fn text_that_is_no_expression_is_refused_at_once() {
    for depth in [20, 60] {
        assert!(super::expression(&format!("n{}", "[m".repeat(depth))).is_none());
    }
    assert!(super::expression("n[\"a\"].b").is_some());
}
