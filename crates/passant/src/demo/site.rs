//! The demo's site: a shop for hikers with a journal and guides, every page of it, and how people walk from one to the next.
//!
//! Everything is made up, and no path may hold what the pipeline would take for an identifier of a person.

use super::random::{Random, Weighted};

/// The site, as beacons name it.
pub(super) const DOMAIN: &str = "demo.example";
/// Where the basket lives.
const SHOP_HOST: &str = "shop.demo.example";

/// A part of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Home,
    Category,
    Product,
    Journal,
    Guide,
    Service,
    Club,
    Basket,
}

/// Weights of the sections, in their order.
pub(super) type Mix = [u32; 8];

pub(super) const ANY: Mix = [20, 12, 26, 26, 14, 2, 0, 0];
pub(super) const HOME_FIRST: Mix = [52, 13, 15, 10, 6, 4, 0, 0];
pub(super) const QUESTIONS: Mix = [10, 12, 24, 27, 26, 1, 0, 0];
pub(super) const STORIES: Mix = [6, 4, 12, 68, 10, 0, 0, 0];
pub(super) const SHOPPING: Mix = [14, 24, 46, 11, 4, 1, 0, 0];
pub(super) const CAMPAIGN: Mix = [4, 52, 44, 0, 0, 0, 0, 0];

const SECTIONS: [Section; 8] = [
    Section::Home,
    Section::Category,
    Section::Product,
    Section::Journal,
    Section::Guide,
    Section::Service,
    Section::Club,
    Section::Basket,
];

/// Where people go next, by the section that they are in.
const NEXT: [Mix; 8] = [
    [0, 44, 22, 19, 9, 6, 0, 0],
    [5, 16, 72, 2, 3, 2, 0, 0],
    [5, 27, 53, 3, 6, 6, 0, 0],
    [12, 9, 16, 53, 9, 1, 0, 0],
    [6, 15, 32, 17, 28, 2, 0, 0],
    [26, 26, 30, 6, 4, 8, 0, 0],
    [40, 30, 20, 10, 0, 0, 0, 0],
    [20, 30, 40, 0, 0, 10, 0, 0],
];

/// A page of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) section: Section,
    index: u8,
}

impl Page {
    pub(super) const CLUB: Self = Self { section: Section::Club, index: 0 };
    /// The steps to a purchase, in order.
    pub(super) const BASKET: [Self; 3] = [Self::basket(0), Self::basket(1), Self::basket(2)];

    const fn basket(index: u8) -> Self {
        Self { section: Section::Basket, index }
    }

    pub(super) fn journal(post: usize) -> Self {
        Self { section: Section::Journal, index: post as u8 }
    }

    pub(super) fn path(self) -> &'static str {
        self.section.paths()[usize::from(self.index)]
    }

    pub(super) fn hostname(self) -> &'static str {
        if self.section == Section::Basket { SHOP_HOST } else { DOMAIN }
    }
}

impl Section {
    fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Home => &["/"],
            Self::Category => &CATEGORIES,
            Self::Product => &PRODUCTS,
            Self::Journal => &JOURNAL,
            Self::Guide => &GUIDES,
            Self::Service => &SERVICE,
            Self::Club => &["/club"],
            Self::Basket => &["/basket", "/checkout", "/checkout/thanks"],
        }
    }

    /// Seconds that people stay on a page, on average.
    pub(super) fn stay_seconds(self) -> f64 {
        match self {
            Self::Home | Self::Category => 22.0,
            Self::Product => 41.0,
            Self::Journal => 96.0,
            Self::Guide => 118.0,
            Self::Service | Self::Club => 33.0,
            Self::Basket => 48.0,
        }
    }
}

/// The pages with their shares, and the ways between them.
pub(super) struct Pages {
    within: [Weighted; 8],
    next: [Weighted; 8],
}

impl Pages {
    pub(super) fn new() -> Self {
        Self {
            within: SECTIONS.map(|section| Weighted::zipf(section.paths().len())),
            next: NEXT.map(Weighted::new),
        }
    }

    pub(super) fn of_mix(&self, mix: &Weighted, random: &mut Random) -> Page {
        self.of_section(SECTIONS[mix.pick(random)], random)
    }

    /// A page to go to from `page`, and not itself.
    pub(super) fn after(&self, page: Page, random: &mut Random) -> Page {
        loop {
            let next = self.of_mix(&self.next[page.section as usize], random);
            if next != page {
                return next;
            }
        }
    }

    fn of_section(&self, section: Section, random: &mut Random) -> Page {
        Page { section, index: self.within[section as usize].pick(random) as u8 }
    }
}

const CATEGORIES: [&str; 10] = [
    "/shop/boots",
    "/shop/jackets",
    "/shop/backpacks",
    "/shop/tents",
    "/shop/sale",
    "/shop/sleeping-bags",
    "/shop/trekking-poles",
    "/shop/stoves",
    "/shop/maps",
    "/shop/gift-cards",
];

