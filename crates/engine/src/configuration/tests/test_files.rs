use super::*;

fn at(engine: &str) -> Engine {
    let (name, version) = engine.split_once(' ').unwrap();
    Engine::new(name.parse().unwrap(), version.parse().unwrap())
}

/// The engines of the fixtures, and the summaries of what each refuses in a test file.
fn refused_by(text: &str, engine: &str) -> Vec<String> {
    let tests = Layout::of(&[("main.tf", ""), ("a.tftest.hcl", text)]).read(&at(engine)).tests;
    assert_eq!(summaries(&tests.not_understood), [""; 0], "{engine}: {text}");
    summaries(&tests.errors).into_iter().map(str::to_owned).collect()
}

const TERRAFORM: &str = "terraform 1.11.4";
const TOFU: &str = "tofu 1.12.6";

#[test]
fn what_both_engines_refuse_in_a_test_file_is_an_error() {
    let table: &[(&str, &[&str])] = &[
        ("variables {}\nvariables {}\n", &["Multiple \"variables\" blocks"]),
        ("run \"a\" {\n  command = \"plan\"\n}\n", &["Invalid \"command\" keyword"]),
        ("run \"a\" {\n  command = plan\n}\n", &[]),
        ("run \"a\" {\n  plan_options {\n    mode = destroy\n  }\n}\n", &["Invalid \"mode\" keyword"]),
        (
            "run \"a\" {\n  plan_options {\n    mode    = refresh-only\n    refresh = \"0\"\n  }\n}\n",
            &["Incompatible plan options"],
        ),
        ("run \"a\" {\n  plan_options {\n    target = [a.b[0], \"a.b\"]\n  }\n}\n", &[]),
        ("run \"a\" {\n  plan_options {\n    target = [a.b[c.d]]\n  }\n}\n", &["Invalid expression"]),
        ("run \"a\" {\n  plan_options {}\n  plan_options {}\n}\n", &["Multiple \"plan_options\" blocks"]),
        ("run \"a\" {\n  expect_failures = var.a\n}\n", &["Invalid expression"]),
        ("run \"a\" {\n  expect_failures = [\"a b\"]\n}\n", &["Invalid character"]),
        (
            "run \"a\" {\n  assert {\n    condition     = [for a in [1] : a] == [1]\n    error_message = \"\"\n  }\n}\n",
            &["Invalid assert expression"],
        ),
        ("run \"a\" {\n  module {}\n}\n", &["Missing \"source\" attribute for module block"]),
        ("run \"a\" {\n  module {\n    source = []\n  }\n}\n", &["Unsuitable value type"]),
        (
            "run \"a\" {\n  module {\n    source  = \"./a\"\n    version = \"1.0.0\"\n  }\n}\n",
            &["Invalid registry module source address"],
        ),
        ("run \"a\" {\n  providers = { a = b.c }\n}\n", &[]),
        ("run \"a\" {\n  providers = { A = b }\n}\n", &["Invalid provider local name"]),
        ("run \"a\" {\n  providers = { a = b.c.d }\n}\n", &["Invalid provider configuration reference"]),
        ("run \"a\" {\n  providers = { a = b, \"a\" = c }\n}\n", &["Duplicate provider address"]),
        ("provider \"a\" {\n  alias = null\n}\n", &["Unsuitable value type", "Invalid provider configuration alias"]),
        ("override_resource {\n  target = a\n}\n", &["Invalid address"]),
        ("override_resource {\n  target = \"a.b\"\n}\n", &["Invalid expression"]),
        ("override_module {\n  target = module\n}\n", &["Invalid address operator"]),
        ("override_data {\n  target = data.a.b\n  values = { a = b.c }\n}\n", &["Variables not allowed"]),
        (
            "override_data {\n  target = data.a.b\n  values = { a = b.c, d = e() }\n}\n",
            &["Variables not allowed", "Function calls not allowed"],
        ),
        ("mock_provider \"a\" {\n  b = 1\n}\n", &["Unsupported argument"]),
    ];
    for (text, expected) in table {
        for engine in [TERRAFORM, TOFU] {
            assert_eq!(refused_by(text, engine), *expected, "{engine}: {text}");
        }
    }
}

