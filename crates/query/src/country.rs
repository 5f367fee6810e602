//! English names of countries, by ISO 3166-1 alpha-2 code (source: `iso3166.tab` of the IANA time zone database, in the
//! public domain, with the names that are in general use). Codes beside the standard stay as they are.

const TABLE: &str = include_str!("countries.tsv");

/// All codes.
pub(crate) fn codes() -> Vec<String> {
    rows().map(|(code, _)| code.to_owned()).collect()
}

/// All names, in the order of the codes.
pub(crate) fn names() -> Vec<String> {
    rows().map(|(_, name)| name.to_owned()).collect()
}

/// The name of a code, or the code.
pub(crate) fn name(code: &str) -> &str {
    rows().find(|(known, _)| *known == code).map_or(code, |(_, name)| name)
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter_map(|line| line.split_once('\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_every_code_once() {
        let codes: std::collections::HashSet<_> = rows().map(|(code, _)| code).collect();
        assert_eq!(codes.len(), TABLE.lines().count());
        assert!(rows().all(|(code, name)| code.len() == 2 && !name.is_empty()));
    }
}
