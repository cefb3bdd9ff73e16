//! Files that cannot be read, or only in part.

use super::*;

#[test]
fn a_file_that_is_wrong_is_one_problem_and_the_rest_of_it_is_read() {
    use ProblemKind as K;
    let sound = "resource \"dog_x\" \"y\" {}\n";
    let cases = [
        ("a b c\n", K::Syntax),
        ("a = 'x'\n", K::Syntax),
        ("a =\nb =\n", K::Syntax),
        ("a = (1\n)\n}\n", K::Syntax),
        ("<<<<<<< HEAD\nlocals {}\n=======\n>>>>>>> x\n", K::Syntax),
        ("\"a\" = 1\n", K::Syntax),
    ];
    for (text, kind) in cases {
        let module = read_text(&format!("{text}{sound}"), &tofu());
        assert_eq!((kinds(&module.not_understood), local_names(&module)), (vec![kind], vec!["dog"]), "{text}");
    }
    let unclosed = read_text(&format!("{sound}resource \"a_b\" \"c\" {{\n"), &tofu());
    assert_eq!((kinds(&unclosed.not_understood), local_names(&unclosed)), (vec![K::Syntax], vec!["dog", "a"]));
    assert_eq!(unclosed.not_understood[0].place.position.as_ref().unwrap().line, 2);
    for text in ["", "1", "null", "{", "{\"a\": 1,}", "\u{feff}{}"] {
        let module = Layout::of(&[("main.tf.json", text)]).read(&tofu()).root;
        assert_eq!(kinds(&module.not_understood), [K::Syntax], "{text}");
    }
}

#[test]
fn a_file_in_utf_16_is_named_as_such() {
    for name in ["main.tf", "main.tf.json"] {
        let layout = Layout::of(&[]);
        let text: Vec<u8> = "\u{feff}a {}\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs_err::write(layout.path().join(name), text).unwrap();
        assert_eq!(kinds(&layout.read(&tofu()).root.not_understood), [ProblemKind::Utf16], "{name}");
    }
}

#[test]
fn what_is_nested_deeply_is_not_followed() {
    let blocks = |depth: usize| format!("{}{}", "a {\n".repeat(depth), "}\n".repeat(depth));
    let below = |depth: usize| format!("terraform {{\n  {}\n}}\n", blocks(depth).replace("a {", "cloud {"));
    assert_eq!(kinds(&read_text(&below(99), &tofu()).not_understood), []);
    assert_eq!(kinds(&read_text(&below(100), &tofu()).not_understood), [ProblemKind::Limit]);
    read_text(&blocks(100_000), &tofu());
    for (open, close) in [("[", "]"), ("(", ")"), ("{a=", "}"), ("\"${", "}\"")] {
        let value = |depth: usize| format!("{}\"1\"{}", open.repeat(depth), close.repeat(depth));
        let module = read_text(&format!("locals {{\n  a = {}\n}}\n", value(100_000)), &tofu());
        assert_eq!(kinds(&module.not_understood), [], "{open}: nobody asks for it");
        let module = read_text(&required(&format!("a = {{ version = {} }}", value(100_000))), &tofu());
        assert_eq!(kinds(&module.not_understood), [ProblemKind::Unevaluated], "{open}");
    }
}

#[test]
fn expressions_end_where_the_engines_end_them() {
    let hard = [
        "{\n    for k, v in x : k => v &&\n    w\n  }",
        "f(<<-EOT\n  }\n  ${g({\n    a = \"}\"\n  })}\n  EOT\n  , 1)",
        "<<EOT\nEOT",
        "<<EOT\nEOTX\n EOT",
        "\"${ { a = \"}\" }.a }%{ if x }$${%{ endif }\"",
        "[ # ]\n 1, /* ] \" */ 2\n]",
        "\"a\\\"}\"",
    ];
    for text in hard {
        let module = read_text(&format!("locals {{\n  a = {text}\n}}\nresource \"dog_x\" \"y\" {{}}\n"), &tofu());
        assert_eq!((kinds(&module.not_understood), local_names(&module)), (vec![], vec!["dog"]), "{text}");
    }
}
