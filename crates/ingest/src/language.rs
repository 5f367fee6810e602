//! The language of a visitor: the first tag of `Accept-Language`, normalised.
//!
//! Weights, further tags, variants and extensions are dropped before anything is kept: the whole header tells
//! browsers apart, its first tag tells what to translate.

/// Reads the first tag as `language[-Script][-REGION]`; blank where there is none.
pub fn language(accept_language: &str) -> String {
    let first = accept_language.split([',', ';']).next().unwrap_or_default().trim();
    let mut subtags = first.split(['-', '_']);
    let Some(language) = subtags.next().filter(|tag| is_alpha(tag, 2..=3)) else { return String::new() };
    let mut normal = language.to_ascii_lowercase();
    let mut next = subtags.next();
    if let Some(script) = next.filter(|tag| is_alpha(tag, 4..=4)) {
        normal.push('-');
        normal.push_str(&script[..1].to_ascii_uppercase());
        normal.push_str(&script[1..].to_ascii_lowercase());
        next = subtags.next();
    }
    if let Some(region) = next.filter(|tag| is_alpha(tag, 2..=2) || is_area_code(tag)) {
        normal.push('-');
        normal.push_str(&region.to_ascii_uppercase());
    }
    normal
}

fn is_alpha(tag: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphabetic())
}

/// A UN M.49 area such as the 419 of Latin American Spanish.
fn is_area_code(tag: &str) -> bool {
    tag.len() == 3 && tag.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_tag_alone() {
        for (header, expected) in [
            ("", ""),
            ("*", ""),
            ("en", "en"),
            ("en-us,en;q=0.5", "en-US"),
            ("DE", "de"),
            ("de-DE;q=0.9", "de-DE"),
            ("zh-hans-cn, zh", "zh-Hans-CN"),
            ("es-419", "es-419"),
            ("pt_BR", "pt-BR"),
            ("en-US-x-private", "en-US"),
            ("de-CH-1996", "de-CH"),
            ("  fr-CA , fr", "fr-CA"),
            ("i-klingon", ""),
            ("english", ""),
            ("<script>", ""),
            ("ü-DE", ""),
        ] {
            assert_eq!(language(header), expected, "{header:?}");
        }
    }
}
