#[cfg(test)]
mod corpus_tmp {
    use super::super::*;
    use crate::domain::{EngineName, Version};
    #[test]
    #[ignore]
    fn corpus() {
        for line in std::fs::read_to_string(std::env::var("DIRS").unwrap()).unwrap().lines() {
            let parts: Vec<_> = line.split('\t').collect();
            let engine = Engine::new(
                if parts[2] == "tofu" { EngineName::Tofu } else { EngineName::Terraform },
                if parts[2] == "tofu" { Version::release(1, 12, 6) } else { Version::release(1, 11, 4) },
            );
            let root = Utf8PathBuf::from(parts[1]);
            let data = root.join(".terraform");
            let c = read(&root, &data, "tests", &engine, &mut Sources::default());
            let mut out = vec![];
            let mut module = |path: &str, m: &Module| {
                for e in &m.errors {
                    out.push(format!("ERROR[{path}] {}", e.summary));
                }
                for e in &m.not_understood {
                    out.push(format!("UNKNOWN[{path}] {} {}", e.summary, e.detail));
                }
            };
            module("", &c.root);
            for (path, child) in &c.children {
                if let Some(m) = &child.module {
                    module(path, m);
                }
            }
            for (path, child) in &c.children {
                if let Some(m) = &child.missing {
                    out.push(format!("MISSING[{path}] {}", format!("{m:?}").chars().take(100).collect::<String>()));
                } else if child.module.is_none() {
                    out.push(format!("UNREAD[{path}]"));
                }
            }
            for e in &c.tests.errors {
                out.push(format!("TESTERROR {}", e.summary));
            }
            for e in &c.tests.not_understood {
                out.push(format!("TESTUNKNOWN {}", e.summary));
            }
            println!(
                "@@{}\t{}\tfiles={} rp={:?} uses={:?} children={:?}",
                parts[0],
                out.join(" | "),
                c.root.files.len(),
                c.root.required_providers.keys().collect::<Vec<_>>(),
                c.root.uses.iter().map(|u| &u.local_name).collect::<Vec<_>>(),
                c.children.keys().collect::<Vec<_>>()
            );
        }
    }
}
