//! Where the demo's visitors live: countries with their share, their clock, their languages and their networks.
//!
//! The networks are blocks that internet providers of the country give to their customers, as public registries say,
//! so that a country database answers with varied countries. The addresses in them are drawn by chance: nobody's.

use std::net::{IpAddr, Ipv4Addr};

use super::random::{Random, Weighted};

/// A country that visitors come from.
pub(super) struct Country {
    pub(super) code: &'static str,
    /// Share of the visits of a whole day, in per mille.
    pub(super) weight: u32,
    /// What its clocks show at midnight UTC; the part of a large country where most visitors live.
    pub(super) hours_ahead: u32,
    /// Languages and their shares in percent.
    languages: &'static [(&'static str, u32)],
    /// Blocks of addresses: the first byte, and the first and last second byte.
    networks: &'static [(u8, u8, u8)],
}

impl Country {
    pub(super) fn language(&self, random: &mut Random) -> &'static str {
        let weights = Weighted::new(self.languages.iter().map(|(_, percent)| *percent));
        self.languages[weights.pick(random)].0
    }

    /// An address of one of the country's networks.
    pub(super) fn address(&self, random: &mut Random) -> IpAddr {
        let (first, from, to) = random.one_of(self.networks);
        let second = from + random.below(u32::from(to - from) + 1) as u8;
        let [third, _, _, _, _, _, _, host] = random.bits().to_le_bytes();
        Ipv4Addr::new(first, second, third, host.clamp(1, 254)).into()
    }
}

/// The header that a browser with this language sends.
pub(super) fn accept_language(language: &str) -> String {
    match language.split_once('-') {
        Some(("en", _)) => format!("{language},en;q=0.9"),
        Some((base, _)) => format!("{language},{base};q=0.9,en;q=0.8"),
        None => format!("{language},en;q=0.7"),
    }
}

macro_rules! country {
    ($code:literal $weight:literal +$hours:literal, $languages:expr, $networks:expr) => {
        Country {
            code: $code,
            weight: $weight,
            hours_ahead: $hours,
            languages: &$languages,
            networks: &$networks,
        }
    };
}

#[rustfmt::skip]
pub(super) const COUNTRIES: &[Country] = &[
    country!("DE" 232 +1, [("de-DE", 72), ("de", 16), ("en-US", 9), ("tr-TR", 3)], [(79, 192, 201), (87, 128, 131), (93, 192, 192), (80, 128, 137)]),
    country!("US" 158 +18, [("en-US", 91), ("es-US", 7), ("en", 2)], [(73, 0, 60), (71, 192, 200), (76, 96, 120)]),
    country!("GB" 96 +0, [("en-GB", 90), ("en-US", 10)], [(109, 144, 153), (90, 192, 201), (78, 144, 150)]),
    country!("FR" 78 +1, [("fr-FR", 84), ("fr", 10), ("en-US", 6)], [(90, 0, 60), (88, 120, 127), (77, 128, 136)]),
    country!("AT" 62 +1, [("de-AT", 66), ("de-DE", 24), ("en-US", 10)], [(178, 112, 115), (178, 188, 191), (80, 120, 123)]),
    country!("CH" 58 +1, [("de-CH", 58), ("fr-CH", 22), ("it-CH", 6), ("en-US", 14)], [(178, 192, 198), (188, 60, 63), (85, 0, 7)]),
    country!("NL" 48 +1, [("nl-NL", 80), ("en-US", 12), ("en-GB", 8)], [(94, 208, 213), (87, 208, 215), (178, 224, 231)]),
    country!("IT" 40 +1, [("it-IT", 93), ("de-IT", 3), ("en-US", 4)], [(95, 224, 231), (79, 24, 31), (109, 112, 117)]),
    country!("ES" 32 +1, [("es-ES", 83), ("ca-ES", 9), ("en-GB", 8)], [(87, 216, 223), (79, 144, 149), (88, 0, 20)]),
    country!("SE" 24 +1, [("sv-SE", 86), ("en-US", 14)], [(95, 192, 201), (90, 224, 233), (81, 224, 233)]),
    country!("NO" 20 +1, [("nb-NO", 84), ("en-US", 12), ("nn-NO", 4)], [(84, 208, 215), (88, 88, 95), (85, 164, 167)]),
    country!("DK" 17 +1, [("da-DK", 86), ("en-US", 14)], [(80, 160, 167), (87, 48, 55), (188, 176, 183)]),
    country!("PL" 19 +1, [("pl-PL", 94), ("en-US", 6)], [(79, 184, 190), (89, 64, 73), (31, 60, 63)]),
    country!("CZ" 17 +1, [("cs-CZ", 92), ("en-US", 8)], [(90, 177, 183), (85, 160, 163), (88, 100, 103)]),
    country!("BE" 16 +1, [("nl-BE", 52), ("fr-BE", 38), ("en-US", 10)], [(94, 104, 111), (109, 128, 135), (91, 176, 183)]),
    country!("FI" 12 +2, [("fi-FI", 86), ("sv-FI", 5), ("en-US", 9)], [(91, 152, 159), (88, 192, 195), (84, 248, 251)]),
    country!("IE" 11 +0, [("en-IE", 62), ("en-GB", 30), ("en-US", 8)], [(87, 32, 41), (86, 40, 47), (109, 76, 79)]),
    country!("PT" 9 +0, [("pt-PT", 92), ("en-GB", 8)], [(85, 240, 247), (89, 152, 155), (188, 80, 83)]),
    country!("CA" 38 +18, [("en-CA", 62), ("fr-CA", 20), ("en-US", 18)], [(99, 224, 231), (184, 64, 71), (70, 48, 55)]),
    country!("AU" 22 +10, [("en-AU", 88), ("en-US", 12)], [(124, 168, 171), (101, 160, 160), (121, 208, 215)]),
    country!("NZ" 9 +12, [("en-NZ", 80), ("en-GB", 12), ("en-US", 8)], [(121, 72, 75), (118, 92, 93), (49, 224, 227)]),
    country!("IN" 27 +5, [("en-IN", 60), ("en-US", 22), ("hi-IN", 12), ("en-GB", 6)], [(117, 192, 201), (106, 217, 218), (182, 56, 60)]),
    country!("JP" 19 +9, [("ja-JP", 70), ("ja", 24), ("en-US", 6)], [(153, 128, 133), (175, 128, 133), (210, 136, 139)]),
    country!("KR" 8 +9, [("ko-KR", 92), ("en-US", 8)], [(221, 142, 148), (175, 112, 121), (203, 224, 225)]),
    country!("BR" 15 +21, [("pt-BR", 95), ("en-US", 5)], [(186, 203, 205), (152, 240, 248), (191, 8, 16)]),
    country!("MX" 11 +18, [("es-MX", 74), ("es-419", 20), ("en-US", 6)], [(189, 142, 143), (187, 130, 139), (177, 224, 233)]),
];