const PRODUCTS: [&str; 44] = [
    "/shop/boots/ridgeline-mid",
    "/shop/jackets/stormcap-3l",
    "/shop/backpacks/drift-38",
    "/shop/tents/lark-2",
    "/shop/boots/granite-low",
    "/shop/sleeping-bags/nightjar-0c",
    "/shop/jackets/windhem",
    "/shop/backpacks/drift-55",
    "/shop/trekking-poles/carbon-fold",
    "/shop/tents/lark-1",
    "/shop/stoves/ember-mini",
    "/shop/boots/ridgeline-high",
    "/shop/jackets/down-sweater",
    "/shop/maps/alps-east",
    "/shop/backpacks/daypack-18",
    "/shop/sleeping-bags/nightjar-minus-7c",
    "/shop/boots/marsh-wellington",
    "/shop/tents/fell-dome-4",
    "/shop/trekking-poles/alloy-three",
    "/shop/jackets/rain-cape",
    "/shop/stoves/ember-duo",
    "/shop/maps/dolomites",
    "/shop/sleeping-bags/quilt-5c",
    "/shop/boots/approach-gum",
    "/shop/backpacks/rain-cover",
    "/shop/tents/tarp-3x3",
    "/shop/maps/jotunheimen",
    "/shop/jackets/fleece-grid",
    "/shop/stoves/pot-900",
    "/shop/trekking-poles/rubber-tips",
    "/shop/boots/winter-lined",
    "/shop/sleeping-bags/silk-liner",
    "/shop/backpacks/hip-belt-pocket",
    "/shop/tents/groundsheet-lark",
    "/shop/maps/lake-district",
    "/shop/jackets/softshell-lite",
    "/shop/stoves/windscreen",
    "/shop/boots/wax-kit",
    "/shop/maps/corsica-gr20",
    "/shop/sleeping-bags/mat-inflate",
    "/shop/jackets/gaiters",
    "/shop/stoves/spork-long",
    "/shop/tents/peg-set",
    "/shop/gift-cards/fifty",
];

/// The post that stood on the front page of Hacker News.
pub(super) const FRONT_PAGE_POST: usize = 17;

const JOURNAL: [&str; 40] = [
    "/blog/how-to-lace-boots-for-downhill",
    "/blog/seven-huts-worth-the-climb",
    "/blog/rain-jackets-compared",
    "/blog/packing-for-three-days",
    "/blog/first-night-in-a-tent",
    "/blog/autumn-in-the-karwendel",
    "/blog/repair-a-torn-tent",
    "/blog/hiking-with-children",
    "/blog/what-a-liter-of-water-weighs",
    "/blog/blisters-and-how-to-avoid-them",
    "/blog/sleeping-warm-below-zero",
    "/blog/a-week-on-the-gr20",
    "/blog/trekking-poles-yes-or-no",
    "/blog/dogs-on-the-trail",
    "/blog/coffee-at-2500-meters",
    "/blog/reading-clouds",
    "/blog/waxing-leather-boots",
    "/blog/we-weighed-every-tent-we-sell",
    "/blog/night-trains-to-the-mountains",
    "/blog/wild-camping-rules-in-europe",
    "/blog/the-case-for-heavy-boots",
    "/blog/our-returns-in-numbers",
    "/blog/a-map-is-a-promise",
    "/blog/winter-hikes-without-snowshoes",
    "/blog/jotunheimen-in-september",
    "/blog/stoves-in-the-wind",
    "/blog/why-we-repair",
    "/blog/wool-or-synthetic",
    "/blog/ten-hikes-by-train",
    "/blog/fear-of-heights",
    "/blog/the-lightest-first-aid-kit",
    "/blog/lake-district-in-the-rain",
    "/blog/meet-the-cobbler",
    "/blog/sunrise-starts",
    "/blog/how-we-test-backpacks",
    "/blog/dolomites-off-season",
    "/blog/lost-and-found",
    "/blog/a-shop-without-cookies",
    "/blog/marmots",
    "/blog/five-years-of-demo",
];

const GUIDES: [&str; 12] = [
    "/guides/boot-fitting",
    "/guides/packing-list",
    "/guides/backpack-size",
    "/guides/tent-care",
    "/guides/layers",
    "/guides/sleeping-bag-temperatures",
    "/guides/alpine-emergency",
    "/guides/map-and-compass",
    "/guides/stove-fuel",
    "/guides/water-treatment",
    "/guides/trail-grades",
    "/guides/waterproofing",
];

const SERVICE: [&str; 9] = [
    "/about",
    "/shipping",
    "/returns",
    "/contact",
    "/stores",
    "/size-charts",
    "/repairs",
    "/jobs",
    "/privacy",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_looks_like_a_person_to_the_pipeline() {
        let mut pages = 0;
        for path in SECTIONS.iter().flat_map(|section| section.paths()) {
            assert_eq!(passant_ingest::scrub(path), *path);
            pages += 1;
        }
        assert!((110..=130).contains(&pages), "{pages}");
    }

    #[test]
    fn the_order_of_the_sections_is_that_of_their_weights() {
        for (place, section) in SECTIONS.iter().enumerate() {
            assert_eq!(*section as usize, place);
        }
        assert_eq!(Page::journal(FRONT_PAGE_POST).path(), "/blog/we-weighed-every-tent-we-sell");
    }
}
