//! Rows of the tables of a page: banks name pages `.xls`, since spreadsheets open them.

use std::io::{BufRead, BufReader, Read};

use crate::model::StatementError;
use crate::source::MAX_LINE_BYTES;

/// Most cells of a row.
const MAX_CELLS: usize = 256;

/// Reads a page and gives each row of a table: the line where it begins, and its cells' texts, runs of blanks made one.
pub(super) fn rows(
    page: impl Read,
    mut take: impl FnMut(u64, &[&str]) -> Result<(), StatementError>,
) -> Result<(), StatementError> {
    let mut page = BufReader::new(page);
    let mut row = Row { line: 1, cells: Vec::new(), in_cell: false };
    let mut lines = Lines { line: 1, after_return: false };
    let mut skipped_until: Option<&str> = None;
    let mut piece = Vec::new();
    loop {
        // By turns a text before "<" and what stands between "<" and ">".
        for mark in [b'<', b'>'] {
            let begun = lines.line;
            let in_cell = row.in_cell && skipped_until.is_none();
            let read = until(&mut page, mark, &mut piece, &mut lines, in_cell)?;
            let text = String::from_utf8_lossy(piece.strip_suffix(&[mark]).unwrap_or(&piece));
            if mark == b'<' {
                if skipped_until.is_none() {
                    row.text(&text)?;
                }
                if read == 0 {
                    return row.give(&mut take);
                }
                continue;
            }
            let name = tag_name(&text);
            match skipped_until {
                Some(end) if name == end => skipped_until = None,
                Some(_) => {}
                None => skipped_until = row.tag(&name, begun, &mut take)?,
            }
        }
    }
}

/// Where the reading stands, as an editor shows it.
struct Lines {
    line: u64,
    after_return: bool,
}

impl Lines {
    fn count(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.line += u64::from(*byte == b'\r' || (*byte == b'\n' && !self.after_return));
            self.after_return = *byte == b'\r';
        }
    }
}

/// Reads to the next `mark` or the end; says how much that was. Beyond a line's length nothing is kept, and within a cell it is refused.
fn until(
    page: &mut impl BufRead,
    mark: u8,
    piece: &mut Vec<u8>,
    lines: &mut Lines,
    in_cell: bool,
) -> Result<usize, StatementError> {
    piece.clear();
    let mut read = page.take(MAX_LINE_BYTES as u64).read_until(mark, piece)?;
    lines.count(piece);
    let goes_on = |bytes: &[u8]| bytes.len() == MAX_LINE_BYTES && bytes.last() != Some(&mark);
    let mut is_more = goes_on(piece);
    let mut rest = Vec::new();
    while is_more {
        if in_cell {
            let words = "a cell is longer than any bank writes: not a row of a statement";
            return Err(StatementError::broken(words));
        }
        rest.clear();
        read += page.take(MAX_LINE_BYTES as u64).read_until(mark, &mut rest)?;
        lines.count(&rest);
        is_more = goes_on(&rest);
    }
    Ok(read)
}

/// The row under way.
struct Row {
    line: u64,
    cells: Vec<String>,
    in_cell: bool,
}

impl Row {
    /// Takes a tag. Some begin what is no text: then the tag that ends it is told.
    fn tag(
        &mut self,
        name: &str,
        line: u64,
        take: &mut impl FnMut(u64, &[&str]) -> Result<(), StatementError>,
    ) -> Result<Option<&'static str>, StatementError> {
        match name {
            "tr" | "/tr" | "/table" => {
                self.give(take)?;
                self.line = line;
            }
            "td" | "th" => {
                if self.cells.len() == MAX_CELLS {
                    return Err(StatementError::broken(format!(
                        "line {line} has more than {MAX_CELLS} columns"
                    )));
                }
                self.cells.push(String::new());
                self.in_cell = true;
            }
            "/td" | "/th" => self.in_cell = false,
            "br" | "br/" | "p" | "div" => self.text(" ")?,
            "script" => return Ok(Some("/script")),
            "style" => return Ok(Some("/style")),
            _ => {}
        }
        Ok(None)
    }

    fn text(&mut self, text: &str) -> Result<(), StatementError> {
        let Some(cell) = self.cells.last_mut().filter(|_| self.in_cell) else {
            return Ok(());
        };
        if cell.len() + text.len() > MAX_LINE_BYTES {
            let words =
                format!("line {} is longer than any bank writes: not a line of a statement", self.line);
            return Err(StatementError::broken(words));
        }
        cell.push_str(text);
        Ok(())
    }

    fn give(
        &mut self,
        take: &mut impl FnMut(u64, &[&str]) -> Result<(), StatementError>,
    ) -> Result<(), StatementError> {
        self.in_cell = false;
        let cells: Vec<String> = self.cells.drain(..).map(|cell| plain(&cell)).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        if cells.is_empty() { Ok(()) } else { take(self.line, &cells) }
    }
}

fn tag_name(tag: &str) -> String {
    let tag = tag.trim_start();
    let end = tag.find(|mark: char| mark.is_whitespace()).unwrap_or(tag.len());
    tag[..end].to_ascii_lowercase()
}

/// A text with its entities put in, and every run of blanks made one.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.bytes().take(10).position(|byte| byte == b';');
        match end.and_then(|end| entity(&rest[..end]).map(|letter| (letter, end))) {
            Some((letter, end)) => {
                out.push(letter);
                rest = &rest[end + 1..];
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn entity(name: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match name {
        "nbsp" => Some(' '),
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix('#')? {
            hex if hex.starts_with(['x', 'X']) => number(&hex[1..], 16),
            digits => number(digits, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Vec<(u64, Vec<String>)> {
        let mut found = Vec::new();
        rows(page.as_bytes(), |line, cells| {
            found.push((line, cells.iter().map(|cell| (*cell).to_owned()).collect()));
            Ok(())
        })
        .expect("a page");
        found
    }

    #[test]
    fn what_stands_outside_of_cells_may_be_long() {
        let script = "x\r\n".repeat(20_000);
        let page = format!("<script>{script}</script><img src='{script}'><tr><td>a</td></tr>");
        assert_eq!(found(&page), [(40_001, vec!["a".to_owned()])]);
        assert!(rows(format!("<td>{script}").as_bytes(), |_, _| Ok(())).is_err());
    }

    #[test]
    fn rows_of_tables() {
        let page = "<html><script>a < b; <td>no</script>\r\n<TABLE><tr>\n<TD align=x>a&nbsp; b<br>c</td><td>1 &lt; 2 &amp; &#65;&x;</td>\
                    <tr><th>last</th></tr></table>\n<p>no</p><tr><td>open";
        assert_eq!(
            found(page),
            [
                (2, vec!["a b c".to_owned(), "1 < 2 & A&x;".to_owned()]),
                (3, vec!["last".to_owned()]),
                (4, vec!["open".to_owned()]),
            ]
        );
    }
}
