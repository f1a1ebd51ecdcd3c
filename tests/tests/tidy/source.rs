//! The files of the project, and Rust files as flat tokens: without comments, with strings in one piece.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// The folder that holds the workspace.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests crate lies in the workspace's folder").to_owned()
}

/// A file of the project.
pub(crate) struct File {
    /// From the workspace's folder, with `/` between.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

/// Every text file of the project whose path ends in one of `endings`, without what is built.
pub(crate) fn files(endings: &[&str]) -> Vec<File> {
    let root = root();
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the project's folders can be read") {
            let path = entry.expect("the project's folders can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("the project's names are UTF-8");
            if path.is_dir() {
                if !matches!(name, ".git" | "target") {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let inside = path.strip_prefix(&root).expect("it was found below the root");
                found.push(File { path: inside.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    assert!(!found.is_empty(), "no file ends in any of {endings:?}");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The Rust files below a folder, as tokens.
pub(crate) fn sources(below: &str) -> Vec<Source> {
    let found: Vec<_> = files(&[".rs"])
        .into_iter()
        .filter(|file| file.path.starts_with(below))
        .map(|file| Source::read(&file.path, &file.text))
        .collect();
    assert!(!found.is_empty(), "there is no Rust file below {below}");
    found
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or keyword.
    Word,
    /// A literal as it is written, quotes included.
    Literal,
    /// `::` in one piece, otherwise one character; brackets too.
    Mark,
}

/// One token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A Rust file.
pub(crate) struct Source {
    /// From the workspace's folder.
    pub(crate) path: String,
    pub(crate) tokens: Vec<Token>,
}

impl Source {
    /// Reads a file's tokens.
    pub(crate) fn read(path: &str, text: &str) -> Self {
        let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path} is not Rust: {error}"));
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        Self { path: path.to_owned(), tokens }
    }

    /// Where a token stands, for a message.
    pub(crate) fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, self.tokens.get(at).map_or(0, |token| token.line))
    }

    /// Whether the tokens from `at` on are these.
    pub(crate) fn reads(&self, at: usize, wanted: &[&str]) -> bool {
        self.tokens.get(at..at + wanted.len()).is_some_and(|tokens| tokens.iter().map(|t| &t.text).eq(wanted))
    }

    /// Every place where these tokens follow each other.
    pub(crate) fn find(&self, wanted: &[&str]) -> Vec<usize> {
        (0..self.tokens.len()).filter(|&at| self.reads(at, wanted)).collect()
    }

    /// The tokens between the bracket at `open` and the one that closes it.
    pub(crate) fn inside(&self, open: usize) -> &[Token] {
        let rest = self.tokens.get(open + 1..).unwrap_or_default();
        let mut depth = 0_usize;
        for (n, token) in rest.iter().enumerate().filter(|(_, token)| token.kind == Kind::Mark) {
            match token.text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" if depth == 0 => return rest.get(..n).unwrap_or_default(),
                ")" | "]" | "}" => depth -= 1,
                _ => (),
            }
        }
        rest
    }
}

/// Splits tokens at the commas that stand in no bracket.
pub(crate) fn by_comma(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_i32;
    tokens
        .split(|token| {
            match (token.kind, token.text.as_str()) {
                (Kind::Mark, "(" | "[" | "{") => depth += 1,
                (Kind::Mark, ")" | "]" | "}") => depth -= 1,
                (Kind::Mark, ",") => return depth == 0,
                _ => (),
            }
            false
        })
        .filter(|part| !part.is_empty())
        .collect()
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let mut joined = false;
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |kind, text: String, line| tokens.push(Token { kind, text, line });
        match tree {
            TokenTree::Ident(ident) => push(Kind::Word, ident.to_string(), line),
            TokenTree::Literal(literal) => push(Kind::Literal, literal.to_string(), line),
            TokenTree::Punct(punct) if punct.as_char() == ':' && joined => {
                joined = false;
                if let Some(last) = tokens.last_mut() {
                    last.text.push(':');
                }
                continue;
            }
            TokenTree::Punct(punct) => {
                push(Kind::Mark, punct.as_char().to_string(), line);
                joined = punct.as_char() == ':' && punct.spacing() == Spacing::Joint;
                continue;
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                push(Kind::Mark, open.to_owned(), line);
                flatten(group.stream(), tokens);
                tokens.push(Token { kind: Kind::Mark, text: close.to_owned(), line: group.span_close().start().line });
            }
        }
        joined = false;
    }
}
