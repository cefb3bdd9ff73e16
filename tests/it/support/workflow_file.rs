//! `.spacelift/workflow.yml` as Spacelift uses it: YAML whose texts are Go templates, each then run by `sh -c`.

use std::collections::BTreeMap;

crate::tests! {
    placeholders_are_filled_as_go_does,
}

/// What Spacelift fills in.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pub workspace_name: String,
    pub lock: bool,
    pub refresh: bool,
    pub plan_file_name: String,
    pub targets: Vec<String>,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            workspace_name: "production".to_owned(),
            lock: true,
            refresh: true,
            plan_file_name: "spacelift.plan".to_owned(),
            targets: Vec::new(),
        }
    }
}

/// The commands by their names.
pub(crate) struct WorkflowFile(BTreeMap<String, String>);

impl WorkflowFile {
    pub(crate) fn parse(text: &str) -> Self {
        Self(serde_yaml::from_str(text).unwrap())
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// The shell's command.
    pub(crate) fn command(&self, name: &str, values: &Values) -> String {
        fill(&self.0[name], values)
    }
}

/// Fills in the placeholders. It knows those parts of Go's `text/template` that a workflow file needs, and panics at
/// every other.
fn fill(template: &str, values: &Values) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, action, after)) = next_action(rest) {
        text.push_str(before);
        rest = after;
        match action {
            "range .Targets" => {
                let (body, after) = after.split_at(end_of_body(after));
                for target in &values.targets {
                    text.push_str(&fill_targets(body, target));
                }
                rest = next_action(after).unwrap().2;
            }
            "if not .Refresh" => {
                let (body, after) = after.split_at(end_of_body(after));
                if !values.refresh {
                    text.push_str(body);
                }
                rest = next_action(after).unwrap().2;
            }
            _ => text.push_str(&value(action, |name| match name {
                ".WorkspaceName" => values.workspace_name.clone(),
                ".Lock" => values.lock.to_string(),
                ".Refresh" => values.refresh.to_string(),
                ".PlanFileName" => values.plan_file_name.clone(),
                _ => panic!("an unknown placeholder: {name}"),
            })),
        }
    }
    text + rest
}

fn fill_targets(body: &str, target: &str) -> String {
    let (before, action, after) = next_action(body).unwrap();
    assert!(next_action(after).is_none(), "{body}");
    format!(
        "{before}{}{after}",
        value(action, |name| {
            assert_eq!(name, ".");
            target.to_owned()
        })
    )
}

fn value(action: &str, named: impl Fn(&str) -> String) -> String {
    match action.split_once(" | ") {
        None => named(action),
        Some((name, "urlquery")) => url_query(&named(name)),
        Some(_) => panic!("an unknown function: {action}"),
    }
}

fn next_action(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (action, after) = rest.split_once("}}").unwrap();
    Some((before, action.trim(), after))
}

fn end_of_body(text: &str) -> usize {
    text.find("{{ end }}").unwrap()
}

/// Go's `url.QueryEscape`.
fn url_query(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            b' ' => escaped.push('+'),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn placeholders_are_filled_as_go_does() {
    let values = Values {
        workspace_name: "a b'$(c)+ä".to_owned(),
        refresh: false,
        targets: vec!["x.y[\"z\"]".to_owned(), "-v".to_owned()],
        ..Values::default()
    };
    for (template, expected) in [
        ("init", "init"),
        ("select '{{ .WorkspaceName }}'", "select 'a b'$(c)+ä'"),
        ("{{ .WorkspaceName | urlquery }}", "a+b%27%24%28c%29%2B%C3%A4"),
        (
            "-lock={{ .Lock }}{{ if not .Refresh }} -refresh=false{{ end }} -out={{.PlanFileName}}",
            "-lock=true -refresh=false -out=spacelift.plan",
        ),
        ("plan{{ range .Targets }} -target='{{ . }}'{{ end }} x", "plan -target='x.y[\"z\"]' -target='-v' x"),
        ("{{ range .Targets }} {{ . | urlquery }}{{ end }}", " x.y%5B%22z%22%5D -v"),
    ] {
        assert_eq!(fill(template, &values), expected, "{template}");
    }
}
