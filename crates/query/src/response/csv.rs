//! Lines of CSV by RFC 4180, with quotes only where a field needs them, and without what a spreadsheet would run.

/// One line, with its end.
pub(crate) fn line(fields: impl Iterator<Item = String>) -> String {
    let fields: Vec<_> = fields.map(field).collect();
    format!("{}\r\n", fields.join(","))
}

/// A text of a visitor's making as a field that a spreadsheet shows and does not run (CWE-1236): it takes one that begins
/// with such a character for a formula, and one that begins with an apostrophe for a text.
pub(super) fn label(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text }
}

fn field(text: String) -> String {
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_what_would_end_a_field() {
        let fields = ["plain", "a,b", "say \"hi\"", "two\nlines", ""].map(str::to_owned);
        assert_eq!(line(fields.into_iter()), "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\r\n");
    }

    #[test]
    fn leaves_a_spreadsheet_nothing_to_run() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0"] {
            assert_eq!(label(text.to_owned()), format!("'{text}"));
        }
        for text in ["", "/a=b", "(fewer than 5)", "1-2", "2026-03-01", "'quoted'"] {
            assert_eq!(label(text.to_owned()), text);
        }
    }
}