#[test]
fn what_the_engines_judge_differently_in_a_test_file_is_judged_by_the_engine() {
    let instance = "override_resource {\n  target = module.a[0].a.b[\"c\"]\n}\n";
    let twice = "override_resource {\n  target = a.b\n}\n".repeat(2);
    let another = "override_resource {\n  target = module.a\n}\n";
    let list = "override_resource {\n  target = a.b\n  values = []\n}\n";
    let alone = "override_module {}\n";
    let mocks = "mock_provider \"a\" {}\n".repeat(2);
    let mocked = "mock_provider \"a\" {\n  mock_data \"a\" {}\n  mock_data \"a\" {}\n}\n";
    let providers = "provider \"a\" {}\n".repeat(2);
    let keyed = "run \"a\" {\n  providers = { a = b.c[\"d\"] }\n}\n";
    let fetched = "run \"a\" {\n  module {\n    source = \"git::https://example.com/a\"\n  }\n}\n";
    let during = "override_module {\n  target          = module.a\n  override_during = never\n}\n";
    let table: &[(&str, &[&str], &[&str])] = &[
        (instance, &[], &["Module instance address with keys is not allowed"]),
        (&twice, &["Duplicate override_resource block"], &[]),
        (another, &["Invalid override target"], &["Module address is not allowed"]),
        (list, &["Invalid values attribute"], &["Object expected"]),
        (alone, &["Missing target attribute"], &["Missing required argument"]),
        (&mocks, &["Duplicate provider block"], &["Duplicated `mock_provider` block"]),
        (mocked, &["Duplicate mock_data block"], &["Duplicated `mock_data` block"]),
        (&providers, &["Duplicate provider block"], &[]),
        (keyed, &["Invalid provider configuration reference"], &[]),
        (fetched, &["Invalid module source address"], &[]),
        (during, &["Invalid override_during value"], &["Unsupported argument"]),
    ];
    for (text, terraform, tofu) in table {
        assert_eq!(refused_by(text, TERRAFORM), *terraform, "{text}");
        assert_eq!(refused_by(text, TOFU), *tofu, "{text}");
    }
}

#[test]
fn what_test_files_may_hold_grows_with_the_engines() {
    let table = [
        ("mock_provider \"a\" {}\n", "terraform 1.6.6", "terraform 1.7.0"),
        ("mock_provider \"a\" {}\n", "tofu 1.7.0", "tofu 1.8.0"),
        ("run \"a\" {\n  override_data {\n    target = data.a.b\n  }\n}\n", "tofu 1.7.0", "tofu 1.8.0"),
        ("mock_provider \"a\" {\n  override_data {\n    target = data.a.b\n  }\n}\n", "tofu 1.8.8", "tofu 1.9.0"),
        ("run \"a\" {\n  module {\n    source = \"github.com/a/b\"\n  }\n}\n", "tofu 1.9.0", "tofu 1.10.0"),
        ("mock_provider \"a\" {\n  alias    = \"b\"\n  for_each = {}\n}\n", "tofu 1.10.0", "tofu 1.11.0"),
        ("run \"a\" {\n  state_key = \"b\"\n}\n", "terraform 1.10.5", "terraform 1.11.0"),
        ("mock_provider \"a\" {\n  override_during = plan\n}\n", "terraform 1.10.5", "terraform 1.11.0"),
        ("test {\n  parallel = true\n}\n", TERRAFORM, "terraform 1.12.0"),
        ("variable \"a\" {}\n", "terraform 1.12.0", "terraform 1.13.0"),
        ("override_data {\n  target = data.a.b\n  values = { a = b.c }\n}\n", "terraform 1.14.0", "terraform 1.15.0"),
    ];
    for (text, before, after) in table {
        assert_eq!(refused_by(text, before).len(), 1, "{before}: {text}");
        assert_eq!(refused_by(text, after), [""; 0], "{after}: {text}");
    }
    assert_eq!(refused_by("fixture {}\n", "terraform 1.5.7"), [""; 0]);
    let later = [
        ("variables {\n  a = 1\n}\nvariable \"a\" {}\n", "Duplicate \"variable\" block names"),
        ("test {}\ntest {}\n", "Multiple \"test\" blocks"),
        ("test {\n  skip_cleanup = true\n}\n", "Invalid attribute"),
        ("run \"a\" {\n  backend \"local\" {}\n}\n", "Invalid block"),
        ("run \"a\" {\n  expect_failures = [action.a.b]\n}\n", "Invalid depends_on Action Reference"),
    ];
    for (text, expected) in later {
        assert_eq!(refused_by(text, "terraform 1.16.0"), [expected], "{text}");
    }
    let newest = Layout::of(&[("main.tf", ""), ("a.tftest.hcl", "fixture {}\n")]).read(&at("terraform 1.99.0")).tests;
    assert_eq!(summaries(&newest.errors), [""; 0]);
    assert_eq!(summaries(&newest.not_understood), ["Unsupported block type"]);
}

#[test]
fn nothing_but_test_files_is_a_configuration_to_later_terraform() {
    let layout = Layout::of(&[("tests/a.tftest.hcl", "")]);
    for (engine, expected) in [(TOFU, true), (TERRAFORM, true), ("terraform 1.12.0", false)] {
        assert_eq!(layout.read(&at(engine)).is_empty_to(&at(engine)), expected, "{engine}");
    }
}

