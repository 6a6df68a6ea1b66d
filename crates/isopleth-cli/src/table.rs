//! Plain tables for the terminal.

/// A table of text, numbers to the right.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Self {
            head: head.iter().map(|h| (*h).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn print(&self) {
        for line in self.lines() {
            say!("{line}");
        }
    }

    fn lines(&self) -> Vec<String> {
        let columns = self.head.len();
        let width = |c: usize| {
            let cells = self.rows.iter().map(|r| &r[c]).chain([&self.head[c]]);
            cells.map(|t| t.chars().count()).max().unwrap_or(0)
        };
        let numeric = |c: usize| {
            let is_number = |t: &str| {
                t.chars()
                    .all(|ch| ch.is_ascii_digit() || ".,-%".contains(ch))
            };
            !self.rows.is_empty() && self.rows.iter().all(|r| is_number(&r[c]))
        };
        let shape: Vec<(usize, bool)> = (0..columns).map(|c| (width(c), numeric(c))).collect();
        std::iter::once(&self.head)
            .chain(&self.rows)
            .map(|row| {
                let cells: Vec<String> = row
                    .iter()
                    .zip(&shape)
                    .map(|(t, &(w, right))| {
                        if right {
                            format!("{t:>w$}")
                        } else {
                            format!("{t:<w$}")
                        }
                    })
                    .collect();
                cells.join("  ").trim_end().to_owned()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right() {
        let mut t = Table::new(&["name", "n"]);
        t.row(["a".into(), "5".into()]);
        t.row(["long one".into(), "1,234".into()]);
        assert_eq!(
            t.lines(),
            ["name          n", "a             5", "long one  1,234"]
        );
    }
}
