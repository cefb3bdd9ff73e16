//! Which files are read, and how override files change the others.

use super::*;

#[test]
fn files_count_by_name_and_engine() {
    let block = |name: &str| format!("resource \"{name}_x\" \"y\" {{}}\n");
    let names = [
        "main.tf",
        "both.tf",
        "both.tofu",
        "only.tofu",
        "data.tf.json",
        "data.tofu.json",
        ".hidden.tf",
        "backup.tf~",
        "#lock.tf#",
        "UPPER.TF",
        "notes.txt",
        "sub/below.tf",
        "x.tftest.hcl",
        "x.tofutest.hcl",
        "terraform.tfvars",
    ];
    let texts: Vec<_> = names
        .iter()
        .map(|name| {
            if name.contains(".json") {
                (*name, "{}".to_owned())
            } else if name.contains("test.") || name.ends_with("vars") || name.contains(".TF") {
                (*name, "anything".to_owned())
            } else {
                (*name, block("a"))
            }
        })
        .collect();
    let files: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let layout = Layout::of(&files);
    let found = |engine: &Engine| -> Vec<String> {
        let files = layout.read(engine).root.files;
        files.iter().map(|path| path.strip_prefix(layout.path()).unwrap().to_string()).collect()
    };
    assert_eq!(found(&terraform()), ["both.tf", "data.tf.json", "main.tf"]);
    assert_eq!(found(&of(EngineName::Tofu, 7)), ["both.tf", "data.tf.json", "main.tf"]);
    assert_eq!(found(&tofu()), ["both.tofu", "data.tofu.json", "main.tf", "only.tofu"]);
}

#[test]
fn links_count_as_files_wherever_they_lead() {
    let layout =
        Layout::of(&[("main.tf", ""), ("elsewhere/a.txt", "resource \"dog_x\" \"y\" {}\n"), ("d.tf/x.txt", "")])
            .link("elsewhere/a.txt", "linked.tf");
    assert_eq!(local_names(&layout.read(&terraform()).root), ["dog"]);
    let layout = layout.link("nowhere", "dangling.tf").link("elsewhere", "directory.tf");
    let problems = layout.read(&terraform()).root.not_understood;
    assert_eq!(kinds(&problems), [ProblemKind::Unreadable; 2]);
}

#[test]
fn overrides_replace_what_they_name() {
    let layout = Layout::of(&[
        (
            "main.tf",
            "terraform {
               required_providers {
                 a = { source = \"acme/a\", version = \"1.0\" }
                 b = { source = \"acme/b\" }
               }
               backend \"s3\" {}
             }
             resource \"dog_x\" \"y\" {}
             module \"m\" {\n source = \"./one\"\n }
             provider \"a\" {\n version = \"1.0\"\n }",
        ),
        (
            "x_override.tf",
            "terraform {
               required_providers {
                 a = { version = \"2.0\" }
               }
               backend \"local\" {}
             }
             resource \"dog_x\" \"y\" {\n provider = cat\n }
             module \"m\" {\n source = \"./two\"\n }
             provider \"a\" {\n version = \"2.0\"\n }
             provider \"new\" {}",
        ),
        ("two/x.tf", ""),
    ]);
    let configuration = layout.read(&terraform());
    let root = &configuration.root;
    assert_eq!(kinds(&root.not_understood), []);
    assert_eq!(root.required_providers["a"].source, None);
    assert_eq!(root.required_providers["a"].version.as_deref(), Some("2.0"));
    assert_eq!(root.required_providers["b"].source.as_deref(), Some("acme/b"));
    assert_eq!(root.backend.as_ref().unwrap().kind, "local");
    assert_eq!(local_names(root), ["cat"]);
    assert_eq!(root.provider_blocks.len(), 2);
    assert_eq!(root.provider_blocks[0].version.as_deref(), Some("2.0"));
    assert_eq!(configuration.children["m"].module.as_ref().unwrap().directory, layout.path().join("two"));
}
