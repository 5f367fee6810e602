//! Lines of CSV by RFC 4180, with quotes only where a field needs them.

/// One line, with its end.
pub(super) fn line(fields: impl Iterator<Item = String>) -> String {
    let fields: Vec<_> = fields.map(field).collect();
    format!("{}\r\n", fields.join(","))
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
}
