//! One line of typing.

/// What is being typed, and where in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Editor {
    before: String,
    after: String,
}

impl Editor {
    /// Begins with a text, at its end.
    pub fn new(text: &str) -> Self {
        Self { before: text.to_owned(), after: String::new() }
    }

    /// What has been typed.
    pub fn text(&self) -> String {
        format!("{}{}", self.before, self.after)
    }

    /// What stands before the cursor.
    pub fn before(&self) -> &str {
        &self.before
    }

    /// What stands behind the cursor.
    pub fn after(&self) -> &str {
        &self.after
    }

    /// Types a character. Control characters are left out.
    pub fn type_in(&mut self, c: char) {
        if !c.is_control() {
            self.before.push(c);
        }
    }

    /// Takes the character before the cursor away.
    pub fn backspace(&mut self) {
        self.before.pop();
    }

    /// Takes the word before the cursor away.
    pub fn backspace_word(&mut self) {
        let kept = self.before.trim_end().trim_end_matches(|c: char| !c.is_whitespace()).len();
        self.before.truncate(kept);
    }

    /// Takes the character behind the cursor away.
    pub fn delete(&mut self) {
        self.after = self.after.chars().skip(1).collect();
    }

    /// One character back.
    pub fn left(&mut self) {
        if let Some(c) = self.before.pop() {
            self.after.insert(0, c);
        }
    }

    /// One character on.
    pub fn right(&mut self) {
        if let Some(c) = self.after.chars().next() {
            self.before.push(c);
            self.delete();
        }
    }

    /// To the beginning.
    pub fn home(&mut self) {
        self.after = self.text();
        self.before.clear();
    }

    /// To the end.
    pub fn end(&mut self) {
        self.before = self.text();
        self.after.clear();
    }
}
