//! The template of an `oci_mirror` method: whether the engine would drop the method for it.
//!
//! Source: OpenTofu `internal/command/cliconfig/provider_installation.go` `prepareOCIMirrorRepositoryMapping`.

use std::collections::BTreeSet;

use hcl::template::Element;

use airtight_provider::EngineName;

const SYMBOLS: [&str; 3] = ["hostname", "namespace", "type"];

/// Checks the names that a template refers to. Its evaluation is not repeated here: an expression beyond these names
/// that only fails when it is computed passes.
pub(super) fn check_template(template: &str, include: &[String], engine: EngineName) -> Result<(), String> {
    let parsed: hcl::Template = template.parse().map_err(|_| "the template cannot be parsed".to_owned())?;
    let mut names = BTreeSet::new();
    for element in parsed.elements() {
        match element {
            Element::Literal(_) => {}
            Element::Interpolation(interpolation) => collect_names(&interpolation.expr, &mut names),
            Element::Directive(_) => names.extend(SYMBOLS.map(ToOwned::to_owned)),
        }
    }
    if let Some(unknown) = names.iter().find(|name| !SYMBOLS.contains(&name.as_str())) {
        return Err(format!(
            "the symbol {unknown:?} is not available for an OCI mirror repository address template. Only \
             \"hostname\", \"namespace\", and \"type\" are available"
        ));
    }
    let patterns: Vec<[&str; 3]> = include.iter().filter_map(|text| parts(text, engine)).collect();
    if patterns.len() != include.len() {
        // The engine reports a wrong pattern later on.
        return Ok(());
    }
    let selections = ["registry hostname", "provider namespace", "provider"];
    for ((index, symbol), selection) in SYMBOLS.iter().enumerate().zip(selections) {
        let selected: BTreeSet<String> =
            patterns.iter().map(|pattern| pattern[index].to_lowercase()).filter(|part| part != "*").collect();
        if selected.len() != 1 && !names.contains(*symbol) {
            return Err(format!(
                "template must refer to the {symbol:?} symbol unless the \"include\" argument selects exactly one \
                 {selection}"
            ));
        }
    }
    Ok(())
}

fn parts(pattern: &str, engine: EngineName) -> Option<[&str; 3]> {
    let parts: Vec<&str> = pattern.split('/').collect();
    match parts[..] {
        [namespace, name] => Some([engine.default_registry_host(), namespace, name]),
        [host, namespace, name] => Some([host, namespace, name]),
        _ => None,
    }
}

fn collect_names(expression: &hcl::Expression, names: &mut BTreeSet<String>) {
    use hcl::Expression;
    match expression {
        Expression::Variable(name) => names.extend([name.to_string()]),
        Expression::Traversal(traversal) => collect_names(&traversal.expr, names),
        Expression::Parenthesis(inner) => collect_names(inner, names),
        Expression::FuncCall(call) => call.args.iter().for_each(|argument| collect_names(argument, names)),
        Expression::Conditional(conditional) => {
            for part in [&conditional.cond_expr, &conditional.true_expr, &conditional.false_expr] {
                collect_names(part, names);
            }
        }
        Expression::Operation(operation) => match operation.as_ref() {
            hcl::expr::Operation::Unary(unary) => collect_names(&unary.expr, names),
            hcl::expr::Operation::Binary(binary) => {
                collect_names(&binary.lhs_expr, names);
                collect_names(&binary.rhs_expr, names);
            }
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_must_tell_every_selected_provider_apart() {
        let cases: [(&str, &[&str], bool); 7] = [
            ("example.com/${hostname}/${namespace}/${type}", &[], true),
            ("example.com/${namespace}/${type}", &[], false),
            ("example.com/${namespace}/${type}", &["example.org/*/*"], true),
            ("example.com/${namespace}/${type}", &["hashicorp/*"], true),
            ("example.com/${type}", &["hashicorp/*", "other/*"], false),
            ("example.com/${hostname}/${namespace}/${name}", &[], false),
            ("example.com/${", &[], false),
        ];
        for (template, include, is_valid) in cases {
            let include: Vec<String> = include.iter().map(ToString::to_string).collect();
            assert_eq!(check_template(template, &include, EngineName::Tofu).is_ok(), is_valid, "{template}");
        }
    }
}
