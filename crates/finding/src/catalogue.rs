//! The pages behind `airtight explain`: one per code, each of the same sections, inside the binary.

use std::fmt::Write as _;

use super::Code;
use super::prose::wrap;

/// The headings of each page, in order.
pub const SECTIONS: [&str; 6] =
    ["What it checks", "Why it matters offline", "The engine says", "Example", "How to fix", "Who fixes it"];

/// The page for whoever has to let a refused run through; found as `exceptions`.
pub const EXCEPTIONS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/exceptions.md"));

/// The page's first sentence, without its full stop.
pub fn sentence(code: Code) -> &'static str {
    let page = code.page();
    page.split("\n\n").nth(1).map_or(page, |paragraph| paragraph.trim().trim_end_matches('.'))
}

/// All codes with their sentences, in so many columns.
pub fn list(columns: usize) -> String {
    let width = Code::ALL.iter().map(|code| code.as_str().len()).max().unwrap_or(0);
    let mut list = String::new();
    for code in Code::ALL {
        for (number, line) in wrap(sentence(*code), columns.saturating_sub(width + 2)).iter().enumerate() {
            let code = if number == 0 { code.as_str() } else { "" };
            let _ = writeln!(list, "{code:width$}  {line}");
        }
    }
    list
}

/// A page for a terminal: nearly as it is, in so many columns; a block of code is indented, so that its lines can be pasted.
pub fn explain(code: Code, color: bool, width: usize) -> String {
    shown(code.page(), color, width)
}

/// Any page, as [`explain`] shows it.
pub fn shown(page: &str, color: bool, width: usize) -> String {
    let (bold, plain) = if color { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    let mut explained = String::with_capacity(page.len() + 64);
    for (index, part) in page.split("```").enumerate() {
        if index % 2 == 1 {
            // The first line names the block's language.
            let block = part.split_once('\n').map_or("", |(_, block)| block);
            explained
                .extend(block.lines().map(|line| if line.is_empty() { "\n".into() } else { format!("    {line}\n") }));
            continue;
        }
        for paragraph in part.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            if index > 0 || !explained.is_empty() {
                explained.push('\n');
            }
            let is_heading = paragraph.starts_with('#');
            explained.push_str(if is_heading { bold } else { "" });
            explained.push_str(&wrap(paragraph.trim_matches('\n').replace('\n', " ").as_str(), width).join("\n"));
            explained.push_str(if is_heading { plain } else { "" });
            explained.push('\n');
        }
        explained.push('\n');
    }
    explained.truncate(explained.trim_end().len());
    explained.push('\n');
    explained
}

/// The code that a mistyped one probably means.
pub fn nearest(text: &str) -> Option<Code> {
    let text = text.trim().to_lowercase().replace(['_', ' '], "-");
    let most = (text.chars().count() / 3).max(1);
    Code::ALL
        .iter()
        .map(|code| (strsim::osa_distance(&text, code.as_str()), *code))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, code)| code)
}

/// The pages for an error of the engine, the best first.
///
/// Finds a part of an error in the pages, and the pages' errors in a whole output of the engine, however that was
/// wrapped and framed. Case, white space and backticks do not matter. Pages that fit less than half as well are left out.
pub fn search(text: &str) -> Vec<Code> {
    let text = normal(text);
    if text.len() < 4 {
        return Vec::new();
    }
    let mut found: Vec<(usize, Code)> = Code::ALL
        .iter()
        .filter_map(|code| {
            let page = code.page();
            let lines = engine_lines(page);
            let quoted = lines.iter().map(|line| matched(line, &text)).sum::<usize>();
            let contained = if lines.iter().any(|line| normal(line).contains(&text)) {
                2 * text.len()
            } else {
                usize::from(normal(page).contains(&text)) * text.len()
            };
            Some((quoted.max(contained), *code)).filter(|(score, _)| *score > 0)
        })
        .collect();
    found.sort_by_key(|(score, code)| (std::cmp::Reverse(*score), *code));
    let best = found.first().map_or(0, |(score, _)| *score);
    found.into_iter().filter(|(score, _)| 2 * score >= best).map(|(_, code)| code).collect()
}

/// Lines of the blocks of code in a page's section "The engine says".
fn engine_lines(page: &str) -> Vec<&str> {
    section(page, "The engine says")
        .split("```")
        .skip(1)
        .step_by(2)
        .flat_map(|block| block.lines().skip(1))
        .filter(|line| !line.trim().is_empty())
        .collect()
}