#[test]
fn values_that_are_calculated_in_a_test_file_are_not_judged() {
    for values in
        ["{ for a in [\"b\"] : a => a }", "true ? {} : {}", "{ a = [1][0] }", "{ a = \"b${[]}c\" }", "{ a = !1 }"]
    {
        let text = format!("override_data {{\n  target = data.a.b\n  values = {values}\n}}\n");
        let tests = Layout::of(&[("main.tf", ""), ("a.tftest.hcl", &text)]).read(&tofu()).tests;
        assert_eq!(summaries(&tests.errors), [""; 0], "{text}");
        assert_eq!(summaries(&tests.not_understood), ["Expression not understood"], "{text}");
    }
}

#[test]
fn values_that_are_written_out_in_a_test_file_are_judged() {
    let table: &[(&str, &[&str])] = &[
        ("{ a = -1 + 2 * 3, \"b\" = !true || 1 == \"c\", (\"d\") = [\"e${1}f\", null], true = <<EOT\n\nEOT\n}", &[]),
        ("\"${{ a = 1 }}\"", &[]),
        ("{ a.b = 1 }", &["Ambiguous attribute key"]),
        ("{ a = 1 + b.c }", &["Variables not allowed"]),
        ("{ for a in b.c : a => a }", &["Variables not allowed"]),
        ("{ a = b(c.d) }", &["Function calls not allowed"]),
        ("[1]", &["Object expected"]),
        ("1 > 2", &["Object expected"]),
        ("null", &["Object expected"]),
    ];
    for (values, expected) in table {
        let text = format!("override_data {{\n  target = data.a.b\n  values = {values}\n}}\n");
        assert_eq!(refused_by(&text, TOFU), *expected, "{text}");
    }
}

#[test]
fn directories_of_mocks_are_read_when_all_modules_are_there() {
    let block = "mock_provider \"a\" {\n  source = \"./mocks\"\n}\n";
    let mock = "mock_data \"a\" {}\n";
    let table: &[(&[(&str, &str)], &[&str])] = &[
        (&[], &["Failed to read mock data directory"]),
        (&[("mocks/a.txt", "x {}\n"), ("mocks/.b.tfmock.hcl", "x {}\n")], &[]),
        (&[("mocks/a.tfmock.hcl", mock), ("mocks/b.tfmock.hcl", mock)], &["Duplicate mock resource block"]),
        (&[("mocks/a.tfmock.json", "{\"x\": {}}")], &["Extraneous JSON object property"]),
    ];
    for (files, expected) in table {
        let files = [&[("main.tf", ""), ("a.tftest.hcl", block)], *files].concat();
        let tests = Layout::of(&files).read(&terraform()).tests;
        assert_eq!((summaries(&tests.errors), summaries(&tests.tree_errors)), (vec![], expected.to_vec()), "{files:?}");
    }
}

#[test]
fn two_runs_that_disagree_about_a_name_are_an_error() {
    let root = format!("{}{}", required("a = {\n source = \"x/a\"\n }\n b = {\n source = \"x/b\"\n }"), "");
    let passing = |name: &str, pair: &str| format!("run \"{name}\" {{\n  providers = {{ {pair} }}\n}}\n");
    let (first, second) = (passing("p", "a = c"), passing("q", "b = c"));
    let by_name = "run \"r\" {}\n".to_owned();
    let table = [
        (format!("provider \"c\" {{}}\n{first}{second}"), 1),
        (format!("{first}{second}"), 0),
        (format!("provider \"b\" {{}}\n{}{by_name}", passing("p", "a = b")), 1),
        (format!("provider \"b\" {{}}\n{by_name}{}", passing("p", "a = b")), 1),
        (format!("provider \"b\" {{}}\n{by_name}{}", passing("p", "b = b")), 0),
    ];
    for (text, expected) in table {
        let tests = Layout::of(&[("main.tf", &root), ("a.tftest.hcl", &text)]).read(&tofu()).tests;
        assert_eq!(summaries(&tests.tree_errors), vec!["Provider type mismatch"; expected], "{text}");
    }
}

#[test]
fn of_two_provider_blocks_in_a_test_file_the_later_one_counts() {
    let text = "provider \"a\" {\n  version = \"1.0.0\"\n}\nprovider \"a\" {\n  version = \"2.0.0\"\n}\n";
    let layout = Layout::of(&[("main.tf", ""), ("a.tftest.hcl", text)]);
    for (engine, expected) in [(TOFU, Some("2.0.0")), ("terraform 1.6.6", Some("2.0.0")), (TERRAFORM, None)] {
        let versions = layout.read(&at(engine)).tests.provider_blocks;
        assert_eq!(versions.first().and_then(|block| block.version.as_deref()), expected, "{engine}");
        assert!(versions.len() < 2, "{engine}");
    }
}
