//! The line that is being typed, and those that were.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// How many lines are remembered.
const REMEMBERED_MAX: usize = 200;

/// A line of text with a cursor.
#[derive(Debug, Default)]
pub(super) struct Input {
    letters: Vec<char>,
    cursor: usize,
    /// What was entered, oldest first.
    remembered: Vec<String>,
    /// Which of them is shown, and what was being typed before it was.
    recalled: Option<(usize, Vec<char>)>,
}

impl Input {
    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// The text before the cursor, and from it on.
    pub(super) fn parts(&self) -> (String, String) {
        let (before, behind) = self.letters.split_at(self.cursor);
        (before.iter().collect(), behind.iter().collect())
    }

    /// Takes the line, which is remembered.
    pub(super) fn take(&mut self) -> String {
        let line: String = std::mem::take(&mut self.letters).into_iter().collect();
        self.cursor = 0;
        self.recalled = None;
        if !line.trim().is_empty() && self.remembered.last() != Some(&line) {
            self.remembered.push(line.clone());
            let surplus = self.remembered.len().saturating_sub(REMEMBERED_MAX);
            self.remembered.drain(..surplus);
        }
        line
    }

    /// Inserts text; what would end the line or move the cursor becomes a space.
    pub(super) fn insert(&mut self, text: &str) {
        let letters = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        let count = text.chars().count();
        self.letters.splice(self.cursor..self.cursor, letters);
        self.cursor += count;
    }

    /// Takes a key that edits. Returns whether it was one.
    pub(super) fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.letters.len(),
            KeyCode::Char('u') if control => self.erase(0),
            KeyCode::Char('w') if control => self.erase(self.word_start()),
            KeyCode::Char(letter) if !control && !key.modifiers.contains(KeyModifiers::ALT) => {
                self.insert(letter.encode_utf8(&mut [0; 4]));
            }
            KeyCode::Backspace => self.erase(self.cursor.saturating_sub(1)),
            KeyCode::Delete => {
                let end = (self.cursor + 1).min(self.letters.len());
                self.letters.drain(self.cursor..end);
            }
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.letters.len()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.letters.len(),
            KeyCode::Up => self.recall_older(),
            KeyCode::Down => self.recall_newer(),
            _ => return false,
        }
        true
    }

    /// Removes what stands from a place to the cursor.
    fn erase(&mut self, from: usize) {
        self.letters.drain(from..self.cursor);
        self.cursor = from;
    }

    fn word_start(&self) -> usize {
        let before = &self.letters[..self.cursor];
        let end = before.iter().rposition(|letter| !letter.is_whitespace());
        let start = end.and_then(|end| before[..end].iter().rposition(|it| it.is_whitespace()));
        start.map_or(0, |start| start + 1)
    }

    fn recall_older(&mut self) {
        let at = self.recalled.as_ref().map_or(self.remembered.len(), |(at, _)| *at);
        if at > 0 {
            self.recall(at - 1);
        }
    }

    fn recall_newer(&mut self) {
        let Some((at, typed)) = self.recalled.take() else { return };
        if at + 1 < self.remembered.len() {
            self.recalled = Some((at, typed));
            return self.recall(at + 1);
        }
        self.cursor = typed.len();
        self.letters = typed;
    }

    fn recall(&mut self, at: usize) {
        let typed = match self.recalled.take() {
            Some((_, typed)) => typed,
            None => std::mem::take(&mut self.letters),
        };
        self.letters = self.remembered[at].chars().collect();
        self.cursor = self.letters.len();
        self.recalled = Some((at, typed));
    }
}

#[cfg(test)]
mod tests {
    use super::Input;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    fn press(input: &mut Input, code: KeyCode) {
        assert!(input.key(KeyEvent::new(code, KeyModifiers::NONE)), "{code:?}");
    }

    fn control(input: &mut Input, letter: char) {
        assert!(input.key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)));
    }

    fn shown(input: &Input) -> String {
        let (before, behind) = input.parts();
        format!("{before}|{behind}")
    }

    #[test]
    fn a_line_is_edited_at_the_cursor() {
        let mut input = Input::default();
        input.insert("hé wörld");
        for code in [KeyCode::Left, KeyCode::Left, KeyCode::Backspace, KeyCode::Delete] {
            press(&mut input, code);
        }
        assert_eq!(shown(&input), "hé wö|d");
        control(&mut input, 'w');
        assert_eq!(shown(&input), "hé |d");
        press(&mut input, KeyCode::Home);
        press(&mut input, KeyCode::Backspace);
        press(&mut input, KeyCode::Char('x'));
        assert_eq!(shown(&input), "x|hé d");
        control(&mut input, 'e');
        press(&mut input, KeyCode::Right);
        press(&mut input, KeyCode::Delete);
        control(&mut input, 'u');
        assert_eq!(shown(&input), "|");
        input.insert("a\nb\x1b");
        assert_eq!(shown(&input), "a b |");
        assert!(!input.key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)));
    }

    #[test]
    fn what_was_entered_comes_back_and_what_was_being_typed_is_kept() {
        let mut input = Input::default();
        for line in ["one", "two", "two", "  "] {
            input.insert(line);
            assert_eq!(input.take(), line);
        }
        input.insert("thr");
        let mut recall = |code| {
            press(&mut input, code);
            shown(&input)
        };
        assert_eq!(recall(KeyCode::Up), "two|");
        assert_eq!(recall(KeyCode::Up), "one|");
        assert_eq!(recall(KeyCode::Up), "one|");
        assert_eq!(recall(KeyCode::Down), "two|");
        assert_eq!(recall(KeyCode::Down), "thr|");
        assert_eq!(recall(KeyCode::Down), "thr|");
    }
}