fn section<'a>(page: &'a str, name: &str) -> &'a str {
    page.split("\n## ").find_map(|section| section.strip_prefix(name)?.strip_prefix('\n')).unwrap_or_default()
}

/// How many bytes of a quoted error are in the text: all that is not a placeholder (`ADDRESS`, `VERSION`), in order,
/// or none.
fn matched(line: &str, text: &str) -> usize {
    let mut rest = text;
    let mut length = 0;
    for part in literal_parts(line) {
        let Some(at) = rest.find(&part) else { return 0 };
        rest = &rest[at + part.len()..];
        length += part.len();
    }
    length
}

/// The text between words in capitals, normalised.
fn literal_parts(line: &str) -> Vec<String> {
    let is_placeholder =
        |word: &str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let mut parts = vec![String::new()];
    let mut word_start = 0;
    let boundaries =
        line.char_indices().filter(|(_, character)| !character.is_ascii_alphanumeric() && *character != '_');
    for end in boundaries.map(|(index, _)| index).chain([line.len()]) {
        let word = &line[word_start..end];
        if is_placeholder(word) {
            parts.push(String::new());
        } else {
            parts.last_mut().expect("one from the start").push_str(word);
        }
        let separator = line[end..].chars().next();
        parts.last_mut().expect("one from the start").extend(separator);
        word_start = end + separator.map_or(0, char::len_utf8);
    }
    parts.iter().map(|part| normal(part)).filter(|part| !part.is_empty()).collect()
}

