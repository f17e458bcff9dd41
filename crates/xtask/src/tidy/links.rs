//! Links in the documents lead somewhere: to a file of this repository, and to a heading in it.

use super::Violation;
use crate::tree::{Tree, is_a};

/// Every Markdown file.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let documents = tree.texts(|path| is_a(path, "md"));
    documents
        .iter()
        .flat_map(|(path, text)| document(path, text, |target| lookup(tree, target)))
        .collect()
}

/// What lies at the end of a link.
enum Target {
    Nothing,
    /// A folder, or a file without headings.
    There,
    Document(String),
}

fn lookup(tree: &Tree, path: &str) -> Target {
    if !tree.has(path) {
        Target::Nothing
    } else if is_a(path, "md") {
        Target::Document(tree.text(path).unwrap_or_default())
    } else {
        Target::There
    }
}

fn document(path: &str, text: &str, lookup: impl Fn(&str) -> Target) -> Vec<Violation> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut violations = Vec::new();
    for (line, link) in links(text) {
        let (file, heading) = link.split_once('#').unwrap_or((link.as_str(), ""));
        let target = match resolve(folder, file) {
            _ if file.is_empty() => Target::Document(text.to_owned()),
            Some(path) => lookup(&path),
            None => Target::Nothing,
        };
        let missing = match target {
            Target::Nothing => "names no file of this repository",
            Target::Document(text) if !heading.is_empty() && !has_heading(&text, heading) => {
                "names no heading of that document"
            }
            Target::There | Target::Document(_) => continue,
        };
        let what = format!("the link `{link}` {missing}");
        violations.push(Violation::at(path, line, what, "mend or remove it"));
    }
    violations
}

/// A relative path from `folder`, without `.` and `..`; `None` when it leaves the repository.
fn resolve(folder: &str, file: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Relative links with their lines: `[text](target)` and `[name]: target`, outside of code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_inline_code(line);
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let reference = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]:"))
            .and_then(|(_, target)| target.split_whitespace().next());
        for target in inline.chain(reference) {
            let target = target.trim_matches(['<', '>']);
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// Numbered lines outside of fenced code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

fn without_inline_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Whether a heading has the anchor that code forges derive: lower case, punctuation dropped,
/// blanks turned into hyphens.
fn has_heading(text: &str, anchor: &str) -> bool {
    prose(text).any(|(_, line)| {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() {
            return false;
        }
        let kept = title.trim().to_lowercase().replace(' ', "-");
        let slug: String =
            kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
        slug == anchor
    })
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, said};
    use super::*;

    fn says(text: &str) -> Vec<String> {
        let found = document("docs/a.md", text, |path| match path {
            "docs/b.md" => Target::Document("# The Till's day\n".to_owned()),
            "LICENSE-MIT" | "crates" => Target::There,
            _ => Target::Nothing,
        });
        said(&found)
    }

    #[test]
    fn every_link_in_these_documents_leads_somewhere() {
        assert_clean(check);
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text = "[b](b.md) and [c](../LICENSE-MIT), [d](./b.md#the-tills-day)\n\
                    [e](https://example.org/x.md) [f](../crates/) [g](#here)\n\
                    ## Here\n[h]: b.md\n";
        assert!(says(text).is_empty(), "{:?}", says(text));
    }

    #[test]
    fn a_missing_file_a_missing_heading_and_a_way_out_are_caught() {
        let file = "the link `c.md` names no file of this repository";
        assert_eq!(says("see [c](c.md)."), [file]);
        assert_eq!(says("[c]: c.md"), [file]);
        let heading = "the link `b.md#night` names no heading of that document";
        assert_eq!(says("[c](b.md#night)"), [heading]);
        let out = "the link `../../b.md` names no file of this repository";
        assert_eq!(says("[c](../../b.md)"), [out]);
    }

    #[test]
    fn code_is_not_read() {
        assert!(says("```\n[c](c.md)\n```\n`[c](c.md)`\n").is_empty());
    }
}