/// Lower case, single spaces, without backticks and without the bar that the engines draw next to their errors.
fn normal(text: &str) -> String {
    let text = text.replace(['`', '│', '╷', '╵', '|'], " ").to_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTH: usize = 100;

    #[test]
    fn codes_are_unique_alphabetical_and_kebab_case() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str()));
        for code in Code::ALL {
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
            assert_eq!(code.as_str().parse(), Ok(*code));
        }
    }

    #[test]
    fn each_page_has_the_sections_in_order() {
        for code in Code::ALL {
            let page = code.page();
            let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            assert_eq!(headings, SECTIONS, "{code}");
            assert!(page.starts_with(&format!("# {code}\n\n")), "{code}: the first line is the code");
            for name in SECTIONS {
                assert!(section(page, name).trim().len() > 10, "{code}: {name} is empty");
            }
            assert_eq!(page.matches("```").count() % 2, 0, "{code}: a block of code is open");
            assert!(page.ends_with('\n') && !page.ends_with("\n\n"), "{code}: one line break at the end");
        }
    }

    #[test]
    fn each_page_starts_with_one_short_sentence_of_its_own() {
        let mut sentences = std::collections::BTreeSet::new();
        for code in Code::ALL {
            let paragraph = code.page().split("\n\n").nth(1).unwrap();
            assert!(paragraph.ends_with('.') && !paragraph.contains('\n'), "{code}: {paragraph}");
            assert!(sentence(*code).len() <= 100, "{code}: {}", sentence(*code).len());
            assert!(sentences.insert(sentence(*code)), "{code}: the sentence is another page's");
        }
    }

    #[test]
    fn pages_fit_a_terminal_and_hold_nothing_that_it_obeys() {
        for code in Code::ALL {
            for line in explain(*code, false, WIDTH).lines() {
                assert!(line.chars().count() <= 116, "{code}: {line}");
                assert!(line.starts_with(' ') || line.chars().count() <= WIDTH, "{code}: {line}");
                assert!(!line.contains(crate::escape::is_escaped), "{code}: {line}");
            }
        }
    }

    #[test]
    fn the_owner_section_names_an_owner() {
        let owners = ["repository", "image", "administrator"];
        for code in Code::ALL {
            let text = section(code.page(), "Who fixes it").to_lowercase();
            assert!(owners.iter().any(|owner| text.contains(owner)), "{code}: {text}");
        }
    }

    #[test]
    fn an_error_of_the_engine_leads_to_its_page() {
        let cases = [
            ("no available releases", Code::ProviderVersionMissing),
            ("was not found in any of the search locations", Code::ProviderMissing),
            (
                "Error: Failed to query available provider packages\n\nCould not retrieve the list of available versions \
                 for provider hashicorp/null: provider registry.terraform.io/hashicorp/null was not found in any of the \
                 search locations\n\n  - /providers",
                Code::ProviderMissing,
            ),
            (
                "╷\n│ Error: Failed to resolve provider packages\n│ \n│ Could not resolve provider hashicorp/null: no \
                 available\n│ releases match the given constraints ~> 3.3\n╵",
                Code::ProviderVersionMissing,
            ),
            ("the previously-selected version 3.2.1 is no longer available", Code::ProviderVersionMissing),
            (
                "Error while installing hashicorp/null v3.2.1: the local package for registry.terraform.io/hashicorp/null \
                 3.2.1 doesn't match any of the checksums previously recorded in the dependency lock file (this might be \
                 because the available checksums are for packages targeting different platforms)",
                Code::PackageMismatch,
            ),
            (
                "Provider registry.terraform.io/hashicorp/null v3.2.1 does not have a package available for your current \
                 platform, linux_amd64.",
                Code::ProviderPlatformMissing,
            ),
            ("Error: Provider dependency changes detected", Code::LockFileReadonly),
            ("cannot search /providers: lstat /providers: no such file or directory", Code::MirrorMissing),
            ("cannot search /providers: open /providers/lost+found: permission denied", Code::MirrorUnreadable),
            ("zip: not a valid zip file", Code::PackageUnreadable),
            (
                "Failed to load plugin schemas: fork/exec .terraform/providers/x: exec format error",
                Code::PackageWrongMachine,
            ),
            ("fork/exec .terraform/providers/x/terraform-provider-null: permission denied", Code::PackageNotExecutable),
            ("Unable to open CLI configuration file", Code::CliConfigMissing),
            ("must use tofu init -upgrade to allow selection of new versions", Code::ProviderVersionUnlocked),
            ("Error: Unsupported Terraform Core version", Code::EngineVersionRefused),
            ("Error accessing remote module registry", Code::ModuleNeedsNetwork),
            ("Error refreshing state", Code::StateInvalid),
            ("Error: Invalid workspace name set using TF_WORKSPACE", Code::StateInvalid),
            ("Error: Backend configuration changed", Code::StateInvalid),
            ("Invalid legacy provider address", Code::StateInvalid),
        ];
        for (text, expected) in cases {
            assert_eq!(search(text).first(), Some(&expected), "{text}");
        }
    }

    #[test]
    fn what_no_page_says_finds_nothing() {
        assert_eq!(search("quota exceeded in eu-central-1"), []);
        assert_eq!(search(""), []);
        assert_eq!(search("a"), []);
    }

    #[test]
    fn placeholders_match_anything() {
        assert_eq!(
            literal_parts("Error while installing ADDRESS vVERSION: cannot search PATH"),
            ["error while installing", "vversion: cannot search"]
        );
        assert_eq!(matched("A B: unknown ADDRESS here", "unknown x/y here"), 0);
        assert_eq!(matched("unknown ADDRESS here", "so unknown x/y here too"), "unknownhere".len());
    }

    #[test]
    fn a_mistyped_code_finds_its_neighbour() {
        let cases = [
            ("provider-not-lockd", Some(Code::ProviderNotLocked)),
            ("Provider_Not_Locked", Some(Code::ProviderNotLocked)),
            ("lock-file-readnoly", Some(Code::LockFileReadonly)),
            ("mirror-entries-ignored", Some(Code::MirrorEntryIgnored)),
            ("E0308", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(nearest(text), expected, "{text}");
        }
    }

    #[test]
    fn a_page_is_printed_nearly_as_it_is() {
        let explained = explain(Code::PackageNotExecutable, false, WIDTH);
        assert!(!explained.contains("```"));
        assert!(explained.contains("\n\n    find /providers"), "{explained}");
        let colored = explain(Code::PackageNotExecutable, true, WIDTH);
        assert!(colored.starts_with("\u{1b}[1m# package-not-executable\u{1b}[0m\n"));
    }

    #[test]
    fn the_list_starts_a_line_with_each_code() {
        let list = list(WIDTH);
        let starts: Vec<&str> =
            list.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(starts, Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>());
        assert!(list.lines().all(|line| line.len() <= WIDTH));
    }

    proptest! {
        #[test]
        fn searching_never_panics(text in any::<String>()) {
            search(&text);
            nearest(&text);
        }
    }
}
